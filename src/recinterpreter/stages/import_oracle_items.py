"""Write the oracle items of an outside recommender, and the states of history and oracle item."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import read_tensors
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.contents import content_digest
from recinterpreter.data.evaluated import evaluated_examples, last_examples
from recinterpreter.errors import UserError
from recinterpreter.outside.dataset import Users
from recinterpreter.outside.states import StateFile, before_and_after, rounded
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.oracle import described
from recinterpreter.recommenders.ranking import Sequences
from recinterpreter.settings.recommenders import OutsideOracle


def import_oracle_items(
    *,
    settings: OutsideOracle,
    given: InputPath,
    item_table: InputPath,
    recorded: InputPath,
    users: InputPath,
    interactions: InputPath,
    examples: InputPath,
    states: OutputPath,
    oracle: OutputPath,
) -> None:
    """Map oracle items given by user and position to the evaluated examples, as DreamRec's are.

    recorded: STATES of the same recommender, whose `after` is the state without the oracle item.
    """
    rows = _evaluated(tables.read(examples, schemas.EXAMPLES), settings)
    known = Users(users, interactions)
    keys = known.keys(rows["user_id"].to_numpy(), rows["position"].to_numpy())
    held = StateFile(given, known, np.sort(keys), states.parent, vectors=True)
    known.insist_on(given, np.sort(keys), held.has(np.sort(keys)))
    noted = tables.metadata(recorded)
    _insist_on_shapes(held, noted["shape"], table := read_tensors(item_table)["item_table.weight"])
    about = {**noted, "source": "oracle", "checkpoint": content_digest(given)}

    without = _after(recorded, rows["example_id"], *held.shape)
    (before, before_mask), (after, after_mask) = before_and_after(
        without, held.take(keys), held.by_item
    )
    columns = {
        "example_id": rows["example_id"],
        "before": rounded(before.reshape(len(before), -1), settings.precision, given),
        "after": rounded(after.reshape(len(after), -1), settings.precision, given),
        "before_mask": before_mask,
        "after_mask": after_mask,
    }
    tables.write(states, columns, schemas.states_schema(*held.shape, settings.precision), about)
    events = tables.read(interactions, schemas.INTERACTIONS)
    sequences = Sequences.of(
        *(events[name].to_numpy() for name in ("user_id", "position", "item_id"))
    )
    asked = windows.from_rows(rows, tables.metadata(examples)["history"])
    made = described(torch.from_numpy(held.vectors(keys)), table, asked, sequences)
    schema = schemas.oracle_schema(held.width)
    tables.write(oracle, {**made, "last": rows["last"]}, schema, about)


def _evaluated(examples: pa.Table, settings: OutsideOracle) -> pa.Table:
    """Return the rows of the evaluated examples, with the mark of each user's last."""
    chosen = evaluated_examples(examples, settings.sample, settings.drawn)
    marked = examples.append_column("last", pa.array(last_examples(examples)))
    return marked.filter(pa.array(np.isin(examples["example_id"].to_numpy(), chosen)))


def _after(
    recorded: InputPath, example_ids: pa.ChunkedArray, positions: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the recorded states (N, L, D) after some examples, ascending, and their masks."""
    wanted, values, masks = example_ids.to_numpy(), [], []
    for batch in tables.read_batches(recorded):
        chosen = batch.filter(pa.array(np.isin(batch["example_id"].to_numpy(), wanted)))
        values.append(tables.matrix(chosen["after"], positions))
        masks.append(tables.matrix(chosen["after_mask"], positions)[..., 0])
    return np.concatenate(values).astype(np.float32), np.concatenate(masks)


def _insist_on_shapes(held: StateFile, recorded: list[int], item_table: torch.Tensor) -> None:
    if list(held.shape) != recorded:
        raise UserError(
            f"{held.path}: states of shape {list(held.shape)}, and the recommender's other states "
            f"have {recorded}; wanted the same"
        )
    if held.width != item_table.shape[1]:
        raise UserError(
            f"{held.path}: vectors of {held.width} numbers, and the items' have "
            f"{item_table.shape[1]}; wanted oracle items in the items' own space"
        )


if __name__ == "__main__":
    command(import_oracle_items)
