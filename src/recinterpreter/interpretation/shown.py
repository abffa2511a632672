"""States as they are shown to the LLM: the rows of some examples, in memory, ready for batches.

Shapes: N examples, L positions, D width, S slots of the task, K soft tokens,
H the LLM's width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from recinterpreter import tables
from recinterpreter.errors import UserError
from recinterpreter.interpretation.ragged import Ragged
from recinterpreter.interpretation.scratch import Scratch
from recinterpreter.settings.adapters import Task
from recinterpreter.shards import Shard

_IDS = pa.schema([pa.field("example_id", pa.int64(), nullable=False)])

# Which columns of STATES stand in a task's slots, in order.
SLOTS: dict[Task, tuple[str, ...]] = {
    "recovery": ("after",),
    "residual": ("before", "after"),
    "preference": ("after",),
}


@dataclass(frozen=True)
class ShownStates:
    """States of N examples: values (N, S, L, D) and mask (N, S, L); values None: nothing shown.

    Values are in memory or in a scratch file; both give an array of the rows that are asked for.

    Aligned to the right by the history `after`, all slots of an example alike: the last item
    stands at the last position whatever the length of its history, and the state before it one
    position earlier. So one weight of the adapter's convolution belongs to "the last item".
    """

    example_ids: np.ndarray
    values: np.ndarray | Scratch | None
    mask: np.ndarray

    def __len__(self) -> int:
        return len(self.example_ids)

    def batch(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return (states (B, S, L, D), mask (B, S, L)) of some rows as tensors."""
        assert self.values is not None
        return torch.from_numpy(self.values[rows]), torch.from_numpy(self.mask[rows])

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (states (B * S, L, D), mask (B * S, L)) of all rows, so many at a time."""
        for start in range(0, len(self), size):
            values, mask = self.batch(np.arange(start, min(start + size, len(self))))
            yield values.float().flatten(0, 1), mask.flatten(0, 1)


@dataclass(frozen=True)
class Asked:
    """States and what is to be said of them: for each example the items to be named, in order."""

    states: ShownStates
    items: Sequence[Sequence[int]] | Ragged

    def __len__(self) -> int:
        return len(self.items)


def to_be_named(task: Task, history: Sequence[int], target: int) -> list[int]:
    """Return the items that an answer is to name, of a history and the item that comes next."""
    if task == "preference":
        return [target]
    return list(history if task == "recovery" else history[-1:])


def soft_tokens(
    adapter: Callable[[Tensor, Tensor], Tensor],
    states: ShownStates,
    rows: np.ndarray,
    device: torch.device,
) -> Tensor | None:
    """Turn the states of some examples into what stands in the slots, (B, S, K, H) or nothing."""
    if states.values is None:
        return None
    values, mask = (part.to(device) for part in states.batch(rows))
    soft = adapter(values.float().flatten(0, 1), mask.flatten(0, 1))
    return soft.reshape(*values.shape[:2], *soft.shape[1:])


def fingerprints(states: ShownStates) -> list[bytes]:
    """Return a key for each example: equal where the same states are shown."""
    if states.values is None:
        return [b""] * len(states)
    keys = []
    for row in range(len(states)):
        shown = states.values[np.array([row])]
        keys.append(blake2b(shown.tobytes() + states.mask[row].tobytes()).digest())
    return keys


def shared_out(path: Path, shard: Shard) -> np.ndarray:
    """Return the ids of the examples of STATES in a job's share, ascending; maybe none."""
    ids = np.sort(tables.read(path, _IDS, _IDS.names)["example_id"].to_numpy())
    own = shard.of(len(ids))
    return ids[own.start : own.stop]


def read_states(
    path: Path, task: Task, wanted: np.ndarray | None = None, scratch: Path | None = None
) -> ShownStates:
    """Read the states a task shows, of the wanted example ids (all where None), ids ascending.

    The file is read in a stream. With a folder for scratch, the states are not held in memory but
    in a nameless file there, from which batches read their rows.
    """
    shape = tables.metadata(path).get("shape")
    if not (isinstance(shape, list) and len(shape) == 2):
        raise UserError(f"{path}: says nothing of its shape; wanted [positions, width]")
    ids, masks, parts = [], [], []
    held = None if scratch is None else Scratch(scratch)
    nothing_shown = False
    for batch in tables.read_batches(path):
        chosen = batch
        if wanted is not None:
            chosen = batch.filter(pa.array(np.isin(batch["example_id"].to_numpy(), wanted)))
        if not chosen.num_rows:
            continue
        values, mask = _aligned(chosen, task, int(shape[0]))
        ids.append(chosen["example_id"].to_numpy())
        masks.append(mask)
        if values is None:
            nothing_shown = True
        elif held is not None:
            held.append(values)
        else:
            parts.append(values)
    if not ids:
        raise UserError(f"{path}: holds none of the examples that are asked for")
    order = np.argsort(np.concatenate(ids), kind="stable")
    shown: np.ndarray | Scratch | None = None
    if not nothing_shown:
        shown = held.reorder(order) if held is not None else np.concatenate(parts)[order]
    return ShownStates(np.concatenate(ids)[order], shown, np.concatenate(masks)[order])


def _aligned(
    rows: pa.RecordBatch, task: Task, positions: int
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return (values (N, S, L, D) or None, mask (N, S, L)) as a task shows them."""
    mask = np.stack([tables.matrix(rows[f"{s}_mask"], positions)[..., 0] for s in SLOTS[task]], 1)
    places = _places(mask)
    aligned = np.take_along_axis(mask, places, axis=2)
    if rows[SLOTS[task][0]].null_count:
        return None, aligned
    values = np.stack([tables.matrix(rows[s], positions) for s in SLOTS[task]], 1)
    return np.take_along_axis(values, places[..., None], axis=2), aligned


def _places(mask: np.ndarray) -> np.ndarray:
    """Say which position of the file stands at each position shown: (N, 1, L).

    mask: (N, S, L), the last slot that of the whole history, aligned to the left.
    """
    positions = mask.shape[2]
    shift = positions - mask[:, -1].sum(1)
    places: np.ndarray = (np.arange(positions) - shift[:, None, None]) % positions
    return places
