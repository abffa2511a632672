"""Stage: find Steam's raw files good before any earlier table of them is given up."""

from __future__ import annotations

from recinterpreter.checkpoint import write_json
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.interactions import check_dataset
from recinterpreter.data.readers.steam_sample import read_steam
from recinterpreter.settings.data import Ingest


def check_steam(
    *, settings: Ingest, games: InputPath, reviews: InputPath, found: OutputPath
) -> None:
    """Read both files as ingest_steam will; write what was found."""
    events, catalogue = read_steam(games, reviews, settings, found.parent)
    write_json(found, check_dataset(events, catalogue, None))


if __name__ == "__main__":
    command(check_steam)
