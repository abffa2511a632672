"""Stage: the raw files of a data set -> users, items, interactions."""

from __future__ import annotations

from recinterpreter.command import InputPaths, OutputPath, command
from recinterpreter.data.interactions import write_dataset
from recinterpreter.data.raw import read_raw
from recinterpreter.settings.data import Ingest


def ingest_source(
    *,
    settings: Ingest,
    files: InputPaths,
    users: OutputPath,
    items: OutputPath,
    interactions: OutputPath,
) -> None:
    """Read the files into the three tables."""
    with read_raw(files, settings, interactions.parent) as raw:
        write_dataset(raw, settings, users=users, items=items, interactions=interactions)


if __name__ == "__main__":
    command(ingest_source)
