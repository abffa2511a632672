"""From a file back to all that led to it: the records of jobs, followed from output to input.

A record names files from the folder its job ran in, and itself too. Where it is found now tells
where the others are: results may have been moved, copied or renamed since.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recinterpreter.checkpoint import read_json
from recinterpreter.contents import content_digest
from recinterpreter.errors import UserError
from recinterpreter.provenance.record import read_made
from recinterpreter.workflow.digest import code_digest

SAME, CHANGED, REMADE, MISSING = "as recorded", "changed since", "made again since", "missing"
LOGS = "logs"


@dataclass
class Job:
    """One job that ended well; record: what it left; place: where that lies."""

    record: dict[str, Any]
    place: Path
    inputs: list[File] = field(default_factory=list)

    @property
    def code_now(self) -> str | None:
        """Digest of the code its stage has now; None if there is no such stage any more."""
        return _code_now(self.record["stage"], self.record["settings"].get("reader"))

    @property
    def finished(self) -> str:
        """When it ended, in UTC."""
        return str(self.record["finished"])

    def written(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield where each output is now, and what was recorded of it."""
        return self._files("outputs")

    def read(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield where each input is now, and what was recorded of it; each once."""
        return iter(dict(self._files("inputs")).items())

    def _files(self, kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        for entries in self.record[kind].values():
            for entry in entries:
                yield moved(entry["path"], self.record["record"], self.place), entry


@dataclass
class File:
    """One file of a history; recorded: path, sha256 and bytes when it was read, or written.

    job: what made it; origin: in words, where no job is known.
    """

    path: Path
    recorded: dict[str, Any]
    state: str
    job: Job | None
    origin: str = ""


@functools.cache
def _code_now(stage: str, reader: str | None) -> str | None:
    try:
        return code_digest(stage, reader=reader)
    except FileNotFoundError:
        return None


def moved(path: str, record: str, place: Path) -> Path:
    """Tell where a file is that a record names, by where the record is in place of its own name."""
    noted, found = list(Path(record).parts), list(place.parts)
    while noted and found and noted[-1] == found[-1]:
        noted.pop()
        found.pop()
    parts = Path(path).parts
    if parts[: len(noted)] == tuple(noted):
        return _plain(Path(*found, *parts[len(noted) :]))
    # beside the folder that was moved: in the one its job ran in
    return _plain(Path(*found, *[".."] * len(noted), path))


def _plain(path: Path) -> Path:
    """Take `..` out of a path, but leave links as they are."""
    return Path(os.path.normpath(path.absolute()))


class History:
    """All that led to one file, each file and each job of it once."""

    def __init__(self, file: Path) -> None:
        """Raise UserError where nothing is known of the file."""
        self._files: dict[Path, File] = {}
        self._jobs: dict[Path, Job] = {}
        self._scanned: dict[Path, dict[Path, Job]] = {}
        path = _plain(file)
        job = self._job_of(path)
        if job is None:
            raise UserError(_nothing_known(file))
        self.root = self._follow(path, dict(job.written())[path])

    def _follow(self, path: Path, recorded: dict[str, Any]) -> File:
        if path in self._files:
            return self._files[path]
        job = self._job_of(path)
        file = File(path, recorded, _state(path, recorded, job), job)
        self._files[path] = file
        if job is None:
            file.origin = _origin(path, self._known_folders())
        elif not job.inputs:
            job.inputs = [self._follow(*read) for read in job.read()]
            # newest first, then what no job made
            job.inputs.sort(key=lambda f: str(f.path))
            job.inputs.sort(key=lambda f: f.job.finished if f.job else "", reverse=True)
        return file

    def _known_folders(self) -> set[Path]:
        """Folders of results: those that hold the records."""
        return {results for place in self._jobs if (results := _results(place))}

    def _job_of(self, path: Path) -> Job | None:
        """Return the job that made a file: by the note in its folder, else among all records."""
        made = read_made(path.parent).get(path.name)
        if made is not None:
            job = self._read(_plain(path.parent / made["record"]))
            if job and path in dict(job.written()):
                return job
        results = next((folder for folder in path.parents if (folder / LOGS).is_dir()), None)
        if results is None:
            return None
        if results not in self._scanned:
            self._scanned[results] = self._scan(results / LOGS)
        return self._scanned[results].get(path)

    def _scan(self, logs: Path) -> dict[Path, Job]:
        """Return the last job that wrote each file, of all that left a record."""
        found = [job for place in sorted(logs.rglob("*.json")) if (job := self._read(place))]
        found.sort(key=lambda job: job.finished)
        return {path: job for job in found for path, _ in job.written()}

    def _read(self, place: Path) -> Job | None:
        """Read a record; None where it is missing, broken, or of a version that named no files."""
        if place not in self._jobs:
            try:
                record = read_json(place)
            except UserError:
                return None
            if "outputs" not in record or "record" not in record:
                return None
            self._jobs[place] = Job(record, place)
        return self._jobs[place]


def _state(path: Path, recorded: dict[str, Any], job: Job | None) -> str:
    """Compare a file as it is with what was read, or for the last one written, back then."""
    if not path.exists():
        return MISSING
    now = content_digest(path)
    if now == recorded["sha256"]:
        return SAME
    remade = job is not None and dict(job.written())[path]["sha256"] == now
    return REMADE if remade else CHANGED


def _results(place: Path) -> Path | None:
    return next((folder.parent for folder in place.parents if folder.name == LOGS), None)


def _origin(path: Path, results: set[Path]) -> str:
    """Say what is known of a file that no record names as an output."""
    if path.is_symlink():
        return f"a link to {path.readlink()}: taken from there (Snakemake's cache?), no record here"
    if any(path.is_relative_to(folder) for folder in results):
        return "no record of what made it"
    return "yours: no stage made it"


def _nothing_known(file: Path) -> str:
    if file.is_dir():
        return f"{file}: a folder; wanted a file, such as one that its made.json lists"
    if file.is_symlink():
        return (
            f"{file}: a link to {file.readlink()}, taken from Snakemake's cache or put there; what "
            "made it is recorded where it was made. To have it made here: delete it, and run "
            "snakemake without --cache"
        )
    if not file.exists():
        return (
            f"{file}: no such file; wanted one that the workflow made: `recinterpreter targets "
            "--files` lists them"
        )
    return (
        f"{file}: no record says what made it. It is none of the workflow's, or older than such "
        "records, or came without results/logs. If Snakemake makes it (`recinterpreter targets "
        "--files` lists what it does), have it made again by `snakemake --force` and its path"
    )
