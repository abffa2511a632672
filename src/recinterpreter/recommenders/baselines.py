"""Baselines that count: what any neural recommender has to beat.

Shapes: B examples, L positions of a history, U users, V = n_items + 1 columns (0 is padding).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import linalg, sparse
from torch import Tensor

from recinterpreter.errors import UserError
from recinterpreter.recommenders.ranking import Scorer, Sequences
from recinterpreter.recommenders.sequence import SequenceBatch
from recinterpreter.recommenders.windows import Windows
from recinterpreter.settings.recommenders import BaselineName

WINDOW = 10
DECAY = 0.8
# EASE's penalty: of 10, 20, 50, ... 5000 the one with the highest NDCG@10 on the *validation* split
# of MovieLens-100K, both of the split by sequences (.1035) and of leave-one-out (.1161).
L2 = 1000.0
# Its one dense matrix then takes 1.8 GB, and inverting it some three minutes of one core.
MOST_ITEMS_OF_EASE = 15_000


class Popularity:
    """Score an item by how often it occurs in the training sequences, whatever the history."""

    def __init__(self, training: Windows, n_items: int) -> None:
        self.n_items = n_items
        self.counts = _occurrences(training, n_items).astype(np.float32)
        self.counts[0] = -np.inf

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Return the counts for every example: (B, V), padding -inf."""
        return torch.from_numpy(self.counts).repeat(len(batch.lengths), 1)


class Markov:
    """Score an item by how often it followed the last item of the history in training.

    Counts are small, so hundreds of items have the same one, and ranking puts all of them before
    the target. Of equal counts the more popular item therefore scores higher: without that
    NDCG@10 on MovieLens-100K (leave-one-out) is .055 and not .077, a floor too easily passed.
    """

    def __init__(self, training: Windows, n_items: int) -> None:
        self.n_items = n_items
        last = training.items[np.arange(len(training)), training.lengths - 1]
        self.transitions = sparse.csr_array(
            (np.ones(len(last)), (last, training.targets)), shape=(n_items + 1, n_items + 1)
        )
        occurrences = _occurrences(training, n_items)
        self.order = occurrences / (occurrences.sum() + 1)  # below 1, the least step of a count

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Return the transitions from the last item: (B, V), padding -inf."""
        items, lengths = batch.item_ids.cpu().numpy(), batch.lengths.cpu().numpy()
        last = items[np.arange(len(items)), lengths - 1]
        return _without_padding(self.transitions[last].toarray() + self.order)


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
        history = _weighted_histories(batch, self.n_items)
        return _without_padding((history @ self.transitions).toarray())


class Ease:
    """Score an item by a linear regression on the history's last 10 items, in closed form.

    The binary matrix X (U, V) of who has which item in training is regressed on itself with the
    diagonal of the weights W (V, V) held at zero, which has the solution
    W = I - P diag(1 / diag P), P = (X'X + l2 I)^-1 (Steck 2019, Embarrassingly Shallow
    Autoencoders for Sparse Data, equation 8). P takes V^2 numbers of memory and V^3 of time: for
    V = 1,683 a quarter of a second, for 15,000 items 1.8 GB and minutes; UserError above that.
    """

    def __init__(self, training: Windows, n_items: int, l2: float = L2) -> None:
        if n_items > MOST_ITEMS_OF_EASE:
            raise UserError(
                f"EASE inverts a matrix of items by items: got {n_items} items, wanted at most "
                f"{MOST_ITEMS_OF_EASE}; take ease out of recommenders.baselines"
            )
        self.n_items = n_items
        sequences = Sequences.of_examples(training)
        n_users = len(sequences.starts) - 1
        users = np.repeat(np.arange(n_users), np.diff(sequences.starts))
        events = (np.ones(len(users)), (users, sequences.items))
        chosen = _binary(sparse.csr_array(events, shape=(n_users, n_items + 1)))
        gram = (chosen.T @ chosen).toarray(order="F")
        gram[np.diag_indices_from(gram)] += l2
        # in place, and in the order of rows, which its transpose has (it is symmetric): near the
        # limit there is no room for a copy, nor time for one at every batch of scores
        inverse = linalg.inv(gram, overwrite_a=True, check_finite=False).T
        inverse /= -np.diag(inverse).copy()
        np.fill_diagonal(inverse, 0.0)
        self.weights = inverse

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Sum the weights from the history's items: (B, V), padding -inf."""
        history = _binary(_weighted_histories(batch, self.n_items))
        return _without_padding(history @ self.weights)


def _occurrences(training: Windows, n_items: int) -> np.ndarray:
    """How often each item occurs in the training sequences: (V,)."""
    return np.bincount(Sequences.of_examples(training).items, minlength=n_items + 1)


def _weighted_histories(batch: SequenceBatch, n_items: int) -> sparse.csr_array:
    """Decayed weights of the last 10 items of each history: (B, V), those of an item summed."""
    items = batch.item_ids.cpu().numpy()
    weights = _decayed(items, batch.lengths.cpu().numpy())
    rows, columns = np.nonzero(weights)
    return sparse.csr_array(
        (weights[rows, columns], (rows, items[rows, columns])), shape=(len(items), n_items + 1)
    )


def _decayed(items: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Weight (B, L) of every history position by its distance d >= 1 to the target; 0 for none."""
    distance = lengths[:, None] - np.arange(items.shape[1])
    return np.where((distance >= 1) & (distance <= WINDOW), DECAY ** distance.clip(0, WINDOW), 0.0)


def _binary(matrix: sparse.csr_array) -> sparse.csr_array:
    """Put 1 in place of every number that is stored."""
    matrix.data[:] = 1.0
    return matrix


def _without_padding(scores: np.ndarray) -> Tensor:
    scores[:, 0] = -np.inf
    return torch.from_numpy(scores)


BASELINES: dict[BaselineName, Callable[[Windows, int], Scorer]] = {
    "popularity": Popularity,
    "markov": Markov,
    "decayed_markov": DecayedMarkov,
    "ease": Ease,
}
