"""Downloads that survive broken connections and never leave a wrong file under a right name."""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import sys
import zlib
from pathlib import Path

import httpx
import tenacity

from recinterpreter.errors import UserError
from recinterpreter.settings.downloads import Download
from recinterpreter.ticker import Ticker

logger = logging.getLogger("recinterpreter")

ATTEMPTS = 6
_CHUNK = 2**20
_TIMEOUT = httpx.Timeout(30.0)
_TRY_LATER = {408, 425, 429, 500, 502, 503, 504}


class _Interrupted(Exception):
    """The transfer broke off or the server is busy: worth another attempt."""


def download(
    archive: Download, target: Path, *, attempts: int = ATTEMPTS, pause: float = 1.0
) -> None:
    """Fetch an archive to `target`, which appears only when its bytes are verified.

    What has come so far is kept beside the target (`.NAME.part`), and gone on from by the next
    attempt or the next call. Attempts are `pause`, 2 `pause`, 4 `pause`, ... seconds apart.
    Raises UserError when the server cannot be reached or has another file.
    """
    part = target.with_name(f".{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    logger.info("%s from %s (%s)", archive.name, archive.urls[0], archive.licence)
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_exponential(multiplier=pause, max=30),
        retry=tenacity.retry_if_exception_type((_Interrupted, httpx.TransportError)),
        before_sleep=lambda state: logger.info(
            "attempt %d of %d: %s",
            state.attempt_number,
            attempts,
            state.outcome and state.outcome.exception(),
        ),
        reraise=True,
    )
    try:
        retrying(_fetch, archive, part)
    except (_Interrupted, httpx.TransportError) as error:
        go_on = f" to go on from {part}" if part.exists() else ""
        raise UserError(
            f"{archive.urls[0]}: not downloaded after {attempts} attempts ({error}); run again"
            f"{go_on}, or download it yourself and set {archive.setting}"
        ) from error
    _verify(archive, part)
    os.replace(part, target)


def _fetch(archive: Download, part: Path) -> None:
    """Add to the part file what is missing, as far as the connection holds."""
    have = part.stat().st_size if part.exists() else 0
    if have == archive.bytes:
        return
    headers = {"Accept-Encoding": "identity"}
    if 0 < have < (archive.bytes or have + 1):
        headers["Range"] = f"bytes={have}-"
    with httpx.stream(
        "GET", archive.urls[0], headers=headers, timeout=_TIMEOUT, follow_redirects=True
    ) as response:
        if response.status_code == 416 and _total(response) == have and archive.bytes is None:
            return  # all of it had come
        start = _start(archive, response, part, have)
        length = response.headers.get("Content-Length")
        total = archive.bytes or (start + int(length) if length is not None else None)
        _copy(archive, response, part, start, total)
    if (size := part.stat().st_size) < (total or 0):
        raise _Interrupted(f"the connection ended at {size} of {total} bytes")


def _total(response: httpx.Response) -> int | None:
    """How long the whole file is, by an answer about a range of it."""
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdecimal() else None


def _start(archive: Download, response: httpx.Response, part: Path, have: int) -> int:
    """At which byte the answer begins; raises when it is of no use."""
    status = response.status_code
    if status == 416:
        part.unlink(missing_ok=True)
        raise _Interrupted("the server refused to go on from the part file; from the start again")
    if status in _TRY_LATER:
        raise _Interrupted(f"the server answered {status} {response.reason_phrase}")
    if status not in (200, 206):
        raise UserError(
            f"{archive.urls[0]}: the server answered {status} {response.reason_phrase}; "
            f"download the archive yourself and set {archive.setting}"
        )
    # 200: the whole file, also from a server that knows no ranges
    start = 0
    if status == 206:
        start = have
        if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink(missing_ok=True)
            raise _Interrupted("the server sent another range than asked for; from the start again")
    length = response.headers.get("Content-Length")
    if length is not None and archive.bytes not in (None, start + int(length)):
        raise _wrong_length(archive, f"{start + int(length)} bytes", part)
    return start


def _copy(
    archive: Download, response: httpx.Response, part: Path, start: int, total: int | None
) -> None:
    ticker = Ticker(f"{archive.name} bytes", total or sys.maxsize, start)
    with open(part, "ab" if start else "wb") as file:
        for chunk in response.iter_raw():  # unbuffered: what has come is kept
            start += len(chunk)
            if archive.bytes is not None and start > archive.bytes:
                raise _wrong_length(archive, f"more than {archive.bytes} bytes", part)
            file.write(chunk)
            ticker.tick(start)


def _wrong_length(archive: Download, got: str, part: Path) -> UserError:
    part.unlink(missing_ok=True)
    return UserError(
        f"{archive.urls[0]}: the server has {got}, wanted {archive.bytes}; the file has changed or "
        f"a proxy answers in its place: download it yourself and set {archive.setting}"
    )


def _verify(archive: Download, part: Path) -> None:
    problem = _wrong_checksum(archive.sha256, part) if archive.sha256 else _wrong_gzip(part)
    if problem:
        part.unlink()
        raise UserError(
            f"{archive.urls[0]}: {problem}; what came was removed, run again, and if it stays so "
            f"download the archive yourself and set {archive.setting}"
        )


def _wrong_checksum(wanted: str, part: Path) -> str | None:
    with open(part, "rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    return None if got == wanted else f"wrong checksum: got sha256 {got}, wanted {wanted}"


def _wrong_gzip(part: Path) -> str | None:
    """What keeps a file from being one whole gzip, by the length and checksum it carries itself."""
    try:
        with gzip.open(part) as file:
            while file.read(_CHUNK):
                pass
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        return f"a damaged or truncated gzip file, or none ({error})"
    return None
