"""From a source's events to USERS and INTERACTIONS; every source goes through here."""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.data.raw import Raw
from recinterpreter.data.titles import build_items
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Ingest

logger = logging.getLogger("recinterpreter")

# one user each for train, validation and test
FEWEST_USERS = 3
_SHOWN = 5  # unknown items that a message names


def build_interactions(
    events: pl.DataFrame | pl.LazyFrame, items: pa.Table, min_rating: float | None
) -> tuple[pa.Table, pa.Table]:
    """Number the users and order their events: (USERS, INTERACTIONS).

    `events` has the columns user, item (source ids, text), time (whole seconds since 1970) and,
    where `min_rating` is given, rating; its rows are in the order of the source's file.
    Users are numbered in order of their first event, ties by source id (shorter ids first, so
    that "9" comes before "10"). A user's events are sorted by time, ties in the file's order.

    Raises UserError for an item that `items` does not hold, and for fewer than three users.
    """
    users, rows = _numbered(events, items, min_rating)
    ordered = rows.sort("user_id", "time", maintain_order=True).with_columns(
        position=pl.int_range(pl.len(), dtype=pl.Int32).over("user_id")
    )
    return (
        users.to_arrow().cast(schemas.USERS),
        ordered.select(schemas.INTERACTIONS.names).to_arrow().cast(schemas.INTERACTIONS),
    )


def _numbered(
    events: pl.DataFrame | pl.LazyFrame, items: pa.Table, min_rating: float | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put numbers in the place of source ids: (user_id, source_id), (user_id, item_id, time).

    Millions of events are read in a stream and held as numbers alone: an id in text takes many
    times the memory.
    """
    events = events.lazy()
    if min_rating is not None:
        events = events.filter(pl.col("rating") >= min_rating)
    catalogue = pl.Enum(items["source_id"].to_pylist())  # its codes count from 0, item ids from 1
    item_id = pl.col("item").cast(catalogue, strict=False).to_physical().cast(pl.Int32) + 1
    rows = events.select(pl.col("user").cast(pl.Categorical), "time", item_id=item_id).collect(
        engine="streaming"
    )
    if n_unknown := rows["item_id"].null_count():
        _refuse_unknown(events, items, n_unknown)
    users = (
        rows.group_by("user")
        .agg(pl.col("time").min().alias("first"))
        .with_columns(pl.col("user").cast(pl.String).alias("source_id"))
        .sort("first", pl.col("source_id").str.len_bytes(), "source_id")
        .select("user", "source_id", user_id=pl.int_range(1, pl.len() + 1, dtype=pl.Int32))
    )
    if len(users) < FEWEST_USERS:
        rule = "" if min_rating is None else f" with a rating of at least {min_rating:g}"
        raise UserError(
            f"got users: {len(users)}, events{rule}: {len(rows):,}; wanted at least "
            f"{FEWEST_USERS} users, so that train, validation and test have one each"
        )
    rows = rows.join(users, on="user", maintain_order="left").select("user_id", "item_id", "time")
    return users.select("user_id", "source_id"), rows


def _refuse_unknown(events: pl.LazyFrame, items: pa.Table, n_unknown: int) -> None:
    """Raise the UserError that names the first items which the table of items does not hold."""
    known = pl.Series(items["source_id"]).implode()
    unknown = events.select("item").filter(~pl.col("item").is_in(known))
    named = unknown.unique(maintain_order=True).head(_SHOWN).collect()["item"]
    raise UserError(
        f"events name items that the table of items does not hold: {', '.join(map(repr, named))} "
        f"(such events: {n_unknown:,}); add what is missing there, or remove such events"
    )


def check_dataset(raw: Raw, settings: Ingest) -> dict[str, int]:
    """Find a source good, or raise the UserError that `write_dataset` would; return its counts."""
    catalogue = build_items(raw.items, settings.titles)
    users, rows = _numbered(raw.events, catalogue, _least_rating(raw, settings))
    return {"users": len(users), "items": len(catalogue), "interactions": len(rows)}


def build_dataset(raw: Raw, settings: Ingest) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Make a source's three tables: (USERS, ITEMS, INTERACTIONS); UserError where it is bad."""
    catalogue = build_items(raw.items, settings.titles)
    users, rows = build_interactions(raw.events, catalogue, _least_rating(raw, settings))
    return users, catalogue, rows


def write_dataset(
    raw: Raw, settings: Ingest, *, users: Path, items: Path, interactions: Path
) -> None:
    """Write a source's three tables: nothing is written before all of it is found good."""
    user_rows, catalogue, rows = build_dataset(raw, settings)
    tables.write(users, user_rows, schemas.USERS)
    tables.write(items, catalogue, schemas.ITEMS)
    counts = {"n_users": len(user_rows), "n_items": len(catalogue)}
    tables.write(interactions, rows, schemas.INTERACTIONS, counts)


def _least_rating(raw: Raw, settings: Ingest) -> float | None:
    """The rating below which events are dropped; None where none is, or there are no ratings."""
    if settings.min_rating is None or raw.rated:
        return settings.min_rating
    logger.info("data.min_rating does not apply: there are no ratings here")
    return None
