"""P5's sequences of Amazon 2014 (Beauty, Toys, Sports): numbered reviews, oldest first.

`sequential_data.txt` says of every user `user item item ...`, `datamaps.json` what the numbers
are called by Amazon. It has no times; where a table of them is given, and says of every review when
it was written (seconds since 1970), they are taken. Else the time of a review is its place in its
sequence, in days: then only the order within a user means anything, and a split in time does not.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from recinterpreter.data.raw import Raw
from recinterpreter.data.readers.amazon import filtered
from recinterpreter.data.readers.raw_titles import named
from recinterpreter.data.readers.records import read_records
from recinterpreter.errors import UserError
from recinterpreter.settings.data import AmazonRules, Ingest

logger = logging.getLogger("recinterpreter")

_SETTING = "data.amazon.path"
_DAY = 86_400  # seconds


def read(files: Mapping[str, Path], settings: Ingest, scratch: Path) -> Raw:
    """Read one category.

    files: `sequences`, `datamaps`, `titles` (metadata of records with asin and title, gzipped, or
    a table of tabs with asin and title in its last columns) and, where there is one, `times`.
    """
    rules = settings.source
    if not isinstance(rules, AmazonRules):
        raise TypeError(f"wanted the settings of Amazon, got {rules!r}")
    numbered = _sequences(files["sequences"])
    users, items = _names(files["datamaps"])
    times = _times(files["times"], numbered) if "times" in files else None
    if times is None:
        times = numbered["position"] * _DAY
        logger.info("times are places in the sequence, in days: a split in time means nothing")
    events = pl.DataFrame(
        {
            "user": _called(numbered["user"], users, files["sequences"]),
            "item": _called(numbered["item"], items, files["sequences"]),
            "time": times,
        }
    )
    kept = filtered(events, rules, files["sequences"])
    titles = _titles(files["titles"])
    return Raw(kept.lazy(), named(kept["item"], titles, rules.longest_title))


def _sequences(path: Path) -> pl.DataFrame:
    """Read user, item (text) and position of every review, in the order of the file."""
    lines = pl.Series("line", _text(path).split("\n")).str.strip_chars()
    table = lines.to_frame().with_row_index("number", offset=1).filter(pl.col("line") != "")
    odd = table.filter(~pl.col("line").str.contains(r"^[0-9]+( [0-9]+)+$"))
    if len(odd) or not len(table):
        number, line = odd.row(0) if len(odd) else (1, "")
        raise UserError(
            f"{path}, line {number}: got {line[:60]!r}, wanted the numbers of a user and of its "
            "items, separated by spaces; put P5's sequential_data.txt there"
        )
    users = table["line"].str.split(" ").list.first()
    if len(again := users.filter(users.is_duplicated())):
        raise UserError(f"{path}: user {again[0]} has two lines; wanted one for each user")
    items = table["line"].str.split(" ").list.slice(1)
    rows = pl.DataFrame({"user": users, "item": items}).with_columns(
        position=pl.int_ranges(pl.col("item").list.len())
    )
    return rows.explode("item", "position")


def _names(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Read what users and items are called by Amazon, by their numbers."""
    try:
        maps = json.loads(_text(path))
        found = [maps[key] for key in ("id2user", "id2item")]
        users, items = ({str(number): str(name) for number, name in m.items()} for m in found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path}: wanted JSON with the maps id2user and id2item ({error!r}); put P5's "
            f"datamaps.json there, see {_SETTING}"
        ) from error
    return users, items


def _called(numbers: pl.Series, names: Mapping[str, str], source: Path) -> pl.Series:
    called = numbers.replace_strict(list(names), list(names.values()), default=None)
    if called.null_count():
        unknown = numbers.filter(called.is_null())[0]
        raise UserError(
            f"{source}: the number {unknown} ({numbers.name}) is not in datamaps.json; wanted both "
            "files of one category"
        )
    return called


def _times(path: Path, numbered: pl.DataFrame) -> pl.Series | None:
    """Read the times of all reviews; None where one has none, or they begin with each user."""
    table = _table(path)
    if missing := {"p5_user", "p5_item"} - {*table.columns}:
        raise UserError(f"{path}: no column {', '.join(sorted(missing))}; see {_SETTING}")
    pairs = table.select(user="p5_user", item="p5_item")
    if not pairs.equals(numbered.select("user", "item")):
        raise UserError(
            f"{path}: its {len(table)} rows are not the {len(numbered)} reviews of the sequences, "
            "in their order; wanted both files of one category"
        )
    if "unixReviewTime" not in table.columns:
        return None
    times = table["unixReviewTime"].cast(pl.Int64, strict=False)
    return None if times.null_count() else times


def _titles(path: Path) -> Iterable[tuple[Any, ...]]:
    """Read (asin, raw title): of metadata, a record a line, or of a table of three columns."""
    if path.suffix == ".gz":
        return read_records(path, _SETTING, "asin", "title")
    table = _table(path)
    if table.width != 3 or "asin" not in table.columns:
        raise UserError(
            f"{path}: columns {', '.join(table.columns)}; wanted three, of which the second is "
            f"asin and the third the title, see {_SETTING}"
        )
    return table.select("asin", table.columns[2]).iter_rows()


def _table(path: Path) -> pl.DataFrame:
    try:
        return pl.read_csv(path, separator="\t", quote_char=None, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, EOFError) as error:
        raise UserError(
            f"{path}: cannot be read as a table of tabs ({str(error).splitlines()[0]}); correct "
            f"{_SETTING}"
        ) from error


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); correct {_SETTING}") from error
