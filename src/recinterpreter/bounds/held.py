"""States of some examples with what is to be said of them, as decoders learn from them. No torch.

Shapes: N examples, L positions, D width of a state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from recinterpreter import tables
from recinterpreter.errors import UserError

_ROWS_AT_A_TIME = 1024


@dataclass(frozen=True)
class Held:
    """What is known of N examples: their states, and the items in question.

    before: (N, D) the last state of the history without its last item, zeros where that is empty;
    after: (N, L, D) the states of the history, of which the first lengths (N,) are shown;
    histories: item ids, oldest first; targets: (N,) the next item.
    """

    before: np.ndarray
    after: np.ndarray
    lengths: np.ndarray
    histories: Sequence[Sequence[int]]
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    def first(self, count: int) -> Held:
        """Return the first so many examples."""
        return Held(
            self.before[:count],
            self.after[:count],
            self.lengths[:count],
            self.histories[:count],
            self.targets[:count],
        )


def drawn_examples(examples: pa.Table, split: str, count: int, seed: int) -> np.ndarray:
    """Draw so many examples of a split, all where it has fewer: their ids, in the order drawn.

    Raises UserError where the split has none.
    """
    inside = examples["split"].to_numpy(zero_copy_only=False) == split
    ids = examples["example_id"].to_numpy()[inside]
    if not len(ids):
        raise UserError(
            f"the {split} split has no example, and decoders need some; give more users, change "
            "the shares in `split`, or set bounds.decoders: []"
        )
    drawn: np.ndarray = np.random.default_rng(seed).permutation(ids)[:count]
    return drawn


def read_held(states: Path, examples: pa.Table, groups: Sequence[np.ndarray]) -> list[Held]:
    """Read STATES once, in a stream, and keep groups of examples, each in the order of its ids.

    examples: EXAMPLES, ids ascending. Raises UserError where the file lacks one that is asked for.
    """
    positions = int(tables.metadata(states)["shape"][0])
    wanted = np.unique(np.concatenate(groups))
    parts: list[tuple[np.ndarray, ...]] = []
    for batch in tables.read_batches(states, _ROWS_AT_A_TIME):
        kept = batch.filter(pa.array(np.isin(batch["example_id"].to_numpy(), wanted)))
        if kept.num_rows:
            parts.append(_columns(kept, positions))
    n_found = sum(len(part[0]) for part in parts)
    if n_found != len(wanted):
        raise UserError(
            f"{states} has states of {n_found} of the {len(wanted)} examples asked for; it is of "
            "other examples: delete it and run again"
        )
    found = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    ids, order = examples["example_id"].to_numpy(), np.argsort(found[0])
    held = []
    for group in groups:
        rows = order[np.searchsorted(found[0], group, sorter=order)]
        about = examples.take(pa.array(np.searchsorted(ids, group)))
        before, after, lengths = (column[rows] for column in found[1:])
        histories = about["history"].to_pylist()
        held.append(Held(before, after, lengths, histories, about["target"].to_numpy()))
    return held


def _columns(rows: pa.RecordBatch, positions: int) -> tuple[np.ndarray, ...]:
    """Return example ids (N,), before (N, D), after (N, L, D) and lengths (N,)."""
    lengths = {
        slot: tables.matrix(rows[f"{slot}_mask"], positions).sum((1, 2))
        for slot in ("before", "after")
    }
    before, after = (tables.matrix(rows[slot], positions) for slot in ("before", "after"))
    ids = rows["example_id"].to_numpy()
    return ids, last_states(before, lengths["before"]), after, lengths["after"]


def last_states(states: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Take the last state shown, (N, D), of states (N, L, D); zeros where none is."""
    found: np.ndarray = states[np.arange(len(states)), np.maximum(lengths - 1, 0)]
    found[lengths == 0] = 0
    return found
