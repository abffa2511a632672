"""Decoders of states by scikit-learn: what a state says of its items, without a language model.

Each is fitted to states and the items to be said of them, and then scores every item of the
catalogue for other states. No torch here.
Shapes: n states, F numbers of each, p pairs of a state and an item, C directions that are kept,
V = n_items + 1 columns of scores (column 0 is padding), D width of the item table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from recinterpreter.settings.evidence import Decoder, Probing

# Directions that hardly vary are noise and must not be blown up: this share of the mean variance
# is added to each, as where an adapter whitens states.
_FLOOR = 1e-4
# Of the linear probe: Adam's rate and largest batch, found on the demo's and MovieLens-100K's
# validation split, where two or three epochs are enough; of few states the batches are smaller.
_LEARNING_RATE = 0.005
_BATCH = 256
_STEPS = 50  # an epoch has so many at least
_PATIENCE = 2
# Strengths tried for the ridge, in units of one state; directions are of states of unit variance.
_STRENGTHS = tuple(10.0**exponent for exponent in range(-1, 6))
_AT_A_TIME = 128  # states that are compared with all training states at once
_NEVER = np.float32(-np.inf)

Scoring = Callable[[np.ndarray], np.ndarray]
"""From states (n, F) to scores (n, V); -inf for padding and for items it cannot name."""


@dataclass(frozen=True)
class Told:
    """States (n, F), and in pairs what is to be said: that of rows[k] holds items[k].

    rows: (p,) ascending, every state in one pair at least; items: (p,) item ids.
    """

    states: np.ndarray
    rows: np.ndarray
    items: np.ndarray


@dataclass(frozen=True)
class Directions:
    """Principal directions of standardised states, by the statistics of the training states."""

    scaler: StandardScaler
    pca: PCA

    @classmethod
    def of(cls, states: np.ndarray, most: int) -> Directions:
        """Fit them to states (n, F); at most so many, those of largest variance."""
        scaler = StandardScaler().fit(states)
        kept = min(most, *states.shape)
        # by eigenvalues: no draw, and cheap where states outnumber their dimensions
        pca = PCA(n_components=kept, svd_solver="covariance_eigh")
        return cls(scaler, pca.fit(scaler.transform(states)))

    def rotated(self, states: np.ndarray) -> np.ndarray:
        """Express states (n, F) in these directions: (n, C), of variances as they are."""
        found: np.ndarray = self.pca.transform(self.scaler.transform(states)).astype(np.float32)
        return found

    def whitened(self, states: np.ndarray) -> np.ndarray:
        """Express states (n, F) in these directions, each of unit variance: (n, C)."""
        variances = self.pca.explained_variance_
        spread = np.sqrt(variances + _FLOOR * variances.mean() + np.finfo(np.float32).tiny)
        found: np.ndarray = self.rotated(states) / spread.astype(np.float32)
        return found


def fit(
    decoder: Decoder,
    training: Told,
    validation: Told,
    directions: Directions,
    item_table: np.ndarray,
    settings: Probing,
) -> Scoring:
    """Fit a decoder to training states. item_table: (V, D), row 0 is padding.

    Validation states choose when the linear probe stops; the ridge chooses its strength by
    generalised cross-validation on the training states; nearest has nothing to choose.
    """
    if decoder == "linear":
        return _linear(training, validation, directions, len(item_table), settings)
    if decoder == "ridge":
        return _ridge(training, directions, item_table)
    return _nearest(training, directions, len(item_table))


def _linear(
    training: Told, validation: Told, directions: Directions, columns: int, settings: Probing
) -> Scoring:
    """Fit multinomial logistic regression: scikit-learn's network with no hidden layer, by Adam.

    Of a state with several items each epoch sees one, drawn anew. Kept is the epoch of highest
    mean reciprocal rank of the validation items; two that are no better end it.
    """
    states = directions.whitened(training.states)
    first = np.searchsorted(training.rows, np.arange(len(states)))
    count = np.diff(np.append(first, len(training.rows)))
    known = np.unique(training.items)
    model = MLPClassifier(
        hidden_layer_sizes=(),
        alpha=0.0,
        batch_size=max(1, min(_BATCH, len(states) // _STEPS)),
        learning_rate_init=_LEARNING_RATE,
        random_state=settings.seed,
    )
    random = np.random.default_rng(settings.seed)

    def scoring(weight: np.ndarray, bias: np.ndarray) -> Scoring:
        def scores(asked: np.ndarray) -> np.ndarray:
            found = np.full((len(asked), columns), _NEVER, np.float32)
            found[:, known] = directions.whitened(asked) @ weight + bias
            return found

        return scores

    best, kept, since = -1.0, None, 0
    for _ in range(settings.epochs):
        drawn = first + (random.random(len(states)) * count).astype(int)
        model.partial_fit(states, training.items[drawn], classes=known)
        now = scoring(model.coefs_[0].copy(), model.intercepts_[0].copy())
        figure = mean_reciprocal_rank(now(validation.states), validation)
        best, kept, since = (figure, now, 0) if figure > best else (best, kept, since + 1)
        if since == _PATIENCE:
            break
    assert kept is not None
    return kept


def _ridge(training: Told, directions: Directions, item_table: np.ndarray) -> Scoring:
    """Regress item vectors of length 1 on states; an item scores by its cosine to what comes out.

    Of a state with several items the target is their mean.
    """
    lengths = np.linalg.norm(item_table, axis=1, keepdims=True)
    vectors = (item_table / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    targets = np.zeros((len(training.states), vectors.shape[1]), np.float32)
    np.add.at(targets, training.rows, vectors[training.items])
    targets /= np.bincount(training.rows, minlength=len(targets))[:, None]
    model = RidgeCV(alphas=_STRENGTHS).fit(directions.rotated(training.states), targets)

    def scores(asked: np.ndarray) -> np.ndarray:
        pointed = model.predict(directions.rotated(asked))
        pointed /= np.maximum(np.linalg.norm(pointed, axis=1, keepdims=True), 1e-12)
        found: np.ndarray = (pointed @ vectors.T).astype(np.float32)
        found[:, 0] = _NEVER
        return found

    return scores


def _nearest(training: Told, directions: Directions, columns: int) -> Scoring:
    """Let an item score by the cosine of the nearest training state that it is to be said of."""
    held = _unit(directions.whitened(training.states))
    order = np.argsort(training.items, kind="stable")
    rows, items = training.rows[order], training.items[order]
    starts = np.flatnonzero(np.diff(items, prepend=-1))

    def scores(asked: np.ndarray) -> np.ndarray:
        found = np.full((len(asked), columns), _NEVER, np.float32)
        shown = _unit(directions.whitened(asked))
        for start in range(0, len(shown), _AT_A_TIME):
            part = slice(start, start + _AT_A_TIME)
            cosines = (shown[part] @ held.T)[:, rows]
            found[part, items[starts]] = np.maximum.reduceat(cosines, starts, axis=1)
        return found

    return scores


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: np.ndarray = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return found


def mean_reciprocal_rank(scores: np.ndarray, told: Told) -> float:
    """Mean of 1 / rank of every item to be said, among all items; scores: (n, V)."""
    wanted = scores[told.rows, told.items]
    ranks = (scores[told.rows] >= wanted[:, None]).sum(1)
    return float((1 / ranks).mean())
