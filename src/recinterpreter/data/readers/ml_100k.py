"""MovieLens-100K: u.data and u.item, from a folder or from the official zip, read strictly."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from recinterpreter.data.raw import Raw
from recinterpreter.data.readers.archive import DAMAGE
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Ingest

# The archive keeps its files in a folder of this name; a folder may be that one or its parent.
_INNER = "ml-100k"
_LARGEST = 2**26  # u.data has 2 MB
_ITEM_FIELDS = 24
_EVENT_FIELDS = ("user id", "item id", "rating", "timestamp")
_UTF8_PAIR = re.compile(rb"[\xc3-\xf4][\x80-\xbf]")


def read(files: Mapping[str, Path], settings: Ingest, scratch: Path) -> Raw:
    """Read `archive`, the zip or a folder: events in the order of u.data, all items of u.item.

    Raises UserError with file, line number, what was got, what was wanted and what to do.
    """
    events, items = read_movielens(files["archive"])
    return Raw(events.lazy(), items)


def read_movielens(source: Path) -> tuple[pl.DataFrame, list[tuple[str, str]]]:
    """Read events (user, item, time, rating) and (id, raw title) rows, as `read` does."""
    items = _parse_items(_content(source, "u.item"), f"{source}: u.item")
    known = np.array([int(item) for item, _ in items])
    return _parse_events(_content(source, "u.data"), f"{source}: u.data", known), items


def _content(source: Path, name: str) -> bytes:
    if source.is_dir():
        for path in (source / name, source / _INNER / name):
            if path.is_file():
                return path.read_bytes()
        raise UserError(
            f"{source}: no {name} in this folder; wanted the unpacked ml-100k with u.data and "
            "u.item, set data.ml-100k.path to it or to null to download the archive"
        )
    if not source.is_file():
        raise UserError(f"{source}: no such file or folder; correct data.ml-100k.path")
    try:
        with zipfile.ZipFile(source) as archive:
            for info in archive.infolist():
                if info.filename in (name, f"{_INNER}/{name}"):
                    if info.file_size > _LARGEST:
                        raise zipfile.BadZipFile(f"{name} would have {info.file_size:,} bytes")
                    return archive.read(info)
    except DAMAGE as error:
        raise UserError(
            f"{source}: a truncated, damaged or encrypted zip ({error}); wanted ml-100k.zip whole, "
            "delete it and download it again"
        ) from error
    raise UserError(f"{source}: the zip holds no {name}; wanted the official ml-100k.zip")


def _lines(content: bytes, where: str) -> list[str]:
    if not content.strip():
        raise UserError(f"{where}: the file is empty; put the pristine file there")
    # not splitlines: that would break at latin-1's NEL (0x85) too
    lines = content.decode("latin-1").replace("\r\n", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines


def _parse_events(content: bytes, where: str, known: np.ndarray) -> pl.DataFrame:
    lines = _lines(content, where)
    rows = np.empty((len(lines), len(_EVENT_FIELDS)), np.int64)
    for number, line in enumerate(lines, start=1):
        fields = line.split("\t")
        if len(fields) != len(_EVENT_FIELDS):
            raise UserError(
                f"{where}, line {number}: got {len(fields)} fields in {line!r}, wanted "
                f"{len(_EVENT_FIELDS)} separated by tabs ({', '.join(_EVENT_FIELDS)}); "
                "mend or remove the line"
            )
        for column, field in enumerate(fields):
            if not _is_whole(field):
                raise UserError(
                    f"{where}, line {number}: {_EVENT_FIELDS[column]} is {field!r}, wanted a "
                    "whole number; mend or remove the line"
                )
            rows[number - 1, column] = int(field)
    unknown = np.flatnonzero(~np.isin(rows[:, 1], known))
    if len(unknown):
        first = unknown[0]
        raise UserError(
            f"{where}, line {first + 1}: item id {rows[first, 1]} is not in u.item, which holds "
            f"{len(known)} items from {known.min()} to {known.max()} ({len(unknown)} such lines); "
            "use u.data and u.item of one release"
        )
    user, item, rating, time = rows.T
    return pl.DataFrame({"user": user, "item": item, "time": time, "rating": rating}).with_columns(
        pl.col("user", "item").cast(pl.String), pl.col("rating").cast(pl.Float64)
    )


def _parse_items(content: bytes, where: str) -> list[tuple[str, str]]:
    if mark := _utf8_mark(content):
        first = content.count(b"\n", 0, mark.start()) + 1
        raise UserError(
            f"{where}, line {first}: the file is UTF-8, wanted latin-1 as GroupLens ships it; take "
            "the pristine file, or convert it: iconv -f utf-8 -t latin1 u.item"
        )
    rows = []
    for number, line in enumerate(_lines(content, where), start=1):
        fields = line.split("|")
        if len(fields) != _ITEM_FIELDS:
            raise UserError(
                f"{where}, line {number}: got {len(fields)} fields in {line[:60]!r}, wanted "
                f"{_ITEM_FIELDS} separated by '|' (id, title, dates, address, 19 genres); "
                "mend the line"
            )
        if not _is_whole(fields[0]):
            raise UserError(
                f"{where}, line {number}: item id is {fields[0]!r}, wanted a whole number; "
                "mend the line"
            )
        rows.append((str(int(fields[0])), fields[1]))
    return rows


def _is_whole(field: str) -> bool:
    # 18 digits are sure to fit 64 bits
    return field.isascii() and field.isdigit() and len(field) <= 18


def _utf8_mark(content: bytes) -> re.Match[bytes] | None:
    """Find the first character that tells UTF-8 from latin-1; None where there is none.

    Accented latin-1 text is practically never valid UTF-8: an accent would have to be followed
    by a control character or a sign, everywhere.
    """
    if content.startswith(b"\xef\xbb\xbf"):
        return re.match(rb"\xef\xbb\xbf", content)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return _UTF8_PAIR.search(content)
