"""Stage: the two official raw files of Steam."""

from __future__ import annotations

from recinterpreter.command import OutputPath, command
from recinterpreter.data.download import download
from recinterpreter.data.downloads import table


def download_steam(*, games: OutputPath, reviews: OutputPath) -> None:
    """Download catalogue and reviews and verify them."""
    download(table()["steam-games"], games)
    download(table()["steam-reviews"], reviews)


if __name__ == "__main__":
    command(download_steam)
