"""The last words of a run."""

import os
from pathlib import Path

from recinterpreter.checkpoint import write_json, write_text
from recinterpreter.workflow.summary import closing_words, failure_words, stage_times


def ended(results: Path, log: str, stage: str, seconds: float, finished: str = "1") -> None:
    write_text(results / "logs" / f"{log}.log", f"[{stage}] done in {seconds} s\n")
    write_json(
        results / "logs" / f"{log}.json", {"stage": stage, "seconds": seconds, "finished": finished}
    )


def test_times_are_added_up_by_stage_in_order(tmp_path: Path) -> None:
    ended(tmp_path, "demo/answer/a", "answer", 2.5, "3")
    ended(tmp_path, "demo/train/a", "train", 1.0, "1")
    ended(tmp_path, "demo/train/b", "train", 3.0, "2")
    ended(tmp_path, "other/train/b", "train", 100.0)
    rows = [line.split() for line in stage_times(tmp_path, ["demo"]).splitlines()]
    assert rows == [
        ["stage", "jobs", "seconds", "longest"],
        ["train", "2", "4.0", "3.0"],
        ["answer", "1", "2.5", "2.5"],
        ["all", "6.5"],
    ]


def test_the_page_is_named_when_it_is_there(tmp_path: Path) -> None:
    page = tmp_path / "report" / "index.html"
    assert str(page) not in closing_words(tmp_path, ["demo"], started=0)
    write_text(page, "<html>")
    written = page.stat().st_mtime
    assert str(page) in closing_words(tmp_path, ["demo"], started=written)
    # one of an earlier run is not that of this one
    assert str(page) not in closing_words(tmp_path, ["demo"], started=written + 1)


def test_a_failure_names_the_log_that_has_no_newer_record(tmp_path: Path) -> None:
    ended(tmp_path, "demo/train/good", "train", 1.0)
    ended(tmp_path, "demo/train/again", "train", 1.0)
    again = tmp_path / "logs" / "demo" / "train" / "again.log"
    write_text(again, "[train] error: got x, wanted y\n")
    os.utime(again.with_suffix(".json"), (1, 1))
    words = failure_words(tmp_path, started=again.stat().st_mtime)
    assert f"{again}\n  [train] error: got x, wanted y" in words
    assert "good.log" not in words
    assert "the same command again then goes on" in words
    # what failed in an earlier run is not told again
    assert str(again) not in failure_words(tmp_path, started=again.stat().st_mtime + 1)
