"""From a source's events to USERS and INTERACTIONS; every source goes through here."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError

# one user each for train, validation and test
FEWEST_USERS = 3


def build_interactions(
    events: pl.DataFrame, items: pa.Table, min_rating: float | None
) -> tuple[pa.Table, pa.Table]:
    """Number the users and order their events: (USERS, INTERACTIONS).

    `events` has the columns user, item (source ids, text), time (whole seconds since 1970) and,
    where `min_rating` is given, rating; its rows are in the order of the source's file.
    Users are numbered in order of their first event, ties by source id (shorter ids first, so
    that "9" comes before "10"). A user's events are sorted by time, ties in the file's order.

    Raises UserError for an item that `items` does not hold, and for fewer than three users.
    """
    if min_rating is not None:
        events = events.filter(pl.col("rating") >= min_rating)
    item_ids = pl.DataFrame({"item": items["source_id"], "item_id": items["item_id"]})
    events = events.join(item_ids, on="item", how="left", maintain_order="left")
    unknown = events.filter(pl.col("item_id").is_null())
    if len(unknown):
        named = ", ".join(map(repr, unknown["item"].unique(maintain_order=True)[:5]))
        raise UserError(
            f"{len(unknown)} events name items that the table of items does not hold: {named}; "
            "add these items or remove the events"
        )
    users = (
        events.group_by("user")
        .agg(pl.col("time").min().alias("first"))
        .sort("first", pl.col("user").str.len_bytes(), "user")
        .with_row_index("user_id", offset=1)
    )
    if len(users) < FEWEST_USERS:
        rule = "" if min_rating is None else f" with a rating of at least {min_rating:g}"
        raise UserError(
            f"got {len(users)} user(s) in {len(events)} events{rule}; wanted at least "
            f"{FEWEST_USERS}, so that train, validation and test have one each"
        )
    numbered = (
        events.join(users, on="user", maintain_order="left")
        .sort("user_id", "time", maintain_order=True)
        .with_columns(position=pl.int_range(pl.len()).over("user_id"))
    )
    return (
        users.select("user_id", source_id="user").to_arrow().cast(schemas.USERS),
        numbered.select(schemas.INTERACTIONS.names).to_arrow().cast(schemas.INTERACTIONS),
    )


def check_dataset(
    events: pl.DataFrame, catalogue: pa.Table, min_rating: float | None
) -> dict[str, int]:
    """Find a source good, or raise the UserError that `write_dataset` would; return its counts."""
    users, interactions = build_interactions(events, catalogue, min_rating)
    return {"users": len(users), "items": len(catalogue), "interactions": len(interactions)}


def write_dataset(
    events: pl.DataFrame,
    catalogue: pa.Table,
    min_rating: float | None,
    *,
    users: Path,
    items: Path,
    interactions: Path,
) -> None:
    """Write a source's three tables: nothing is written before all of it is found good."""
    user_rows, interaction_rows = build_interactions(events, catalogue, min_rating)
    tables.write(users, user_rows, schemas.USERS)
    tables.write(items, catalogue, schemas.ITEMS)
    counts = {"n_users": len(user_rows), "n_items": len(catalogue)}
    tables.write(interactions, interaction_rows, schemas.INTERACTIONS, counts)
