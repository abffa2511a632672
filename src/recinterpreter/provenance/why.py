"""`recinterpreter why FILE`: the chain of inputs, settings, code and times that led to a file."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import cyclopts

from recinterpreter.errors import UserError
from recinterpreter.provenance.history import File, History, Job
from recinterpreter.tool import run

_WIDTH = 110
_LEAST = 70  # characters of a line that stands far to the right
_STEP = "  "


def main(arguments: Sequence[str]) -> None:
    """Run `recinterpreter why`; exits 2 on a user's error."""
    run(program, "why", arguments)


def program(
    file: Path,
    /,
    *,
    depth: int | None = None,
    as_json: Annotated[bool, cyclopts.Parameter(name="--json", negative="")] = False,
) -> None:
    """Say what led to a file, newest first: jobs, settings, code, and in the end your files.

    Parameters
    ----------
    file: any file of results
    depth: how many jobs to go back; without it, all
    as_json: print JSON, files and jobs by name
    """
    if depth is not None and depth < 1:
        raise UserError(f"--depth {depth}: wanted 1 (the job that made the file) or more")
    history = History(file)
    told = _Telling(depth)
    if as_json:
        print(json.dumps(_graph(history.root, depth), indent=1, ensure_ascii=False))
    else:
        print("\n".join(told.file(history.root, 0)))


class _Telling:
    """The lines of a tree, in which each file and each job stands once."""

    def __init__(self, depth: int | None) -> None:
        self._depth = depth
        self._told: set[Path] = set()
        self._jobs: dict[Path, Path] = {}  # by its record, the file under which it stands

    def file(self, file: File, level: int) -> Iterator[str]:
        """Yield a file, what made it, and what that was made of."""
        margin = _STEP * 2 * level
        if file.path in self._told:
            yield f"{margin}{shown(file.path)}  (see above)"
            return
        line = f"{margin}{shown(file.path)}  sha256 {file.recorded['sha256'][:12]}, {file.state}"
        margin += _STEP
        if file.job and level == self._depth:  # not told: it may come again, nearer
            yield f"{line}; made by {file.job.record['rule']}, not followed (--depth {level})"
            return
        self._told.add(file.path)
        yield line
        if file.job is None:
            yield margin + file.origin
        elif file.job.place in self._jobs:
            yield f"{margin}by the job that made {shown(self._jobs[file.job.place])} (see above)"
        else:
            self._jobs[file.job.place] = file.path
            yield from _wrapped(_words(file.job), margin)
            for read in file.job.inputs:
                yield from self.file(read, level + 1)


def _words(job: Job) -> Iterator[str]:
    record = job.record
    finished = record["finished"].replace("T", " ").replace("+00:00", " UTC")
    yield f"made by {record['rule']}, {finished}, {record['seconds']} s"
    yield f"record {shown(job.place)}"
    yield f"code {_code(job)}{_source(record['source'])}"
    if record["settings"]:
        yield "settings " + ", ".join(flat(record["settings"]))
    for name, value in record["names"].items():
        yield f"{name} {value}: a name, whose files are not recorded"
    if job.inputs:
        yield f"from {_files(len(job.inputs))}:"
    else:
        downloaded = record["stage"].startswith("download")
        yield f"of no file: {'downloaded' if downloaded else 'generated'} by this stage"


def _code(job: Job) -> str:
    then, now = job.record["code"], job.code_now
    if not then:
        return "not recorded (the stage was run by hand)"
    if now is None:
        return f"{then}, of a stage that is no more"
    return f"{then}, the same now" if now == then else f"{then}, changed since (now {now})"


def _source(source: Mapping[str, Any]) -> str:
    if not source:
        return ""
    return f"; git {source['revision'][:12]}{' with changes of its own' if source['dirty'] else ''}"


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield settings one by one, `block.key=value`."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={json.dumps(value, ensure_ascii=False)}"


def _wrapped(lines: Iterator[str], margin: str) -> Iterator[str]:
    for line in lines:
        yield from textwrap.wrap(
            line,
            max(_WIDTH, len(margin) + _LEAST),
            initial_indent=margin,
            subsequent_indent=margin + _STEP,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _files(n: int) -> str:
    return "1 file" if n == 1 else f"{n} files"


def shown(path: Path) -> str:
    """Name a file from here, or whole where it is not below here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _graph(root: File, depth: int | None) -> dict[str, Any]:
    """Return the file asked for, and by name all files and all jobs behind it."""
    files: dict[str, Any] = {}
    jobs: dict[str, Any] = {}
    waiting = [(root, 0)]
    while waiting:  # nearest first, so that no file is cut off that is near on another way
        file, level = waiting.pop(0)
        if shown(file.path) in files:
            continue
        files[shown(file.path)] = {
            "sha256": file.recorded["sha256"],
            "bytes": file.recorded["bytes"],
            "state": file.state,
            "job": shown(file.job.place) if file.job else None,
            "origin": file.origin or None,
        }
        if file.job and shown(file.job.place) not in jobs:
            jobs[shown(file.job.place)] = {
                **file.job.record,
                "code_now": file.job.code_now,
                "inputs": [shown(read.path) for read in file.job.inputs],
                "outputs": [shown(path) for path, _ in file.job.written()],
            }
            if depth is None or level + 1 < depth:
                waiting += [(read, level + 1) for read in file.job.inputs]
    return {"file": shown(root.path), "files": files, "jobs": jobs}
