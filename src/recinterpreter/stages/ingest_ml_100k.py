"""Stage: MovieLens-100K, a folder or the zip -> users, items, interactions."""

from __future__ import annotations

from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.interactions import write_dataset
from recinterpreter.data.readers.ml_100k import read_movielens
from recinterpreter.data.titles import build_items
from recinterpreter.settings.data import Ingest


def ingest_ml_100k(
    *,
    settings: Ingest,
    source: InputPath,
    users: OutputPath,
    items: OutputPath,
    interactions: OutputPath,
) -> None:
    """Read u.data and u.item into the three tables."""
    events, titles = read_movielens(source)
    write_dataset(
        events,
        build_items(titles, settings.titles),
        settings.min_rating,
        users=users,
        items=items,
        interactions=interactions,
    )


if __name__ == "__main__":
    command(ingest_ml_100k)
