"""CSV and TSV as text, strictly: UTF-8, one header line, as many fields in every row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from recinterpreter.data.readers.texts import BLOCK, insist_on_columns, open_text
from recinterpreter.errors import UserError

_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)")
_NOT_UTF8 = re.compile(r"In CSV column #(\d+): Row #(\d+): .*invalid UTF8")


def read_delimited(file: Path, names: list[str], delimiter: str) -> Iterator[pl.DataFrame]:
    """Read some columns of a file piece by piece; fields in double quotes may hold anything.

    Raises UserError naming the row for fields too many or too few, what is no UTF-8, and quotes
    that do not end.
    """
    found: list[str] = []
    reading = pa_csv.ReadOptions(block_size=BLOCK)
    # no invalid_row_handler: pyarrow 26 lets go of it in a thread of its own, and where Python is
    # ending by then the process is aborted
    parsing = pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    try:
        with open_text(file) as stream, pa_csv.open_csv(stream, reading, parsing) as reader:
            found += reader.schema.names
        insist_on_columns(file, found, names)
        # the last column as bytes at least: there a quote that is not closed would end
        kinds = {found[-1]: pa.binary()} | dict.fromkeys(names, pa.string())
        as_text = pa_csv.ConvertOptions(column_types=kinds, include_columns=[*kinds])
        held: pa.RecordBatch | None = None
        with (
            open_text(file) as stream,
            pa_csv.open_csv(stream, reading, parsing, as_text) as reader,
        ):
            for batch in filter(len, reader):
                if held is not None:
                    yield pl.DataFrame(held.select(names))
                held = batch
        if held is not None:
            _insist_on_its_end(file, held[found[-1]][-1].as_py())
            yield pl.DataFrame(held.select(names))
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: the header is no UTF-8; {_CONVERT}") from error
    except pa.ArrowInvalid as error:
        raise _explained(file, str(error), found) from error


def _insist_on_its_end(file: Path, last: str | bytes) -> None:
    """Raise UserError where the last field of all swallowed what follows a quote never closed.

    pyarrow takes that for one long field; one that was closed ends in a quote.
    """
    text = last.encode() if isinstance(last, str) else last
    if b"\n" in text and not _end(file).rstrip(b"\r\n").endswith(b'"'):
        raise UserError(f"{file}: {_OPEN_QUOTE}")


def _end(file: Path) -> bytes:
    """Return the last bytes of a file."""
    end = b""
    with open_text(file) as stream:
        while block := stream.read(BLOCK):
            end = (end + block)[-4:]
    return end


_CONVERT = "wanted UTF-8 text, convert the file: iconv -f latin1 -t utf-8"
_OPEN_QUOTE = (
    "a double quote opens a field that does not end; close it, and write a quote inside such a "
    'field twice ("")'
)


def _explained(file: Path, told: str, found: list[str]) -> UserError:
    """Say in our words what pyarrow found wrong; it counts the header as the first row."""
    if match := _RAGGED.search(told):
        row, wanted, got, text = match.groups()
        return UserError(
            f"{file}, row {int(row) - 1}: got {got} fields in {text[:60]!r}, wanted {wanted} as in "
            "the header; mend or remove the row (a field that holds the separator or a line break "
            "stands in double quotes)"
        )
    if match := _NOT_UTF8.search(told):
        where = f"{file}, row {int(match[2]) - 1}: column {found[int(match[1])]!r}"
        return UserError(f"{where} is no UTF-8; {_CONVERT}")
    if "Empty CSV" in told:
        return UserError(f"{file}: the table is empty; wanted a header and at least one row")
    if "straddl" in told or "out of sync" in told:
        return UserError(f"{file}: {_OPEN_QUOTE}")
    return UserError(
        f"{file}: cannot be read as CSV ({told.splitlines()[0]}); wanted UTF-8 text, fields "
        "separated by commas (.csv) or tabs (.tsv), one header line"
    )
