"""Write the item vectors that an outside recommender gave as an item table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from safetensors.numpy import save_file

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import replacing
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.errors import UserError
from recinterpreter.outside.dataset import item_ids
from recinterpreter.outside.files import parts

_SHOWN = 3  # of the items without a vector


def import_items(*, given: InputPath, items: InputPath, item_table: OutputPath) -> None:
    """Put a vector for each item into a table (V, D) as trained recommenders have: row 0 is 0."""
    source_ids = tables.read(items, schemas.ITEMS)["source_id"].combine_chunks()
    found: dict[int, np.ndarray] = {}
    for part in parts(given, ("item", "vector")):
        ids, vectors = part.ids("item"), part.vectors("vector")
        own = item_ids(part, "item", ids, np.arange(len(part)), source_ids)
        width = next(iter(found.values()), vectors[0]).shape
        if vectors.ndim != 2 or vectors.shape[1:] != width:
            raise UserError(
                f"{given}, row {part.first}: vectors of shape {vectors.shape[1:]}, before it "
                f"{width}; wanted one list of numbers for each item, all of one length"
            )
        for item, vector in zip(own.tolist(), vectors, strict=True):
            if item in found:
                raise UserError(
                    f"{given}: item {source_ids[item - 1].as_py()!r} has two vectors; wanted one"
                )
            found[item] = vector
    _insist_on_all(given, found, source_ids)
    table = np.stack([np.zeros_like(found[1]), *(found[i] for i in sorted(found))])
    with replacing(item_table) as partial:
        save_file({"item_table.weight": table}, partial)


def _insist_on_all(given: InputPath, found: dict[int, np.ndarray], source_ids: pa.Array) -> None:
    missing = [name.as_py() for item, name in enumerate(source_ids, 1) if item not in found]
    if missing:
        raise UserError(
            f"{given}: no vector of {len(missing)} of {len(source_ids)} items, the first "
            f"{', '.join(map(repr, missing[:_SHOWN]))}; wanted one for each item of the data set"
        )


if __name__ == "__main__":
    command(import_items)
