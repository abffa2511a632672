"""The record of a job, beside its log; and in each folder of results, what made its files.

A record names files by their path from the folder the workflow runs in, itself too: so whoever
finds it elsewhere can tell where the others are now.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recinterpreter.checkpoint import read_json, write_json
from recinterpreter.contents import MADE, content_digest
from recinterpreter.errors import UserError
from recinterpreter.lock import holding
from recinterpreter.provenance import facts
from recinterpreter.settings.sections import Section

# by the name of the option they were given as
Files = dict[str, list[dict[str, Any]]]


def describe(files: Mapping[str, Iterable[Path]]) -> Files:
    """Return path, sha256 and bytes of each file; a folder is one file of all that is in it."""
    return {
        name: [
            {"path": noted(path), "sha256": content_digest(path), "bytes": _size(path)}
            for path in paths
        ]
        for name, paths in files.items()
    }


def noted(path: Path) -> str:
    """Name a file from the folder the job runs in; one outside it as it was given."""
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def describe_run(
    stage: str, code: str, started: datetime, seconds: float, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Say what was done, and when in UTC; handling: that on which no result depends."""
    sections = {
        name: json.loads(value.as_json())
        for name, value in arguments.items()
        if isinstance(value, Section)
    }
    numbers = {name: value for name, value in arguments.items() if isinstance(value, int)}
    return {
        "stage": stage,
        "settings": sections.pop("settings", {}),
        "handling": {**sections, **numbers},
        "code": code,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
    }


def write_record(log: Path, record: Mapping[str, Any]) -> None:
    """Write the record beside the log, with the facts of this process, and note it in MADE.

    The rule is known by the folder of the log.
    """
    file = log.with_suffix(".json")
    whole = {
        **record,
        "rule": log.parent.name or record["stage"],
        "record": noted(file),
        "versions": facts.versions(),
        "source": facts.source(),
        "machine": facts.machine(),
        "hardware": facts.hardware(),
    }
    write_json(file, whole)
    made = [Path(entry["path"]) for entries in record["outputs"].values() for entry in entries]
    for folder in sorted({path.parent for path in made}):
        _note_made(folder, [path.name for path in made if path.parent == folder], whole)


def _note_made(folder: Path, names: Iterable[str], record: Mapping[str, Any]) -> None:
    """Say in a folder which job made some of its files; several jobs may do so at a time."""
    entry = {key: record[key] for key in ("rule", "finished", "code")}
    entry["record"] = Path(os.path.relpath(record["record"], folder)).as_posix()
    with holding(folder):
        known = {name: e for name, e in read_made(folder).items() if (folder / name).exists()}
        write_json(folder / MADE, {**known, **dict.fromkeys(names, entry)})


def read_made(folder: Path) -> dict[str, dict[str, str]]:
    """Return what made the files of a folder: rule, finished, code, record (from the folder).

    Nothing where the note is missing or broken: the records hold all of it.
    """
    try:
        return read_json(folder / MADE)
    except UserError:
        return {}
