"""Vectors of items that an outside recommender gave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from recinterpreter.errors import UserError
from recinterpreter.outside.dataset import item_ids
from recinterpreter.outside.files import parts

_SHOWN = 3  # of the items without a vector


def read_vectors(given: Path, source_ids: pa.Array) -> np.ndarray:
    """Read a vector for each item: (V + 1, D), row 0 is 0; source_ids: of V items, by their ids.

    Raises UserError for a file that cannot be used, and for items without a vector or with two.
    """
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
    table: np.ndarray = np.stack([np.zeros_like(found[1]), *(found[i] for i in sorted(found))])
    return table


def _insist_on_all(given: Path, found: dict[int, np.ndarray], source_ids: pa.Array) -> None:
    missing = [name.as_py() for item, name in enumerate(source_ids, 1) if item not in found]
    if missing:
        raise UserError(
            f"{given}: no vector of {len(missing)} of {len(source_ids)} items, the first "
            f"{', '.join(map(repr, missing[:_SHOWN]))}; wanted one for each item of the data set"
        )
