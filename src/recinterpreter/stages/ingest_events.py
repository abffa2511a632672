"""Stage: the user's own events and items -> users, items, interactions."""

from __future__ import annotations

from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.events import read_events, read_items
from recinterpreter.data.interactions import write_dataset
from recinterpreter.data.titles import build_items
from recinterpreter.settings import EventsSource, Ingest


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
    source = settings.source
    if not isinstance(source, EventsSource):
        raise TypeError(f"wanted the settings of the user's events, got {source!r}")
    catalogue = build_items(read_items(items_table, source.columns), settings.titles)
    events = read_events(events_table, source.columns, settings.min_rating)
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
