"""Full ranking: the place of the target among all items its user has not seen before it.

Shapes: B examples of a batch, V = n_items + 1 columns of scores (column 0 is padding).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from recinterpreter.data.evaluated import last_examples
from recinterpreter.errors import UserError
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.sequence import SequenceBatch
from recinterpreter.recommenders.windows import Windows

# Bounds of a batch: its rows, and how many scores (or earlier events that are looked up, if those
# are more) they take together. 2 MiB of float32 stay in a CPU's cache; a GPU would wait for work.
_ROWS_AT_A_TIME = 1024
_NUMBERS_ON_A_CPU = 2**19
_NUMBERS_ON_A_GPU = 2**23


class BrokenScores(UserError):
    """A target's score that is no finite number."""


class Scorer(Protocol):
    """Whatever scores a catalogue after a history: a recommender or a baseline."""

    n_items: int

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Return (B, V) scores, -inf for padding, in a tensor that ranking may write into."""
        ...


@dataclass(frozen=True)
class Sequences:
    """All events of all users, in order: those of user u are items[starts[u] : starts[u + 1]]."""

    items: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, user_ids: np.ndarray, positions: np.ndarray, items: np.ndarray) -> Sequences:
        """Sort events given in any order; each user's positions must be 0, 1, 2, ..."""
        order = np.lexsort((positions, user_ids))
        users, counts = np.unique(user_ids, return_counts=True)
        starts = np.zeros(int(users.max(initial=0)) + 2, np.int64)
        starts[users + 1] = counts
        starts = starts.cumsum()
        expected = np.arange(len(order)) - starts[user_ids[order]]
        wrong = np.flatnonzero(positions[order] != expected)
        if len(wrong):
            raise ValueError(
                f"user {user_ids[order][wrong[0]]} has an event at position "
                f"{positions[order][wrong[0]]} where {expected[wrong[0]]} was wanted"
            )
        return cls(items[order].astype(np.int64), starts)

    @classmethod
    def of_examples(cls, examples: Windows) -> Sequences:
        """Rebuild sequences from examples: the first history of each user, then all targets."""
        examples = examples.take(np.lexsort((examples.positions, examples.user_ids)))
        users = examples.user_ids
        opening = examples.take(np.append(True, users[1:] != users[:-1])[: len(users)])
        rows, columns = np.nonzero(opening.items)
        return cls.of(
            np.concatenate([opening.user_ids[rows], users]),
            np.concatenate(
                [(opening.positions - opening.lengths)[rows] + columns, examples.positions]
            ),
            np.concatenate([opening.items[rows, columns], examples.targets]),
        )

    def before(self, user_ids: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (row, item) of every event of the given users before the given positions (B,)."""
        rows = np.repeat(np.arange(len(positions)), positions)
        ends = np.cumsum(positions)
        within = np.arange(len(rows)) - np.repeat(ends - positions, positions)
        return rows, self.items[np.repeat(self.starts[user_ids], positions) + within]


@torch.inference_mode()
def ranks(
    scorer: Scorer, examples: Windows, sequences: Sequences, device: torch.device
) -> np.ndarray:
    """Rank every target (N,) among the items its user has not seen before it, 1 the best.

    Seen are *all* earlier events of the user, not only the history; the target stays a candidate
    even if it was seen. An item that ties with the target stands before it. Raises BrokenScores
    when a target's score is not a finite number.
    """
    found = np.empty(len(examples), np.int32)
    for batch in batches(examples.positions, scorer.n_items, device):
        part = examples.take(batch)
        scores = scorer.scores(part.batch(device))
        rows = torch.arange(len(part), device=device)
        targets = torch.from_numpy(part.targets.astype(np.int64)).to(device)
        wanted = scores[rows, targets]
        if not bool(torch.isfinite(wanted).all()):
            raise BrokenScores(
                "a target's score is not a finite number: the recommender's weights are broken; "
                "delete its folder and train it again"
            )
        users, seen = sequences.before(part.user_ids, part.positions)
        scores[torch.from_numpy(users).to(device), torch.from_numpy(seen).to(device)] = -torch.inf
        scores[rows, targets] = -torch.inf
        # "not below" and not "at least", so that a NaN would count against the recommender; marked
        # in place, for comparing into booleans and adding those up takes several times as long
        below = scores.lt_(wanted[:, None]).sum(1, dtype=torch.float32)  # exact to 16 Mi items
        found[batch] = (1 + scores.shape[1] - below).cpu().numpy()
    return found


def batches(positions: np.ndarray, n_items: int, device: torch.device) -> Iterator[np.ndarray]:
    """Cut examples, positions (N,) of their targets, into batches that suit a device: rows."""
    most = _NUMBERS_ON_A_CPU if device.type == "cpu" else _NUMBERS_ON_A_GPU
    yield from _cut(np.maximum(positions, n_items + 1), most)


def _cut(numbers: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Cut rows into batches of successive ones that together take `most` numbers at the most.

    numbers: (N,) what each row takes. A row that takes more is a batch of its own.
    """
    ends, start = np.cumsum(numbers, dtype=np.int64), 0
    while start < len(ends):
        end = ends[start] - numbers[start] + most
        stop = min(int(np.searchsorted(ends, end, side="right")), start + _ROWS_AT_A_TIME)
        stop = max(stop, start + 1)
        yield np.arange(start, stop)
        start = stop


def rank_examples(
    scorer: Scorer, interactions: pa.Table, examples: pa.Table, history: int, device: torch.device
) -> dict[str, np.ndarray | pa.Array]:
    """Rank the targets of the validation and test EXAMPLES: the columns of RANKING.

    `history` is L, the most items of a history.
    """
    sequences = Sequences.of(
        *(interactions[name].to_numpy() for name in ("user_id", "position", "item_id"))
    )
    ranked = examples["split"].to_numpy(zero_copy_only=False) != "train"
    chosen = windows.from_rows(examples.filter(pa.array(ranked)), history)
    return {
        "example_id": chosen.example_ids,
        "user_id": chosen.user_ids,
        "split": examples["split"].filter(pa.array(ranked)),
        "last": last_examples(examples)[ranked],
        "rank": ranks(scorer, chosen, sequences, device),
    }


def summary(rows: Mapping[str, Any]) -> str:
    """Say HR@10 and NDCG@10 of both splits in one line."""
    split = np.asarray(rows["split"])
    parts = []
    for name in ("validation", "test"):
        found = rows["rank"][split == name]
        parts.append(f"{name} HR@10 {hit_rate(found, 10):.4f} NDCG@10 {ndcg(found, 10):.4f}")
    return ", ".join(parts)


def hit_rate(ranks: np.ndarray, cutoff: int) -> float:
    """Share of targets ranked at or above the cutoff."""
    return float((ranks <= cutoff).mean())


def ndcg(ranks: np.ndarray, cutoff: int) -> float:
    """Mean of 1 / log2(1 + rank) of targets ranked at or above the cutoff, 0 for others."""
    return float(np.where(ranks <= cutoff, 1 / np.log2(1.0 + ranks), 0.0).mean())
