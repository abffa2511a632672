"""Stage: find MovieLens-100K good before any earlier table of it is given up."""

from __future__ import annotations

from recinterpreter.checkpoint import write_json
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.interactions import check_dataset
from recinterpreter.data.readers.ml_100k import read_movielens
from recinterpreter.data.titles import build_items
from recinterpreter.settings.data import Ingest


def check_ml_100k(*, settings: Ingest, source: InputPath, found: OutputPath) -> None:
    """Read u.data and u.item as ingest_ml_100k will; write what was found."""
    events, titles = read_movielens(source)
    catalogue = build_items(titles, settings.titles)
    write_json(found, check_dataset(events, catalogue, settings.min_rating))


if __name__ == "__main__":
    command(check_ml_100k)
