"""What was run: the records that the stages leave beside their logs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recinterpreter.checkpoint import read_json

# its record is of the page before this one
_NOT_SHOWN = ("write_report",)


@dataclass(frozen=True)
class StageTime:
    """Jobs of one stage: how many, their seconds together, and the longest one's."""

    stage: str
    jobs: int
    seconds: float
    longest: float


@dataclass(frozen=True)
class Journal:
    """The records of one data set."""

    stages: list[StageTime]
    seconds: float
    versions: dict[str, str]
    machines: list[str]
    finished: str


def read_journal(results: Path, dataset: str) -> Journal:
    """Read all records of a data set, stages in the order in which they first ended."""
    folder = results / "logs" / dataset
    records = sorted(
        (read_json(file) for file in sorted(folder.rglob("*.json"))),
        key=lambda record: str(record["finished"]),
    )
    records = [record for record in records if record["stage"] not in _NOT_SHOWN]
    by_stage: dict[str, list[float]] = {}
    versions: dict[str, str] = {}
    for record in records:
        by_stage.setdefault(record["stage"], []).append(record["seconds"])
        versions |= record["versions"]
    stages = [StageTime(s, len(t), sum(t), max(t)) for s, t in by_stage.items()]
    return Journal(
        stages=stages,
        seconds=sum(stage.seconds for stage in stages),
        versions=versions,
        machines=sorted({_text(record, "machine") for record in records}),
        finished=_text(records[-1], "finished") if records else "",
    )


def _text(record: dict[str, Any], key: str) -> str:
    return str(record[key])
