"""Stage: the official MovieLens-100K archive."""

from __future__ import annotations

from recinterpreter.command import OutputPath, command
from recinterpreter.data.download import download
from recinterpreter.data.sources import ML_100K


def download_ml_100k(*, archive: OutputPath) -> None:
    """Download ml-100k.zip and verify it."""
    download(ML_100K, archive)


if __name__ == "__main__":
    command(download_ml_100k)
