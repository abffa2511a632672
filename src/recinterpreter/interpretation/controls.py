"""Control sources: states shown in place of the recorded ones, to tell reading from guessing.

Shapes: N examples, L positions, D width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recinterpreter.errors import UserError


@dataclass(frozen=True)
class StateRows:
    """Rows of STATES as arrays: what the LLM is shown of N examples.

    example_ids: (N,); before, after: (N, L, D), both None where no state is shown;
    before_mask, after_mask: (N, L), true where a position holds an item.
    """

    example_ids: np.ndarray
    before: np.ndarray | None
    after: np.ndarray | None
    before_mask: np.ndarray
    after_mask: np.ndarray


class Moments:
    """Mean and spread of states per position and dimension, over the examples that have those."""

    def __init__(self, positions: int, width: int) -> None:
        self.width = width
        self._sum = np.zeros((positions, width))
        self._squares = np.zeros((positions, width))
        self._count = np.zeros((positions, 1))

    def add(self, states: np.ndarray, mask: np.ndarray) -> None:
        """Take in states (N, L, D) where mask (N, L) is true."""
        shown = np.where(mask[..., None], states, 0).astype(np.float64)
        self._sum += shown.sum(axis=0)
        self._squares += np.square(shown).sum(axis=0)
        self._count += mask.sum(axis=0)[:, None]

    def mean(self) -> np.ndarray:
        """Return the mean (L, D); zeros at a position that no example has."""
        mean: np.ndarray = self._sum / np.maximum(self._count, 1)
        return mean

    def deviation(self) -> np.ndarray:
        """Return the standard deviation (L, D); zeros at a position that no example has."""
        squares = self._squares / np.maximum(self._count, 1)
        spread: np.ndarray = np.sqrt(np.maximum(squares - np.square(self.mean()), 0))
        return spread


def another_user(recorded: StateRows, user_ids: np.ndarray, seed: int) -> StateRows:
    """Show every example the states of an example of another user, before and after together."""
    donors = derange(user_ids, seed)
    return StateRows(
        recorded.example_ids,
        None if recorded.before is None else recorded.before[donors],
        None if recorded.after is None else recorded.after[donors],
        recorded.before_mask[donors],
        recorded.after_mask[donors],
    )


def derange(user_ids: np.ndarray, seed: int) -> np.ndarray:
    """Give every example (N,) one of another user: the index of its donor.

    A permutation, unless one user has more than half of the examples: then others give twice.
    Raises UserError when all examples are of one user.
    """
    random = np.random.default_rng(seed)
    users, group, sizes = np.unique(user_ids, return_inverse=True, return_counts=True)
    if len(users) < 2:
        raise UserError(
            f"the control another_user needs evaluated examples of two users, got {len(users)}; "
            "give more users, or take another_user out of answers.controls"
        )
    # In an order with users together, the largest first, as many steps onward as the largest
    # user has examples there always stands another user.
    rank = random.permutation(len(users)).astype(float)
    rank[sizes.argmax()] = -1
    order = np.lexsort((random.random(len(user_ids)), rank[group]))
    n, largest = len(order), int(sizes.max())
    place = np.arange(n)
    if 2 * largest <= n:
        partner = (place + largest) % n
    else:
        partner = np.where(place < largest, largest + place % (n - largest), place - largest)
    donors = np.empty(n, np.int64)
    donors[order] = order[partner]
    return donors


def mean_state(recorded: StateRows, before: Moments, after: Moments) -> StateRows:
    """Show every example the mean of the training states, at the positions of its own masks."""
    return _with(
        recorded,
        np.broadcast_to(before.mean(), (*recorded.before_mask.shape, before.width)),
        np.broadcast_to(after.mean(), (*recorded.after_mask.shape, after.width)),
    )


def zeros(recorded: StateRows) -> StateRows:
    """Show every example nothing but zeros, at the positions of its own masks."""
    none = np.zeros((1, 1, 1))
    return _with(recorded, none, none)


def noise(recorded: StateRows, before: Moments, after: Moments, seed: int) -> StateRows:
    """Show every example Gaussian noise with the moments of the training states.

    Drawn for every position and dimension by itself, at the positions of its own masks.
    """
    random = np.random.default_rng(seed)
    drawn = (
        moments.mean() + moments.deviation() * random.standard_normal((*mask.shape, moments.width))
        for moments, mask in ((before, recorded.before_mask), (after, recorded.after_mask))
    )
    return _with(recorded, *drawn)


def _with(recorded: StateRows, before: np.ndarray, after: np.ndarray) -> StateRows:
    """Put other states, that broadcast to (N, L, D), where an example has an item."""
    shown = {}
    for name, states in (("before", before), ("after", after)):
        held = getattr(recorded, name)
        marks = getattr(recorded, f"{name}_mask")[..., None]
        shown[name] = np.where(marks, np.broadcast_to(states, held.shape), 0).astype(held.dtype)
    return replace(recorded, **shown)


def prompt_only(recorded: StateRows) -> StateRows:
    """Show no state at all: null before and after, masks all false."""
    return StateRows(
        recorded.example_ids,
        None,
        None,
        np.zeros_like(recorded.before_mask),
        np.zeros_like(recorded.after_mask),
    )
