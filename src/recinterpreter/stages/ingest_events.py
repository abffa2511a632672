"""Stage: the user's own events and items -> users, items, interactions."""

from __future__ import annotations

from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.interactions import write_dataset
from recinterpreter.data.readers.events import read_tables
from recinterpreter.settings.data import Ingest


def ingest_events(
    *,
    settings: Ingest,
    events_table: InputPath,
    items_table: InputPath,
    users: OutputPath,
    items: OutputPath,
    interactions: OutputPath,
) -> None:
    """Read two tables of the user's own into the three tables."""
    events, catalogue = read_tables(events_table, items_table, settings)
    write_dataset(
        events,
        catalogue,
        settings.min_rating,
        users=users,
        items=items,
        interactions=interactions,
    )


if __name__ == "__main__":
    command(ingest_events)
