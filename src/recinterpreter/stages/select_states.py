"""Take the states of the evaluated examples, and make the controls shown in their place."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPaths, command
from recinterpreter.data.evaluated import evaluated_examples
from recinterpreter.errors import UserError
from recinterpreter.interpretation.controls import (
    Moments,
    StateRows,
    another_user,
    mean_state,
    noise,
    prompt_only,
    zeros,
)
from recinterpreter.settings.answers import Control, StateSelection

logger = logging.getLogger("recinterpreter")

_ROWS_AT_A_TIME = 512


def select_states(
    *, settings: StateSelection, examples: InputPath, states: InputPath, selected: OutputPaths
) -> None:
    """Write STATES of the evaluated examples: as recorded, then once for every control."""
    if len(selected) != 1 + len(settings.controls):
        raise UserError(
            f"--selected got {len(selected)} files; wanted {1 + len(settings.controls)}: "
            f"recorded, {', '.join(settings.controls)}"
        )
    table = tables.read(examples, schemas.EXAMPLES)
    chosen = evaluated_examples(table, settings.sample, settings.seed)
    ids, users = table["example_id"].to_numpy(), table["user_id"].to_numpy()
    training = table["split"].to_numpy(zero_copy_only=False) == "train"
    recorded, moments = _read(states, ids, training, np.isin(ids, chosen))
    user_ids = users[np.searchsorted(ids, chosen)]
    logger.info("%d evaluated examples of %d users", len(chosen), len(np.unique(user_ids)))

    def control(name: Control) -> StateRows:
        if name == "another_user":
            return another_user(recorded, user_ids, settings.seed)
        if name == "mean_state":
            return mean_state(recorded, *moments)
        if name == "zeros":
            return zeros(recorded)
        if name == "noise":
            return noise(recorded, *moments, settings.seed)
        return prompt_only(recorded)

    about = tables.metadata(states)
    positions, width = about["shape"]
    assert recorded.after is not None
    schema = schemas.states_schema(positions, width, recorded.after.dtype.name)
    _write(selected[0], recorded, schema, about)
    for name, path in zip(settings.controls, selected[1:], strict=True):
        _write(path, control(name), schema, {**about, "source": name})


def _read(
    states: Path, ids: np.ndarray, training: np.ndarray, chosen: np.ndarray
) -> tuple[StateRows, tuple[Moments, Moments]]:
    """Stream STATES once: the chosen rows, and the moments of before and after in training.

    ids: (E) of all examples, ascending, in which training and chosen (E) mark some.
    """
    positions, width = tables.metadata(states)["shape"]
    moments = Moments(positions, width), Moments(positions, width)
    kept: list[tuple[np.ndarray, ...]] = []
    known = 0
    for rows in tables.read_batches(states, _ROWS_AT_A_TIME):
        example_ids = rows.column("example_id").to_numpy()
        here = slice(known, known + len(example_ids))
        known += len(example_ids)
        if not np.array_equal(ids[here], example_ids):
            raise UserError(f"{states} is not of these examples; delete it and run again")
        columns = [
            tables.matrix(rows.column(name), positions)
            for name in ("before", "after", "before_mask", "after_mask")
        ]
        before, after = columns[:2]
        masks = [mark[..., 0] for mark in columns[2:]]
        for found, part, mask in zip(moments, (before, after), masks, strict=True):
            found.add(part[training[here]], mask[training[here]])
        if chosen[here].any():
            kept.append(tuple(c[chosen[here]] for c in (example_ids, before, after, *masks)))
    if known != len(ids):
        raise UserError(
            f"{states} has states of {known} examples, wanted {len(ids)}; delete it and run again"
        )
    return StateRows(*(np.concatenate(parts) for parts in zip(*kept, strict=True))), moments


def _write(path: Path, shown: StateRows, schema: pa.Schema, about: dict[str, Any]) -> None:
    columns: dict[str, Any] = {
        "example_id": shown.example_ids,
        "before_mask": shown.before_mask,
        "after_mask": shown.after_mask,
    }
    for name, part in (("before", shown.before), ("after", shown.after)):
        kind = schema.field(name).type
        columns[name] = (
            _nulls(len(shown.example_ids), kind) if part is None else part.reshape(len(part), -1)
        )
    tables.write(path, columns, schema, about)


def _nulls(n: int, kind: pa.FixedSizeListType) -> pa.Array:
    # pa.nulls would put nulls into the elements too, which no column of STATES may have
    filling = np.zeros(n * kind.list_size, kind.value_type.to_pandas_dtype())
    return pa.FixedSizeListArray.from_arrays(
        pa.array(filling), type=kind, mask=pa.array(np.ones(n, bool))
    )


if __name__ == "__main__":
    command(select_states)
