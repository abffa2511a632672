"""Files by what is in them: a digest that no date, no folder and no copying changes.

Standard library only: the Snakefile imports it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from recinterpreter.partial import partial_name

# Lies in every folder of results and says what made its files when, so it is none of the content.
MADE = "made.json"

# Beside what Snakemake itself remembers of this folder. A digest of many gigabytes takes half a
# minute, and every dry run asks for it.
MEMORY = Path(".snakemake/contents.json")
_WORTH_REMEMBERING = 2**24  # bytes; what is smaller is read again in a few milliseconds


def content_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, or of all files below a folder with their names."""
    if path.is_dir():
        parts = [
            f"{file.relative_to(path)} {content_digest(file)}"
            for file in sorted(path.rglob("*"))
            if file.is_file() and file.name != MADE
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    if path.stat().st_size < _WORTH_REMEMBERING:
        return _sha256(path)
    return _remembered(path)


def digest_of(files: Iterable[Path]) -> str:
    """Return one digest of some files: of their names, not their folders, and their contents."""
    parts = sorted(f"{file.name} {content_digest(file)}" for file in files)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remembered(path: Path) -> str:
    """Return the digest noted for a file, unless anything was done to the file since.

    The time of the last change (ctime) tells, which nobody can set: a copy that brings an old date
    along (rsync, tar) has a new one.
    """
    stat = path.stat()
    mark = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    name = str(path.resolve())
    match _memory().get(name):
        case [noted, str(sha256)] if noted == mark:
            return sha256
    found = _sha256(path)
    # a folder that cannot be written to is no reason to stop
    with suppress(OSError):
        _note(name, [mark, found])
    return found


def _memory() -> dict[str, list[object]]:
    try:
        noted = json.loads(MEMORY.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _note(name: str, digest: list[object]) -> None:
    if not MEMORY.parent.is_dir():
        return
    partial = partial_name(MEMORY)
    partial.write_text(json.dumps({**_memory(), name: digest}, sort_keys=True), encoding="utf-8")
    os.replace(partial, MEMORY)
