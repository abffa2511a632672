"""Files of one record a line, JSON or a Python literal, gzipped: read in a stream of blocks."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from recinterpreter.data.readers.literals import blocks, literal
from recinterpreter.errors import UserError

logger = logging.getLogger("recinterpreter")


def read_records(path: Path, setting: str, *names: str) -> Iterator[tuple[Any, ...]]:
    """Yield the values of some fields of every record, None where it has none.

    Lines that are no record are counted and left out. Raises UserError for a file that cannot be
    read, and after its last line for one of which most lines are no record; `setting` is the key
    of config.yaml that names the file.
    """
    counts: Counter[str] = Counter()
    for block in blocks(path, setting):
        for line in block.split(b"\n")[:-1]:
            record = _record(line)
            counts["good" if record else "broken"] += 1
            if record:
                yield tuple(record.get(name) for name in names)
    judge(path, setting, counts["good"], counts["broken"])


def read_columns(
    path: Path, setting: str, columns: dict[str, pl.DataType]
) -> Iterator[pl.DataFrame]:
    """Yield frames of some fields of the records: a column each, null where a value is of no use.

    As `read_records`, but fast: a block of good JSON is parsed at once. Texts of a column of
    numbers are read as numbers, as some releases have them.
    """
    lines = broken = 0
    for block in blocks(path, setting):
        try:
            frame = pl.read_ndjson(block, schema=columns)
        except pl.exceptions.PolarsError:  # some line is no good JSON
            records = [_record(line) or {} for line in block.split(b"\n")[:-1]]
            broken += records.count({})
            texts = {name: [_text(record.get(name)) for record in records] for name in columns}
            frame = pl.DataFrame(texts, schema=dict.fromkeys(columns, pl.String)).select(
                pl.col(name).cast(kind, strict=False) for name, kind in columns.items()
            )
        lines += len(frame)
        yield frame
    judge(path, setting, lines - broken, broken)


def judge(path: Path, setting: str, good: int, broken: int) -> None:
    """Tell how many lines were of no use; raise UserError where these are most of a file."""
    if not good + broken:
        raise UserError(f"{path}: the file is empty; put the official file there, see {setting}")
    if broken > good:
        raise UserError(
            f"{path}: of {good + broken} lines {broken} are of no use; wanted the official file, "
            f"a record a line, JSON or a Python literal, see {setting}"
        )
    logger.info("%s: %d lines, of which %d are of no use", path.name, good + broken, broken)


def _record(line: bytes) -> dict[Any, Any] | None:
    """Read a line as JSON or, where it is none, as a Python literal; nothing for neither."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return literal(line)
    return record if isinstance(record, dict) else None


def _text(value: Any) -> str | None:
    """Write a plain value as text: what is a list or the like is of no use."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    # a half of a character, which JSON can write, is none
    return str(value).encode("utf-8", "replace").decode("utf-8")
