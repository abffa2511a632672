"""Stage: the two official raw files of Steam."""

from __future__ import annotations

from recinterpreter.command import OutputPath, command
from recinterpreter.data.download import download
from recinterpreter.data.sources import STEAM_GAMES, STEAM_REVIEWS


def download_steam(*, games: OutputPath, reviews: OutputPath) -> None:
    """Download catalogue and reviews and verify them."""
    download(STEAM_GAMES, games)
    download(STEAM_REVIEWS, reviews)


if __name__ == "__main__":
    command(download_steam)
