"""Stage: the official MovieLens-100K archive."""

from __future__ import annotations

from recinterpreter.command import OutputPath, command
from recinterpreter.data.download import download
from recinterpreter.data.downloads import table


def download_ml_100k(*, archive: OutputPath) -> None:
    """Download ml-100k.zip and verify it."""
    download(table()["ml-100k"], archive)


if __name__ == "__main__":
    command(download_ml_100k)
