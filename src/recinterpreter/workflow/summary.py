"""What a run says at its end: where the page is, and how long each stage took.

Standard library only: the Snakefile imports it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def stage_times(results: Path, datasets: Iterable[str]) -> str:
    """Return a table of the stages: jobs, their seconds together and the longest one's.

    Read from the records that stages leave beside their logs, so a stage that had nothing to do
    this time shows what it took when it last ran.
    """
    seconds: dict[str, list[float]] = defaultdict(list)
    for record in records(results, datasets):
        seconds[record["stage"]].append(record["seconds"])
    rows = [
        f"{stage:<24}{len(jobs):>6}{sum(jobs):>10.1f}{max(jobs):>10.1f}"
        for stage, jobs in seconds.items()
    ]
    heading = f"{'stage':<24}{'jobs':>6}{'seconds':>10}{'longest':>10}"
    total = sum(sum(jobs) for jobs in seconds.values())
    return "\n".join([heading, *rows, f"{'all':<24}{'':>6}{total:>10.1f}"])


def records(results: Path, datasets: Iterable[str]) -> list[dict[str, Any]]:
    """Return the records of all jobs of some data sets and of the page, in the order they ended."""
    found = []
    for folder in (*datasets, "report"):
        for file in sorted((results / "logs" / folder).rglob("*.json")):
            found.append(json.loads(file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda record: str(record["finished"]))


def closing_words(results: Path, datasets: Iterable[str], started: float) -> str:
    """Return the last lines of a run that went well; the page, if it was written since `started`.

    started: seconds since 1970.
    """
    page = results / "report" / "index.html"
    lines = [stage_times(results, datasets)]
    if page.is_file() and page.stat().st_mtime >= started:
        lines.append(f"\nReport: {page}  (open it in a browser; it needs no network)")
    return "\n".join(lines)


def failure_words(results: Path, started: float) -> str:
    """Return the last lines of a run that failed: what was said last, where, and how to go on.

    A stage leaves its record when it has ended well; a log written since `started` (seconds since
    1970) that is newer than its record belongs to one that has not.
    """
    lines = []
    for log in sorted((results / "logs").rglob("*.log")):
        if log.stat().st_mtime >= started and not _ended_well(log):
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            lines += [f"\nfailed or stopped, see {log}", f"  {said[-1] if said else '(empty)'}"]
    return "\n".join(
        [
            *lines,
            "\nMend what was told of; the same command again then goes on from what is finished.",
        ]
    )


def _ended_well(log: Path) -> bool:
    record = log.with_suffix(".json")
    return record.is_file() and record.stat().st_mtime >= log.stat().st_mtime
