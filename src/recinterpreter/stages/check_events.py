"""Stage: find the user's own tables good before any earlier table of them is given up."""

from __future__ import annotations

from recinterpreter.checkpoint import write_json
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.interactions import check_dataset
from recinterpreter.data.readers.events import read_tables
from recinterpreter.settings.data import Ingest


def check_events(
    *, settings: Ingest, events_table: InputPath, items_table: InputPath, found: OutputPath
) -> None:
    """Read both tables as ingest_events will; write what was found."""
    events, catalogue = read_tables(events_table, items_table, settings)
    write_json(found, check_dataset(events, catalogue, settings.min_rating))


if __name__ == "__main__":
    command(check_events)
