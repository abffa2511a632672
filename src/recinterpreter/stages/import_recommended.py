"""Write what an outside recommender recommends after every example, and where it ranks targets."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.evaluated import last_examples
from recinterpreter.outside.dataset import Users
from recinterpreter.outside.lists import Lists, Met, ranks_in, read_lists
from recinterpreter.settings.recommenders import Outside

logger = logging.getLogger("recinterpreter")

COUNT = 10  # of the best items, as of recommenders that are trained here


def import_recommended(
    *,
    settings: Outside,
    given: InputPath,
    users: InputPath,
    items: InputPath,
    interactions: InputPath,
    examples: InputPath,
    recommended: OutputPath,
    ranking: OutputPath,
) -> None:
    """Map lists given by user and position to all examples; rank validation and test targets.

    Items that a user has met before do not count in a list, as nowhere else.
    """
    rows = tables.read(examples, schemas.EXAMPLES)
    columns = (rows[name].to_numpy() for name in ("user_id", "position", "target"))
    user_ids, positions, targets = columns
    source_ids = tables.read(items, schemas.ITEMS)["source_id"].combine_chunks()
    known = Users(users, interactions)
    lists = read_lists(given, known, known.keys(user_ids, positions), source_ids)
    met = Met(tables.read(interactions, schemas.INTERACTIONS), len(source_ids))
    seen = met.before(user_ids[lists.example], positions[lists.example], lists.items)
    best = lists.where(~seen)
    n_empty = len(rows) - len(np.unique(best.example))
    if n_empty:
        logger.warning(
            "%d of %d lists hold nothing that the user has not met; their examples keep the item "
            "that came next as what is preferred",
            *(n_empty, len(rows)),
        )
    about = {"recommender": settings.recommender, "seed": settings.seed}
    best_ten = {
        "example_id": rows["example_id"],
        "user_id": rows["user_id"],
        "items": _nested(best.where(best.places() < COUNT), len(rows)),
    }
    tables.write(recommended, best_ten, schemas.RECOMMENDED, about)
    split = rows["split"].to_numpy(zero_copy_only=False)
    found = ranks_in(lists, met, user_ids, positions, targets, len(source_ids))
    ranked = rows.append_column("last", pa.array(last_examples(rows))).append_column(
        "rank", pa.array(found, schemas.ID)
    )
    shortest = lists.shortest(len(rows))
    logger.info("the shortest list has %d items; HR and NDCG beyond that are at least so", shortest)
    tables.write(
        ranking,
        ranked.filter(pa.array(split != "train")),
        schemas.RANKING,
        {**about, "shortest_list": shortest},
    )


def _nested(lists: Lists, n: int) -> pa.Array:
    """Return lists of items as a column of n rows."""
    ends = np.searchsorted(lists.example, np.arange(n + 1))
    return pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()), pa.array(lists.items, schemas.ID), type=schemas.IDS
    )


if __name__ == "__main__":
    command(import_recommended)
