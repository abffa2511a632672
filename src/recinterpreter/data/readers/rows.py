"""Rows of the user's tables, some at a time: CSV, TSV, JSON lines or Parquet.

However long a table is, the memory is that of one piece. Rows are numbered from 1 in each file,
the header and empty lines not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from recinterpreter import tables
from recinterpreter.data.readers.delimited import read_delimited
from recinterpreter.data.readers.json_lines import read_json_lines
from recinterpreter.data.readers.texts import insist_on_columns
from recinterpreter.errors import UserError
from recinterpreter.origins import no_file, parts_of

KINDS = {
    ".csv": "CSV",
    ".tsv": "TSV",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".parquet": "Parquet",
}
_WANTED = ".csv, .tsv, .jsonl or .ndjson (each also with .gz), or .parquet"
_ROWS = 2**18  # of a Parquet file


@dataclass(frozen=True)
class Piece:
    """Rows of one file that follow each other; first: the number of the first of them."""

    file: Path
    first: int
    rows: pl.DataFrame


def read_pieces(path: Path, columns: Mapping[str, str]) -> Iterator[Piece]:
    """Read the columns named by the values, renamed to the keys, file by file and piece by piece.

    path: a file, or a folder of files of one kind, which are read in the order of their names.
    What a text file holds comes as text: what is an id or a time is not guessed here. Raises
    UserError naming file and row for what cannot be read, and where there is no row at all.
    """
    names = list(dict.fromkeys(columns.values()))
    empty = True
    for file in _files(path):
        first = 1
        for frame in _frames(file, names):
            if len(frame):
                rows = frame.select(**{key: pl.col(name) for key, name in columns.items()})
                yield Piece(file, first, rows)
                first, empty = first + len(frame), False
    if empty:
        raise UserError(f"{path}: the table has no row; wanted at least one")


def kind_of(file: Path) -> str | None:
    """Return the format that a file's name says, compressed or not; None for any other."""
    name = file.name.lower()
    kind = KINDS.get(Path(name.removesuffix(".gz")).suffix)
    return None if kind == "Parquet" and name.endswith(".gz") else kind


def _files(path: Path) -> list[Path]:
    """Find the files of a table, all of one kind."""
    if not path.is_dir() and (found := no_file(path)):
        raise UserError(f"{path}: {found}; correct data.events.events or data.events.items")
    files = [Path(file) for file in parts_of(str(path))]
    if not files:
        raise UserError(f"{path}: a folder without files; wanted the parts of a table: {_WANTED}")
    for file in files:
        if found := no_file(file):
            raise UserError(
                f"{file}: {found}; wanted a folder of files, without folders in it: move or remove "
                "what is no part of the table"
            )
        if kind_of(file) is None:
            raise UserError(f"{file}: a file of type {file.suffix!r}; wanted {_WANTED}")
        if kind_of(file) != kind_of(files[0]):
            raise UserError(
                f"{path}: parts of several kinds, {files[0].name} and {file.name}; wanted one kind"
            )
    return files


def _frames(file: Path, names: list[str]) -> Iterator[pl.DataFrame]:
    kind = kind_of(file)
    try:
        if kind == "Parquet":
            found = tables.schema(file, mend="write it again").names
            insist_on_columns(file, found, names)
            for batch in tables.read_batches(file, _ROWS, columns=names):
                yield pl.DataFrame(batch)
        elif kind == "JSON lines":
            yield from read_json_lines(file, names)
        else:
            yield from read_delimited(file, names, "\t" if kind == "TSV" else ",")
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{file}: cannot be read as {kind} ({str(error).splitlines()[0]}); the file is cut "
            "short, damaged or no such file; write it again"
        ) from error
