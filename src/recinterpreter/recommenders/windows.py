"""Examples as padded arrays: what is read from EXAMPLES, batched, and trained on in an epoch.

Shapes: N examples, L positions of a history.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from recinterpreter import schemas, tables
from recinterpreter.recommenders.sequence import SequenceBatch


@dataclass(frozen=True)
class Windows:
    """Histories and targets of N examples.

    example_ids, user_ids, positions (of the targets in their users' sequences), lengths, targets:
    (N,); items: (N, L) histories, oldest first, 0 after them.
    """

    example_ids: np.ndarray
    user_ids: np.ndarray
    positions: np.ndarray
    items: np.ndarray
    lengths: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.example_ids)

    def take(self, rows: np.ndarray) -> Windows:
        """Return some of the examples, by index or by a mask."""
        return Windows(
            self.example_ids[rows],
            self.user_ids[rows],
            self.positions[rows],
            self.items[rows],
            self.lengths[rows],
            self.targets[rows],
        )

    def batch(self, device: torch.device, n_targets: np.ndarray | int = 1) -> SequenceBatch:
        """Make a batch of all of them; only the last `n_targets` positions of each have targets."""
        place = np.arange(self.items.shape[1])
        end = self.lengths[:, None]
        following = np.zeros(self.items.shape, np.int64)
        following[:, :-1] = self.items[:, 1:]
        np.put_along_axis(following, end - 1, self.targets[:, None].astype(np.int64), axis=1)
        wanted = (place < end) & (place >= end - np.reshape(n_targets, (-1, 1)))
        return SequenceBatch(
            torch.from_numpy(self.items.astype(np.int64)).to(device),
            torch.from_numpy(self.lengths.astype(np.int64)).to(device),
            torch.from_numpy(np.where(wanted, following, 0)).to(device),
            torch.from_numpy(self.example_ids.astype(np.int64)).to(device),
        )


def from_rows(rows: pa.Table | pa.RecordBatch, positions: int) -> Windows:
    """Pad the histories of EXAMPLES rows to `positions` items, on the right."""
    history = rows.column("history")
    if isinstance(history, pa.ChunkedArray):
        history = history.combine_chunks()
    lengths = pc.list_value_length(history).to_numpy(zero_copy_only=False).astype(np.int64)
    if len(lengths) and not (lengths.min() >= 1 and lengths.max() <= positions):
        raise ValueError(
            f"histories of {lengths.min()} to {lengths.max()} items; wanted 1 to {positions}"
        )
    items = np.zeros((len(lengths), positions), np.int32)
    items[np.arange(positions) < lengths[:, None]] = pc.list_flatten(history).to_numpy()
    example_ids, user_ids, places, targets = (
        rows.column(name).to_numpy() for name in ("example_id", "user_id", "position", "target")
    )
    return Windows(example_ids, user_ids, places, items, lengths, targets)


def read(examples: Path, splits: Collection[str]) -> Windows:
    """Read the examples of these splits; the others are not looked at."""
    positions = int(tables.metadata(examples)["history"])
    rows = tables.read(examples, schemas.EXAMPLES)
    chosen = pc.is_in(rows.column("split"), value_set=pa.array(sorted(splits), pa.string()))
    return from_rows(rows.filter(chosen), positions)


def training_rows(
    windows: Windows, stride: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the examples of one epoch so that every transition is trained exactly once.

    Of every user, the examples whose position is congruent to a random offset modulo `stride`,
    and the last one; each predicts at the positions since the one chosen before it. With stride 1
    every example is chosen and predicts its own target only. Returns (rows, n_targets) in random
    order. `windows` are sorted by user, then position; `stride` is at most L.
    """
    users, places = windows.user_ids, windows.positions
    offsets = random.integers(stride, size=int(users.max()) + 1)
    last = np.append(users[1:] != users[:-1], True)
    rows = np.flatnonzero((places % stride == offsets[users]) | last)
    same = np.append(False, users[rows][1:] == users[rows][:-1])
    previous = np.where(same, np.append(0, places[rows][:-1]), 0)
    n_targets = np.minimum(places[rows] - previous, windows.lengths[rows])
    order = random.permutation(len(rows))
    return rows[order], n_targets[order]
