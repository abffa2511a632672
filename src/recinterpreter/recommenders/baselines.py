"""Baselines that count: what any neural recommender has to beat.

Shapes: B examples, L positions of a history, V = n_items + 1 columns (column 0 is padding).
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from recinterpreter.recommenders.ranking import Sequences
from recinterpreter.recommenders.sequence import SequenceBatch
from recinterpreter.recommenders.windows import Windows
from recinterpreter.settings import BaselineName

WINDOW = 10
DECAY = 0.8


class Popularity:
    """Score an item by how often it occurs in the training sequences, whatever the history."""

    def __init__(self, training: Windows, n_items: int) -> None:
        self.n_items = n_items
        events = Sequences.of_examples(training).items
        self.counts = np.bincount(events, minlength=n_items + 1).astype(np.float32)
        self.counts[0] = -np.inf

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Return the counts for every example: (B, V), padding -inf."""
        return torch.from_numpy(self.counts).repeat(len(batch.lengths), 1)


class DecayedMarkov:
    """Score an item by the training transitions to it from each item of the history, decayed.

    An item d steps before the target weighs 0.8^d, up to 10 steps back, both where transitions
    are counted and where they are used. An item's transitions are shares that sum to 1, so that
    a popular item of the history speaks no louder than a rare one.
    """

    def __init__(self, training: Windows, n_items: int) -> None:
        self.n_items = n_items
        weights = _decayed(training.items, training.lengths)
        rows, columns = np.nonzero(weights)
        counts = sparse.csr_array(
            (weights[rows, columns], (training.items[rows, columns], training.targets[rows])),
            shape=(n_items + 1, n_items + 1),
        )
        totals = counts.sum(axis=1)
        scale = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
        self.transitions = sparse.diags_array(scale).tocsr() @ counts

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Sum the decayed transitions from the history's items: (B, V), padding -inf."""
        items = batch.item_ids.cpu().numpy()
        weights = _decayed(items, batch.lengths.cpu().numpy())
        rows, columns = np.nonzero(weights)
        history = sparse.csr_array(
            (weights[rows, columns], (rows, items[rows, columns])),
            shape=(len(items), self.n_items + 1),
        )
        scores = (history @ self.transitions).toarray()
        scores[:, 0] = -np.inf
        return torch.from_numpy(scores)


def _decayed(items: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Weight (B, L) of every history position by its distance d >= 1 to the target; 0 for none."""
    distance = lengths[:, None] - np.arange(items.shape[1])
    return np.where((distance >= 1) & (distance <= WINDOW), DECAY ** distance.clip(0, WINDOW), 0.0)


BASELINES: dict[BaselineName, type[Popularity] | type[DecayedMarkov]] = {
    "popularity": Popularity,
    "decayed_markov": DecayedMarkov,
}
