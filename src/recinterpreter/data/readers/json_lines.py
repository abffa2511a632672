"""JSON lines: one object per line, fields as text."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from recinterpreter.data.readers.texts import BLOCK, insist_on_columns, open_text
from recinterpreter.errors import UserError

_BOM = b"\xef\xbb\xbf"
_WANTED = 'wanted one JSON object per line, {"name": value, ...}'


def read_json_lines(file: Path, names: list[str]) -> Iterator[pl.DataFrame]:
    """Read some fields of a file piece by piece: numbers as they are written, missing ones null.

    The first row has to have all of them. Raises UserError naming the row for what is no JSON
    object, and for a field that is a list or an object.
    """
    rows = 0
    for block in _blocks(file):
        if not rows and (first := _first_row(file, block)) is not None:
            insist_on_columns(file, list(first), names)
        try:
            frame = pl.read_ndjson(io.BytesIO(block), schema=dict.fromkeys(names, pl.String))
        except pl.exceptions.PolarsError as error:
            _refuse(file, block, names, rows, str(error).splitlines()[0])
        # a list or an object comes as its text, which some other text might look like
        if frame.select(pl.any_horizontal(pl.all().str.contains(r"^[\[{]")).any()).item():
            _refuse_nested(file, block, names, rows)
        yield frame
        rows += len(frame)
    if not rows:
        raise UserError(f"{file}: the table is empty; {_WANTED}")


def _blocks(file: Path) -> Iterator[bytes]:
    """Yield whole lines, some megabytes of them at a time."""
    with open_text(file) as stream:
        rest = stream.read(BLOCK).removeprefix(_BOM)
        while rest:
            block = stream.read(BLOCK)
            if not block:
                yield rest
                return
            whole = rest.rfind(b"\n") + 1
            if not whole:
                raise UserError(f"{file}: a line of more than {len(rest):,} characters; {_WANTED}")
            yield rest[:whole]
            rest = rest[whole:] + block


def _lines(block: bytes, rows: int) -> Iterator[tuple[int, bytes]]:
    """Yield the rows of a block with their numbers; `rows` of them came before."""
    return enumerate((line for line in block.split(b"\n") if line.strip()), start=rows + 1)


def _first_row(file: Path, block: bytes) -> dict[str, Any] | None:
    for row, line in _lines(block, 0):
        return _parsed(file, row, line)
    return None


def _parsed(file: Path, row: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        told = f"{line[:60]!r} is no JSON ({error})"
        raise UserError(f"{file}, row {row}: {told}; {_WANTED}") from None
    if not isinstance(found, dict):
        raise UserError(f"{file}, row {row}: got {line[:60]!r}; {_WANTED}")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


def _refuse(file: Path, block: bytes, names: list[str], rows: int, told: str) -> NoReturn:
    """Raise UserError for the first row that cannot be read."""
    for row, line in _lines(block, rows):
        _parsed(file, row, line)
    raise UserError(f"{file}, after row {rows}: cannot be read as JSON lines ({told}); {_WANTED}")


def _refuse_nested(file: Path, block: bytes, names: list[str], rows: int) -> None:
    for row, line in _lines(block, rows):
        found = _parsed(file, row, line)
        for name in names:
            if isinstance(found.get(name), list | dict):
                raise UserError(
                    f"{file}, row {row}: column {name!r} is {json.dumps(found[name])[:60]}, wanted "
                    "text or a number; write it as a field of its own"
                )
