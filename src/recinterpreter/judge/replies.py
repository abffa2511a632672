"""Replies of judges, kept as they arrive: a paid reply is never paid again.

Files of JSON lines that only grow, one for each job that asks. They are named by neither settings
nor code, so that they outlive every change of both; what was asked is in each line's key.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from recinterpreter.errors import UserError


@dataclass(frozen=True)
class Reply:
    """What a judge said; refused: his endpoint would not have it answered, and text says why."""

    text: str
    refused: bool = False


def key_of(**asked: str | float | None) -> str:
    """Return the key of a request: a digest of all that its reply depends on."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


class Replies:
    """The file of replies that is appended to, and what stands in it and in those of others.

    Raises UserError for a line that is no reply. A last line that a death has torn is dropped; in a
    file of others, where it may still be written, it is passed over.
    """

    def __init__(self, path: Path, others: Iterable[Path] = ()) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, Reply] = {}
        for other in others:
            self._read(other, _whole_lines(other))
        whole = _whole_lines(path)
        if path.exists() and path.stat().st_size > len(whole):
            os.truncate(path, len(whole))
        self._read(path, whole)

    def _read(self, path: Path, whole: bytes) -> None:
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                row = json.loads(line)
                key = row.pop("key")
                self._known[key] = Reply(**row)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise UserError(
                    f"{path}, line {number}: not a reply as it was written; delete that line alone "
                    "(the others are replies you may have paid for)"
                ) from None

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __getitem__(self, key: str) -> Reply:
        return self._known[key]

    def add(self, key: str, reply: Reply) -> None:
        """Keep a reply; it is on the disk when this returns."""
        line = json.dumps({"key": key, **asdict(reply)}, sort_keys=True) + "\n"
        with open(self.path, "ab") as file:
            file.write(line.encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        self._known[key] = reply


def _whole_lines(path: Path) -> bytes:
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]
