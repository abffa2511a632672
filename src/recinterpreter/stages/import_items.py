"""Write the item vectors that an outside recommender gave as an item table."""

from __future__ import annotations

from safetensors.numpy import save_file

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import replacing
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.outside.vectors import read_vectors


def import_items(*, given: InputPath, items: InputPath, item_table: OutputPath) -> None:
    """Put a vector for each item into a table (V, D) as trained recommenders have: row 0 is 0."""
    table = read_vectors(given, tables.read(items, schemas.ITEMS)["source_id"].combine_chunks())
    with replacing(item_table) as partial:
        save_file({"item_table.weight": table}, partial)


if __name__ == "__main__":
    command(import_items)
