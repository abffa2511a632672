"""The user's own data: a table of events and one of items, of any length."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from recinterpreter.data.raw import Raw
from recinterpreter.data.readers.fields import Field, ids, in_seconds, numbers, times, titles
from recinterpreter.data.readers.rows import read_pieces
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Columns, Ingest


def read(files: Mapping[str, Path], settings: Ingest, scratch: Path) -> Raw:
    """Read the user's two tables, `events` and `items`; UserError for what cannot be read."""
    columns = settings.source
    if not isinstance(columns, Columns):
        raise TypeError(f"wanted the names of the user's columns, got {columns!r}")
    items = read_items(files["items"], columns)
    return Raw(read_events(files["events"], columns, settings.min_rating).lazy(), items)


def read_items(path: Path, columns: Columns) -> list[tuple[str, str]]:
    """Read (source id, raw title) rows; UserError for what cannot be read."""
    rows: list[tuple[str, str]] = []
    for piece in read_pieces(path, {"item": columns.item, "title": columns.title}):
        items = ids(Field(piece, "item", columns.item))
        rows += zip(items, titles(Field(piece, "title", columns.title)), strict=True)
    return rows


def read_events(path: Path, columns: Columns, min_rating: float | None) -> pl.DataFrame:
    """Read the columns user, item, time (whole seconds) and, where it is filtered by, rating.

    Ids are held as categories, a few bytes each, so that tables may be larger than memory. Raises
    UserError naming file, column and row.
    """
    wanted = {"user": columns.user, "item": columns.item, "time": columns.time}
    if min_rating is not None:
        if columns.rating is None:
            raise UserError(
                f"data.min_rating is {min_rating:g}, but data.events.columns.rating is null; name "
                "the column of ratings, or set data.min_rating: null"
            )
        wanted["rating"] = columns.rating
    as_seconds: bool | None = None
    read = []
    for piece in read_pieces(path, wanted):
        fields = {key: Field(piece, key, name) for key, name in wanted.items()}
        if as_seconds is None:  # numbers and text are not mixed
            as_seconds = in_seconds(fields["time"])
        parsed = {key: ids(fields[key]).cast(pl.Categorical) for key in ("user", "item")}
        parsed["time"] = times(fields["time"], as_seconds)
        if "rating" in fields:
            parsed["rating"] = numbers(fields["rating"])
        read.append(pl.DataFrame(parsed))
    return pl.concat(read)
