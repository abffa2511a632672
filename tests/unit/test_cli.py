"""The command `recinterpreter`."""

import subprocess
import sys
from pathlib import Path

import pytest

from recinterpreter import cli


def test_alone_it_lists_every_stage_with_its_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([])
    listed = capsys.readouterr().out
    stages = Path(cli.__file__).parent / "stages"
    for file in stages.glob("[!_]*.py"):
        (line,) = [line for line in listed.splitlines() if line.split()[:1] == [file.stem]]
        assert len(line.split()) > 3


def test_a_misspelt_stage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["split_exampels"])
    assert caught.value.code == 2
    assert "did you mean 'split_examples'?" in capsys.readouterr().err


@pytest.mark.parametrize("spelt", ["split_examples", "split-examples"])
def test_it_runs_a_stage(spelt: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([spelt, "--help"])
    assert "--interactions" in capsys.readouterr().out


def test_the_list_does_not_wait_for_torch() -> None:
    program = (
        "import sys; from recinterpreter.cli import main; main([]); print('torch' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert run.stdout.splitlines()[-1] == "False"


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--version"])
    assert capsys.readouterr().out.startswith("recinterpreter 0.")
