"""What a killed process was writing is swept away by the next that writes the same."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recinterpreter.checkpoint import write_text
from recinterpreter.partial import partial_name


@pytest.fixture
def dead() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


def test_what_the_dead_left_is_swept_away(tmp_path: Path, dead: int) -> None:
    (tmp_path / f".t.json.{dead}.part").touch()
    (tmp_path / f".model.{dead}.part").mkdir()
    (tmp_path / f".model.{dead}.part" / "weights").touch()
    assert partial_name(tmp_path / "t.json").name == f".t.json.{os.getpid()}.part"
    assert partial_name(tmp_path / "model").parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_what_others_write_stays(tmp_path: Path, dead: int) -> None:
    others = {f".t.json.{os.getpid()}.part", f".t.json.{os.getppid()}.part", ".t.json.part"}
    others |= {f".another.t.json.{dead}.part", f".t.json.x.{dead}.part", "t.json"}
    for name in others:
        (tmp_path / name).touch()
    partial_name(tmp_path / "t.json")
    assert {file.name for file in tmp_path.iterdir()} == others


def test_killed_in_the_middle_of_writing_nothing_stands_under_the_name(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from recinterpreter.checkpoint import replacing\n"
        "with replacing(Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    target = tmp_path / "t.txt"
    killed = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    assert len(list(tmp_path.iterdir())) == 1
    write_text(target, "whole")
    assert list(tmp_path.iterdir()) == [target]
