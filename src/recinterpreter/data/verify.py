"""Whether a file that came is the one that was wanted, by its checksum or by its own."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from pathlib import Path

from recinterpreter.settings.downloads import Download

_CHUNK = 2**20
_GZIP = b"\x1f\x8b"


def problem_of(row: Download, path: Path) -> str | None:
    """Say what is wrong with the bytes of a file; None where nothing is.

    Without a published checksum, a gzip or a zip is held to the lengths and checksums in it.
    """
    if row.sha256 is not None:
        with open(path, "rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
        return (
            None if got == row.sha256 else f"wrong checksum: got sha256 {got}, wanted {row.sha256}"
        )
    return _wrong_zip(path) if row.urls[0].endswith(".zip") else _wrong_gzip(path)


def _wrong_gzip(path: Path) -> str | None:
    if path.stat().st_size == 0:  # which Python takes for a gzip of nothing
        return "a damaged or truncated gzip file, or none (no byte came)"
    try:
        with gzip.open(path) as file:
            if file.read(len(_GZIP)) == _GZIP:
                return "a gzip within a gzip: a server or a proxy has packed it once more"
            while file.read(_CHUNK):
                pass
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        return f"a damaged or truncated gzip file, or none ({error})"
    return None


def _wrong_zip(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        return f"a damaged or truncated zip file, or none ({error})"
    return None if bad is None else f"a damaged zip file: {bad} is not what its checksum says"
