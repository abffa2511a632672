"""A stage as a program: options, checks, logs, exit codes and the record of the run."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import get_type_hints

import pytest

from recinterpreter import command as module
from recinterpreter import lock
from recinterpreter.checkpoint import Progress, read_json, write_text
from recinterpreter.command import (
    InputPath,
    InputPaths,
    OutputPath,
    OutputPaths,
    command,
    work_folder,
)
from recinterpreter.contents import MADE, content_digest
from recinterpreter.errors import UserError
from recinterpreter.provenance.record import read_made
from recinterpreter.settings.language_model import Running
from recinterpreter.settings.recommenders import Baseline, States

SETTINGS = States(precision="float32").as_json()


@pytest.fixture(autouse=True)
def _quiet_logger() -> Iterator[None]:
    logger = logging.getLogger("recinterpreter")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before


def join(
    *,
    settings: States,
    batch_size: int,
    first: InputPath,
    others: InputPaths,
    llm: str = "none",
    joined: OutputPath,
    copies: OutputPaths,
) -> None:
    """Join files."""
    text = first.read_text() + "".join(path.read_text() for path in others)
    if "bad" in text:
        raise UserError("got bad, wanted good; write good")
    if "defect" in text:
        raise RuntimeError("a defect")
    if "full" in text:
        raise OSError(28, "No space left on device", str(joined))
    for path in (joined, *copies):
        write_text(path, f"{text} {settings.precision} {batch_size + 1} {llm}")


def run(folder: Path, *more: str, first: str = "a", settings: str = SETTINGS) -> None:
    (folder / "a").write_text(first)
    (folder / "b").write_text("b")
    command(
        join,
        [
            *("--settings", settings, "--batch-size", "2", "--first", str(folder / "a")),
            *("--others", str(folder / "b"), str(folder / "b")),
            *("--joined", str(folder / "deep" / "out")),
            *("--copies", str(folder / "c1"), str(folder / "c2"), *more),
        ],
    )


def exit_code(folder: Path, *more: str, **given: str) -> int:
    with pytest.raises(SystemExit) as caught:
        run(folder, *more, **given)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_a_stage_gets_its_files_and_settings(tmp_path: Path) -> None:
    run(tmp_path, "--llm", "tiny")
    for name in ("deep/out", "c1", "c2"):
        assert (tmp_path / name).read_text() == "abb float32 3 tiny"


def test_the_record_stands_beside_the_log(tmp_path: Path) -> None:
    run(tmp_path, "--log", str(tmp_path / "logs/x.seed0.log"), "--code", "abc", "--llm", "none")
    assert "done in" in (tmp_path / "logs" / "x.seed0.log").read_text()
    record = read_json(tmp_path / "logs" / "x.seed0.json")
    assert record["settings"] == json.loads(SETTINGS)
    assert record["code"] == "abc"
    assert 0 <= record["seconds"] < 60
    assert {"python", "torch", "numpy"} <= set(record["versions"])
    assert datetime.fromisoformat(record["started"]) <= datetime.fromisoformat(record["finished"])
    (first,) = record["inputs"]["first"]
    assert first == {
        "path": str(tmp_path / "a"),
        "bytes": 1,
        "sha256": content_digest(tmp_path / "a"),
    }
    assert [len(record["inputs"][name]) for name in ("first", "others")] == [1, 2]
    assert [file["path"] for file in record["outputs"]["copies"]] == [
        str(tmp_path / "c1"),
        str(tmp_path / "c2"),
    ]
    assert record["names"] == {"llm": "none"}
    assert read_made(tmp_path / "deep")["out"]["code"] == "abc"


def test_the_record_describes_what_was_read_and_not_what_came_of_it(tmp_path: Path) -> None:
    def overwrite(*, first: InputPath, joined: OutputPath) -> None:
        """Write what was read."""
        write_text(first, "changed while it ran")
        write_text(joined, "x")

    (tmp_path / "a").write_text("a")
    before = content_digest(tmp_path / "a")
    options = ["--first", str(tmp_path / "a"), "--joined", str(tmp_path / "out")]
    command(overwrite, [*options, "--log", str(tmp_path / "x.log")])
    assert read_json(tmp_path / "x.json")["inputs"]["first"][0]["sha256"] == before


def test_a_language_model_is_recorded_by_its_files(tmp_path: Path) -> None:
    for name in ("config.json", "w", ".git/objects/w", ".hidden", "deep/w", MADE):
        write_text(tmp_path / "model" / name, "{}")
    run(tmp_path, "--llm", str(tmp_path / "model"), "--log", str(tmp_path / "x.log"))
    record = read_json(tmp_path / "x.json")
    assert [Path(file["path"]).name for file in record["inputs"]["llm"]] == ["config.json", "w"]
    assert record["names"] == {}


def test_handling_is_recorded_beside_the_settings(tmp_path: Path) -> None:
    def load(*, running: Running, batch_size: int, settings: Baseline, joined: OutputPath) -> None:
        """Load."""
        write_text(joined, "x")

    options = ["--running", Running(spread=True, allow_pickle=False).as_json()]
    options += ["--batch-size", "8", "--settings", Baseline(baseline="popularity").as_json()]
    command(load, [*options, "--joined", str(tmp_path / "o"), "--log", str(tmp_path / "x.log")])
    record = read_json(tmp_path / "x.json")
    assert record["settings"] == {"baseline": "popularity"}
    running = {"spread": True, "allow_pickle": False}
    assert record["handling"] == {"running": running, "batch_size": 8}


def test_no_secret_of_the_environment_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("OPENAI_API_KEY", "HF_TOKEN", "OPENAI_BASE_URL"):
        monkeypatch.setenv(variable, "https://name:s3cret@host")
    run(tmp_path, "--log", str(tmp_path / "x.log"))
    written = [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) > 5
    assert not [text for text in written if "s3cret" in text]


def test_a_record_is_no_older_than_its_log(tmp_path: Path) -> None:
    """By that the last words of a run tell who failed."""
    run(tmp_path, "--log", str(log := tmp_path / "x.log"))
    assert log.with_suffix(".json").stat().st_mtime_ns >= log.stat().st_mtime_ns


def test_a_users_error_is_one_line_and_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "x.log"
    assert exit_code(tmp_path, "--log", str(log), first="bad") == 2
    told = "error: got bad, wanted good; write good"
    for text in (capsys.readouterr().err, log.read_text()):
        assert told in text
        assert "Traceback" not in text
    assert not log.with_suffix(".json").exists()
    assert not (tmp_path / "deep" / "out").exists()


def test_a_defect_keeps_its_traceback_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(tmp_path, first="defect") == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_is_the_users_to_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(tmp_path, first="full") == 2
    told = capsys.readouterr().err
    assert "No space left on device" in told
    assert "Traceback" not in told


def test_a_missing_input_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(tmp_path, "--others", str(tmp_path / "none")) == 2
    assert f"--others {tmp_path / 'none'}: no such file or folder" in capsys.readouterr().err


@pytest.mark.parametrize("settings", ["", "{", '{"precision": "float8"}'])
def test_settings_that_do_not_fit_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: str
) -> None:
    assert exit_code(tmp_path, settings=settings) == 2
    told = capsys.readouterr().err
    assert "settings" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("number", ["0", "-3", "2.5", "many", ""])
def test_a_number_that_is_none_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    assert exit_code(tmp_path, f"--batch-size={number}") != 0
    captured = capsys.readouterr()
    told = captured.err + captured.out
    assert "--batch-size" in told
    assert "Traceback" not in told
    assert not (tmp_path / "c1").exists()


# --- the folder of a resumable job ---------------------------------------------------------------


def train(
    *,
    settings: Baseline,
    data: InputPath,
    llm: str = "",
    running: Running,
    batch_size: int,
    weights: OutputPath,
    progress: Progress,
) -> None:
    """Train."""


def folder_for(tmp_path: Path, code: str = "c", **changed: object) -> Path:
    data = tmp_path / "data"
    data.write_text(str(changed.pop("content", "x")))
    settings = Baseline(baseline=changed.pop("baseline", "popularity"))
    hints = get_type_hints(train, include_extras=True)
    arguments = {"settings": settings, "data": data, "weights": tmp_path / "w", **changed}
    return work_folder(Path("work"), "train", code, hints, arguments)


def test_a_work_folder_is_the_same_for_the_same_job(tmp_path: Path) -> None:
    one = folder_for(tmp_path)
    assert one == folder_for(tmp_path)
    assert one.parent == Path("work")
    # how an LLM is handled, how much at a time, and where the result goes do not determine it
    assert one == folder_for(tmp_path, batch_size=7)
    assert one == folder_for(tmp_path, running=Running(spread=True, allow_pickle=True))
    assert one == folder_for(tmp_path, weights=tmp_path / "elsewhere")


def test_a_work_folder_changes_with_all_that_determines_the_result(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "w").write_text("1")
    folders = [
        folder_for(tmp_path),
        folder_for(tmp_path, content="y"),
        folder_for(tmp_path, baseline="decayed_markov"),
        folder_for(tmp_path, code="d"),
        folder_for(tmp_path, llm="org/name"),
        folder_for(tmp_path, llm=str(model)),
    ]
    (model / "w").write_text("2")
    folders.append(folder_for(tmp_path, llm=str(model)))
    assert len(set(folders)) == len(folders)


def test_progress_is_kept_in_the_work_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def resume(*, settings: Baseline, progress: Progress) -> None:
        """Resume."""
        seen.append(progress.folder)

    monkeypatch.setattr(module, "_name", lambda stage: "resume")
    options = ["--settings", Baseline(baseline="popularity").as_json()]
    command(resume, options)
    command(resume, [*options, "--work", str(tmp_path)])
    assert seen[0] is None
    assert seen[1].parent == tmp_path
    assert seen[1].name.startswith("resume-")


ORPHAN = """
import sys, time
from pathlib import Path
from recinterpreter.lock import hold
lock, output, ends = sys.argv[1:]
print(hold(Path(lock), wait=False), flush=True)
time.sleep(1.5)
if ends == "well":
    Path(output).write_text("the orphan's")
"""


@pytest.mark.parametrize(("ends", "made"), [("well", "the orphan's"), ("early", "our own")])
def test_what_a_process_of_an_earlier_run_finishes_is_taken_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ends: str, made: str
) -> None:
    seen: list[Path] = []

    def learn(*, settings: Baseline, weights: OutputPath, progress: Progress) -> None:
        seen.append(progress.folder)
        write_text(weights, "our own")

    weights, work = tmp_path / "weights", tmp_path / "work"
    options = ["--settings", Baseline(baseline="popularity").as_json()]
    options += ["--weights", str(weights), "--work", str(work)]
    command(learn, options)
    lock._held.clear()  # what this process held, the system frees
    weights.unlink()
    seen[0].mkdir()
    (seen[0] / "state").touch()
    orphan = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(seen[0].with_suffix(".lock")), str(weights), ends],
        stdout=subprocess.PIPE,
    )
    try:
        assert orphan.stdout is not None
        assert orphan.stdout.readline() == b"True\n"
        command(learn, options)
    finally:
        orphan.kill()
        orphan.wait()
    assert weights.read_text() == made
    assert len(seen) == (1 if ends == "well" else 2)
    told = capsys.readouterr().err
    assert "still at this; waiting for it" in told
    assert "goes on from what was kept" in told
    assert ("taken over" in told) == (ends == "well")
