"""Files of an official archive: from the folder it was unpacked to, or out of the zip itself."""

from __future__ import annotations

import lzma
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

from recinterpreter.errors import UserError

# The largest official file, ratings.csv of MovieLens-25M, has 0.7 GB; a zip that says more lies.
_LARGEST = 8 * 2**30
# What a zip of any bytes may raise: ValueError where a name is not the Unicode it says it is.
DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, RuntimeError,
    ValueError,
)  # fmt: skip


def member(source: Path, name: str, inner: str, setting: str, scratch: Path) -> Path:
    """Return the path of a file of an archive.

    source: the zip, of which this one file is unpacked to the folder `scratch`, or a folder; the
    file lies in either itself, or in the folder `inner` in it. setting: the key of config.yaml that
    names the source. Raises UserError for a source without the file, and for a damaged zip.
    """
    places = (name, f"{inner}/{name}")
    if source.is_dir():
        for path in (source / place for place in places):
            if path.is_file():
                return path
        raise UserError(f"{source}: no {name} in this folder; correct {setting}")
    if not source.is_file():
        raise UserError(f"{source}: no such file or folder; correct {setting}")
    try:
        with zipfile.ZipFile(source) as archive:
            for info in archive.infolist():
                if info.filename in places:
                    return _unpack(archive, info, scratch / name)
    except DAMAGE as error:
        raise UserError(
            f"{source}: a truncated, damaged or encrypted zip ({error}); wanted the official one "
            f"whole, delete it and download it again, or correct {setting}"
        ) from error
    raise UserError(f"{source}: the zip holds no {name}; wanted the official one, see {setting}")


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Path:
    """Write a member to a path: never more than it says it has."""
    if info.file_size > _LARGEST:
        raise zipfile.BadZipFile(f"{info.filename} would have {info.file_size:,} bytes")
    with archive.open(info) as packed, open(path, "wb") as file:
        shutil.copyfileobj(packed, file, 2**20)
    if path.stat().st_size < info.file_size:
        raise zipfile.BadZipFile(f"{info.filename} should have {info.file_size:,} bytes")
    return path
