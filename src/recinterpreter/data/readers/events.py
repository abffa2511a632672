"""The user's own data: a table of events and one of items, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from recinterpreter import tables
from recinterpreter.data.raw import Raw
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Columns, Ingest

# Rows are numbered from 1, the header of a CSV file not counted.
_LATEST = 253_402_300_799  # 9999-12-31: beyond it, seconds are milliseconds


def read(files: Mapping[str, Path], settings: Ingest, scratch: Path) -> Raw:
    """Read the user's two tables, `events` and `items`; UserError for what cannot be read."""
    columns = settings.source
    if not isinstance(columns, Columns):
        raise TypeError(f"wanted the names of the user's columns, got {columns!r}")
    items = read_items(files["items"], columns)
    return Raw(read_events(files["events"], columns, settings.min_rating).lazy(), items)


def read_items(path: Path, columns: Columns) -> list[tuple[str, str]]:
    """Read (source id, raw title) rows; UserError for what cannot be read."""
    table = _read(path, {"item": columns.item, "title": columns.title})
    items = _ids(table["item"], path, columns.item)
    titles = table["title"].cast(pl.String).fill_null("")
    return list(zip(items, titles, strict=True))


def read_events(path: Path, columns: Columns, min_rating: float | None) -> pl.DataFrame:
    """Read the columns user, item, time (whole seconds) and, where it is filtered by, rating.

    Ids become text, whole or written; time is seconds since 1970, a date or ISO text (UTC where
    it names no zone). Raises UserError naming file, column and row.
    """
    wanted = {"user": columns.user, "item": columns.item, "time": columns.time}
    if min_rating is not None:
        if columns.rating is None:
            raise UserError(
                f"data.min_rating is {min_rating:g}, but data.events.columns.rating is null; name "
                "the column of ratings, or set data.min_rating: null"
            )
        wanted["rating"] = columns.rating
    table = _read(path, wanted)
    read = {
        "user": _ids(table["user"], path, columns.user),
        "item": _ids(table["item"], path, columns.item),
        "time": _seconds(table["time"], path, columns.time),
    }
    if min_rating is not None:
        read["rating"] = _numbers(table["rating"], path, wanted["rating"])
    return pl.DataFrame(read)


def _read(path: Path, columns: dict[str, str]) -> pl.DataFrame:
    """Read the columns named by the values, renamed to the keys."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; correct data.events.events or data.events.items")
    if path.suffix == ".parquet":
        batches = list(tables.read_batches(path))
        frame = pl.from_arrow(pa.Table.from_batches(batches)) if batches else pl.DataFrame()
    elif path.suffix == ".csv":
        try:
            # everything as text: what is an id or a time is decided below, not guessed
            frame = pl.read_csv(path, infer_schema=False)
        except pl.exceptions.NoDataError:
            frame = pl.DataFrame()
        except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
            raise UserError(
                f"{path}: cannot be read as CSV ({str(error).splitlines()[0]}); wanted UTF-8 text, "
                "fields separated by commas, one header line"
            ) from error
    else:
        raise UserError(f"{path}: a file of type {path.suffix!r}; wanted .csv or .parquet")
    assert isinstance(frame, pl.DataFrame)
    if not frame.width:
        raise UserError(f"{path}: the table is empty; wanted a header and at least one row")
    for name in columns.values():
        if name not in frame.columns:
            raise UserError(
                f"{path}: no column {name!r}; it has {', '.join(map(repr, frame.columns))}. Set "
                "data.events.columns to your names"
            )
    if not len(frame):
        raise UserError(f"{path}: the table has no row; wanted at least one")
    return frame.select(**{key: pl.col(name) for key, name in columns.items()})


def _ids(values: pl.Series, path: Path, column: str) -> pl.Series:
    kind = values.dtype
    if kind.is_float():
        # whole numbers that came as floats, as pandas writes them beside blanks
        odd = values.is_null() | ~values.is_finite() | (values != values.round())
        _refuse(odd, values, path, column, "an id: text or a whole number")
        values = values.cast(pl.Int64)
    elif not (kind.is_integer() or kind in (pl.String, pl.Categorical)):
        raise UserError(f"{path}: column {column!r} is {kind}; wanted ids: text or whole numbers")
    text = values.cast(pl.String)
    odd = text.is_null() | text.str.strip_chars().str.to_lowercase().is_in(["", "nan"])
    _refuse(odd, text, path, column, "an id: text or a whole number")
    return text


def _seconds(values: pl.Series, path: Path, column: str) -> pl.Series:
    wanted = "seconds since 1970 or ISO text such as 2024-05-31T18:00:00"
    if values.dtype in (pl.Datetime, pl.Date):
        _refuse(values.is_null(), values, path, column, wanted)
        return values.cast(pl.Datetime("ms")).dt.epoch("ms") // 1000
    if values.dtype.is_numeric():
        return _epoch(_numbers(values, path, column), path, column)
    if values.dtype != pl.String:
        raise UserError(f"{path}: column {column!r} is {values.dtype}; wanted {wanted}")
    numbers = values.cast(pl.Float64, strict=False)
    if numbers.is_not_null()[0]:  # the first row decides: numbers and text are not mixed
        return _epoch(_numbers(values, path, column), path, column)
    parsed = values.map_elements(_parse_iso, pl.Int64)
    _refuse(parsed.is_null(), values, path, column, wanted)
    return parsed


def _parse_iso(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _epoch(numbers: pl.Series, path: Path, column: str) -> pl.Series:
    wanted = "seconds since 1970 (milliseconds? divide by 1000)"
    _refuse(numbers.abs() > _LATEST, numbers, path, column, wanted)
    return numbers.floor().cast(pl.Int64)


def _numbers(values: pl.Series, path: Path, column: str) -> pl.Series:
    numbers = values.cast(pl.Float64, strict=False)
    _refuse(numbers.is_null() | ~numbers.is_finite(), values, path, column, "a number")
    return numbers


def _refuse(odd: pl.Series, values: pl.Series, path: Path, column: str, wanted: str) -> None:
    """Raise UserError that names the first odd row, if there is one."""
    rows = odd.fill_null(True).arg_true()
    if len(rows):
        raise UserError(
            f"{path}, row {rows[0] + 1}: column {column!r} is {values[int(rows[0])]!r}, wanted "
            f"{wanted} ({len(rows)} such rows); mend or remove them"
        )
