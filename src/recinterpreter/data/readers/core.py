"""The k-core of events: what is left when users and items with few events are left out."""

from __future__ import annotations

import polars as pl


def k_core(events: pl.DataFrame, least: int) -> pl.DataFrame:
    """Return the events of the k-core, in their order; columns user and item of any type.

    It is the largest part in which every user and every item has at least `least` events. Users
    and items with fewer are left out at once, and again as long as that leaves others with fewer:
    in whatever order they go, what is left is the same.
    """
    counts = [pl.len().over(who) >= least for who in ("user", "item")]
    while len(kept := events.filter(*counts)) < len(events):
        events = kept
    return events


def first_of_pairs(events: pl.DataFrame) -> pl.DataFrame:
    """Return of several events of one user and item the earliest, in time then in the file."""
    placed = events.with_row_index("place").sort("time", "place")
    first = placed.unique(["user", "item"], keep="first", maintain_order=True)
    return first.sort("place").drop("place")
