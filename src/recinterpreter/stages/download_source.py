"""Stage: one official file of a public data set."""

from __future__ import annotations

from recinterpreter.command import OutputPath, command
from recinterpreter.data.download import download
from recinterpreter.settings.downloads import Download


def download_source(*, settings: Download, file: OutputPath) -> None:
    """Download a file and verify it, as its row of the table of downloads says."""
    download(settings, file)


if __name__ == "__main__":
    command(download_source)
