"""Stage: find a source's raw files good before any earlier table of them is given up."""

from __future__ import annotations

from recinterpreter.checkpoint import write_json
from recinterpreter.command import InputPaths, OutputPath, command
from recinterpreter.data.interactions import check_dataset
from recinterpreter.data.raw import read_raw
from recinterpreter.settings.data import Ingest


def check_source(*, settings: Ingest, files: InputPaths, found: OutputPath) -> None:
    """Read the files as ingest_source will; write what was found."""
    with read_raw(files, settings, found.parent) as raw:
        write_json(found, check_dataset(raw, settings))


if __name__ == "__main__":
    command(check_source)
