"""What the readers of text files share: opening them, packed or not, and naming their columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from recinterpreter.errors import UserError

BLOCK = 2**24  # bytes of text that are read at a time
_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def open_text(file: Path) -> pa.NativeFile:
    """Open a file, unpacked where its name ends in .gz; UserError for UTF-16."""
    packed = file.name.lower().endswith(".gz")
    with pa.input_stream(str(file), compression="gzip" if packed else None) as stream:
        encoding = _OTHER_ENCODINGS.get(stream.read(2))
    if encoding:
        raise UserError(f"{file}: the text is {encoding}; wanted UTF-8, save it as that")
    return pa.input_stream(str(file), compression="gzip" if packed else None)


def insist_on_columns(file: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise UserError for a column that a file has not, or has twice."""
    for name in wanted:
        if name not in found:
            raise UserError(
                f"{file}: no column {name!r}; it has {', '.join(map(repr, found))}. Set "
                "data.events.columns to your names (options of check-data: --user, --item, --time, "
                "--title, --rating)"
            )
        if found.count(name) > 1:
            raise UserError(
                f"{file}: {found.count(name)} columns are called {name!r}; rename all but one"
            )
