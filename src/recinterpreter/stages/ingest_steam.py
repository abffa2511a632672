"""Stage: Steam's two raw files -> users, items, interactions."""

from __future__ import annotations

from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.interactions import write_dataset
from recinterpreter.data.readers.steam_sample import read_steam
from recinterpreter.settings.data import Ingest


def ingest_steam(
    *,
    settings: Ingest,
    games: InputPath,
    reviews: InputPath,
    users: OutputPath,
    items: OutputPath,
    interactions: OutputPath,
) -> None:
    """Read catalogue and reviews into the three tables."""
    events, catalogue = read_steam(games, reviews, settings, interactions.parent)
    write_dataset(events, catalogue, None, users=users, items=items, interactions=interactions)


if __name__ == "__main__":
    command(ingest_steam)
