"""Write the states of an outside recommender, before and after the last item of a history."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.contents import content_digest
from recinterpreter.outside.dataset import Users
from recinterpreter.outside.states import StateFile, before_and_after, rounded, states_of_examples
from recinterpreter.settings.recommenders import OutsideStates

_ROWS_AT_A_TIME = 1024


def import_states(
    *,
    settings: OutsideStates,
    given: InputPath,
    users: InputPath,
    interactions: InputPath,
    examples: InputPath,
    states: OutputPath,
) -> None:
    """Map states given by user and position to all examples, in a stream.

    The state after a history is the one at the target's position, the state before its last item
    the one at the position before, or without the last item's vector where each item has its own.
    That of the empty history may be missing: then nothing is shown.
    """
    known = Users(users, interactions)
    held = states_of_examples(given, known, examples, states.parent)
    about = {
        "recommender": settings.recommender,
        "seed": settings.seed,
        "shape": list(held.shape),
        "checkpoint": content_digest(given),
        "source": "recorded",
        "n_items": tables.metadata(examples)["n_items"],
    }
    schema = schemas.states_schema(*held.shape, settings.precision)
    with tables.Writer(states, schema, about) as writer:
        for rows in tables.read_batches(examples, _ROWS_AT_A_TIME):
            writer.write(_columns(rows, known, held, settings.precision))


def _columns(
    rows: pa.RecordBatch, known: Users, held: StateFile, precision: str
) -> dict[str, np.ndarray]:
    """Return columns of STATES for some examples."""
    user_ids, positions = rows["user_id"].to_numpy(), rows["position"].to_numpy()
    opened, whole = (held.take(known.keys(user_ids, positions - back)) for back in (1, 0))
    (before, before_mask), (after, after_mask) = before_and_after(opened, whole, held.by_item)
    return {
        "example_id": rows["example_id"].to_numpy(),
        "before": rounded(before.reshape(len(before), -1), precision, held.path),
        "after": rounded(after.reshape(len(after), -1), precision, held.path),
        "before_mask": before_mask,
        "after_mask": after_mask,
    }


if __name__ == "__main__":
    command(import_states)
