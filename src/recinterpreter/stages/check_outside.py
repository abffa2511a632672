"""Stage: find an outside recommender's file good before what was made of another is given up."""

from __future__ import annotations

import numpy as np

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import write_json
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.outside.dataset import Users
from recinterpreter.outside.lists import read_lists
from recinterpreter.outside.states import StateFile, states_of_examples
from recinterpreter.outside.vectors import read_vectors
from recinterpreter.settings.recommenders import OutsideFile


def check_outside(
    *,
    settings: OutsideFile,
    given: InputPath,
    users: InputPath,
    items: InputPath,
    interactions: InputPath,
    examples: InputPath,
    found: OutputPath,
) -> None:
    """Read a file as the stage that imports it will; write what it is.

    Of oracle items only those of evaluated examples are needed, which are looked for later.
    """
    known, source_ids = Users(users, interactions), tables.read(items, schemas.ITEMS)["source_id"]
    if settings.file == "states":
        states_of_examples(given, known, examples, found.parent)
    elif settings.file == "items":
        read_vectors(given, source_ids.combine_chunks())
    elif settings.file == "recommended":
        rows = tables.read(examples, schemas.EXAMPLES, ["user_id", "position"])
        keys = known.keys(rows["user_id"].to_numpy(), rows["position"].to_numpy())
        read_lists(given, known, keys, source_ids.combine_chunks())
    else:
        StateFile(given, known, np.empty(0, np.int64), found.parent, vectors=True)
    write_json(found, {"file": settings.file})


if __name__ == "__main__":
    command(check_outside)
