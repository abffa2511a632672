"""One attempt to fetch a file, or what is missing of it, from one address."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from pathlib import Path

import httpx

from recinterpreter.errors import UserError
from recinterpreter.settings.downloads import Download
from recinterpreter.ticker import Ticker

logger = logging.getLogger("recinterpreter")

_TRY_LATER = {408, 425, 429, 500, 502, 503, 504}
# A connection that brings less than so many bytes in so many seconds is given up.
_WINDOW, _LEAST = 60.0, 60 * 1024


class Interrupted(Exception):
    """The transfer broke off or the server is busy: worth another attempt, `wait` seconds on."""

    def __init__(self, words: str, wait: float = 0.0) -> None:
        super().__init__(words)
        self.wait = wait


class Unusable(Exception):
    """This address does not give the file, however often it is asked."""


class Part:
    """What has come of a file, beside its name, and where from; the next run goes on from it.

    url: the address it came from, else None, also where it cannot be gone on from; validator: what
    that server called the file's version (ETag or Last-Modified); glued: whether it did not come in
    one piece.
    """

    url: str | None = None
    validator: str | None = None
    glued = False

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")
        if self.path.exists() and self._note.exists():
            self._read_note()

    def _read_note(self) -> None:
        try:
            noted = json.loads(self._note.read_text(encoding="utf-8"))
            self.url, self.validator, self.glued = noted["url"], noted["validator"], True
        except (ValueError, KeyError, TypeError):  # of a writer that was killed: from the start
            pass

    @property
    def size(self) -> int:
        """How many bytes of it are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    def begin(self, url: str | None, validator: str | None) -> None:
        """Forget what came before; a version of a file begins to come from an address."""
        self.remove()
        self.url, self.validator = url, validator
        self._note.write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")

    def remove(self) -> None:
        """Remove what came and what was noted of it."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.url, self.validator, self.glued = None, None, False

    def become(self, target: Path) -> None:
        """Take the name of the whole file, once its bytes are safe."""
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())
        os.replace(self.path, target)
        self._note.unlink(missing_ok=True)


def fetch(client: httpx.Client, row: Download, url: str, part: Part) -> None:
    """Add to the part what is missing of the file, as far as the connection holds.

    Another version of it, or one from another address, is begun anew. Raises Interrupted, Unusable
    or one of httpx's errors of transport; UserError where the disk has no room.
    """
    have = part.size if part.url == url else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if part.validator:
            headers["If-Range"] = part.validator
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 416 and have and _length(response, 0) == have:
            return  # all of it had come
        start = _start(response, part, have)
        packed = _is_packed(response, url)
        total = None if packed else _length(response, start)
        if total is not None and row.bytes not in (None, total):
            if start:  # what has come is of that other file
                part.remove()
            raise _wrong_length(f"{total} bytes", row)
        total = row.bytes or total
        _insist_on_room(part.path, (total or 0) - part.size)
        if not start:
            # of what was packed on the way, no range can be asked for
            part.begin(None if packed else url, _validator(response))
        _copy(response, row, part, total, packed)
    if part.size < (total or 0):
        raise Interrupted(f"the connection ended at {part.size} of {total} bytes")


def _start(response: httpx.Response, part: Part, have: int) -> int:
    """At which byte the answer begins; raises when it is of no use."""
    status, words = response.status_code, f"the server answered {response.status_code}"
    if status == 416:
        part.remove()
        raise Interrupted("the server refused to go on from the part file; from the start again")
    if status in _TRY_LATER:
        wait = _number(response.headers.get("Retry-After", ""))
        raise Interrupted(f"{words} {response.reason_phrase}", wait or 0)
    if status not in (200, 206):
        raise Unusable(f"{words} {response.reason_phrase}")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise Unusable(
            "a web page came in place of the file: a proxy or a network that wants a login, or a "
            "server that has moved it"
        )
    if status == 200:  # the whole file, also of a server that knows no ranges
        return 0
    is_other = part.validator and _validator(response) not in (None, part.validator)
    if is_other or not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        part.remove()
        what = "range" if not is_other else "version of the file"
        raise Interrupted(f"the server sent another {what} than asked for; from the start again")
    return have


def _length(response: httpx.Response, start: int) -> int | None:
    """How long the whole file is, by an answer that begins at `start`."""
    whole = _number(response.headers.get("Content-Range", "").rpartition("/")[2])
    if response.status_code in (206, 416) and whole is not None:
        return whole
    length = _number(response.headers.get("Content-Length", ""))
    return None if length is None else start + length


def _number(text: str) -> int | None:
    """A number of a header; None for anything else, and for one that counts no bytes on earth."""
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _validator(response: httpx.Response) -> str | None:
    """What tells one version of the file from another, fit for If-Range; None without."""
    tag: str = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _is_packed(response: httpx.Response, url: str) -> bool:
    """Whether the file was packed for the way, though we asked for it as it is.

    Of a file that is a gzip, servers say "gzip" and send it as it is.
    """
    packing = response.headers.get("Content-Encoding", "identity").lower()
    as_it_is = ("identity", "gzip", "x-gzip") if url.endswith(".gz") else ("identity",)
    return packing not in as_it_is


def _insist_on_room(path: Path, wanted: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if wanted > free:
        raise UserError(
            f"{path.parent}: {free / 1e9:.2f} GB are free, {wanted / 1e9:.2f} GB are to come; "
            "make room and run again"
        )


def _copy(
    response: httpx.Response, row: Download, part: Part, total: int | None, packed: bool
) -> None:
    """Append what comes to the part; a connection that hardly brings anything is given up."""
    size = part.size
    ticker = Ticker(f"{row.name} bytes", total or sys.maxsize, size)
    marked, marked_at = size, time.monotonic()
    part.glued = part.glued or size > 0
    try:
        with open(part.path, "ab") as file:
            # raw chunks as they come: what has come is kept
            for chunk in response.iter_bytes() if packed else response.iter_raw():
                size += len(chunk)
                if row.bytes is not None and size > row.bytes:
                    part.remove()
                    raise _wrong_length(f"more than {row.bytes} bytes", row)
                file.write(chunk)
                ticker.tick(size)
                now = time.monotonic()
                if now - marked_at >= _WINDOW:
                    if size - marked < _LEAST:
                        raise Interrupted(f"{size - marked} bytes came in {now - marked_at:.0f} s")
                    marked, marked_at = size, now
    except OSError as error:
        raise UserError(
            f"{part.path}: {error.strerror}; what has come is kept, make room and run again"
        ) from error


def _wrong_length(got: str, row: Download) -> Unusable:
    return Unusable(
        f"the server has {got}, wanted {row.bytes}; the file has changed or a proxy answers in its "
        "place"
    )
