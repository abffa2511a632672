"""The generated data set: histories with a known structure, so that a ceiling is known.

The next item comes, with weight `FOLLOWS`, from a sparse table of successors of the last item,
else from the user's own preference over genres and items; nobody sees an item twice.
Shapes: U users of a block, I items, T the most events of a user.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

FOLLOWS = 0.7
# Every item has four successors and is successor of four: following alone makes none popular.
SUCCESSORS = (0.4, 0.3, 0.2, 0.1)
FEWEST_EVENTS, MOST_EVENTS = 15, 40
CUTOFF = 10

_TASTE = 1.2  # spread of a user's log-preference for a genre
_WHIM = 0.7  # and for a single item
_BLOCK = 2048  # users drawn at a time, so that memory is bounded
_EPOCH = 1_577_836_800  # 2020-01-01, when the first users may start
_DAY = 86_400
_STARTS_WITHIN = 180 * _DAY
_SESSION_ENDS = 0.2


@dataclass(frozen=True)
class World:
    """What all users share: item weights (I), genre indices (I), successor probabilities (I, I)."""

    popularity: np.ndarray
    genres: np.ndarray
    follows: np.ndarray


@dataclass(frozen=True)
class Block:
    """Some users: items (U, T) 0-based, of which the first `lengths` (U) count, and the truth.

    preferences: (U, I), each user's true preference, a distribution over the items.
    rank: (U) that the ideal model gives each user's last item; expected_hit, expected_gain: (U)
    HR and NDCG at CUTOFF that it can expect there.
    """

    items: np.ndarray
    lengths: np.ndarray
    preferences: np.ndarray
    rank: np.ndarray
    expected_hit: np.ndarray
    expected_gain: np.ndarray


def make_world(genres: list[str], rng: np.random.Generator) -> World:
    """Draw item weights and the successor table for items of these genres."""
    n = len(genres)
    follows = np.zeros((n, n))
    for probability in SUCCESSORS:
        cycle = rng.permutation(n)
        follows[cycle, np.roll(cycle, -1)] += probability
    return World(
        popularity=(rng.permutation(n) + 10.0) ** -0.8,
        genres=np.unique(genres, return_inverse=True)[1],
        follows=follows,
    )


def next_item_probabilities(
    world: World, preferences: np.ndarray, last: np.ndarray | None, seen: np.ndarray
) -> np.ndarray:
    """Probability of each next item (U, I), given the last item (U) and what was seen (U, I)."""
    mixture = preferences
    if last is not None:
        mixture = FOLLOWS * world.follows[last] + (1 - FOLLOWS) * preferences
    unseen: np.ndarray = np.where(seen, 0.0, mixture)
    return _distribution(unseen)


def simulate(world: World, n_users: int, seed: int) -> Iterator[Block]:
    """Draw all users, a block at a time; each block has its own generator."""
    for number, first in enumerate(range(0, n_users, _BLOCK)):
        rng = np.random.default_rng([seed, number])
        yield _simulate_block(world, min(_BLOCK, n_users - first), rng)


def _simulate_block(world: World, n_users: int, rng: np.random.Generator) -> Block:
    n_items = len(world.popularity)
    preferences = _preferences(world, n_users, rng)
    lengths = rng.integers(FEWEST_EVENTS, MOST_EVENTS, n_users, endpoint=True)
    items = np.empty((n_users, MOST_EVENTS), np.int64)
    seen = np.zeros((n_users, n_items), bool)
    everyone = np.arange(n_users)
    truth = np.empty((3, n_users))
    for step in range(MOST_EVENTS):
        last = items[:, step - 1] if step else None
        probability = next_item_probabilities(world, preferences, last, seen)
        cumulative = probability.cumsum(axis=1)
        drawn = rng.random((n_users, 1)) * cumulative[:, -1:]
        items[:, step] = (cumulative > drawn).argmax(axis=1)
        ends = lengths - 1 == step
        truth[:, ends] = _ideal(probability[ends], items[ends, step])
        seen[everyone, items[:, step]] = True
    return Block(items, lengths, preferences, truth[0].astype(int), truth[1], truth[2])


def _preferences(world: World, n_users: int, rng: np.random.Generator) -> np.ndarray:
    taste = rng.normal(0, _TASTE, (n_users, world.genres.max() + 1))[:, world.genres]
    whim = rng.normal(0, _WHIM, (n_users, len(world.popularity)))
    weight = world.popularity * np.exp(taste + whim)
    return _distribution(weight)


def _distribution(weight: np.ndarray) -> np.ndarray:
    shares: np.ndarray = weight / weight.sum(axis=1, keepdims=True)
    return shares


def _ideal(probability: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rank of the target by the true probabilities, and the HR and NDCG to be expected."""
    of_target = np.take_along_axis(probability, target[:, None], axis=1)
    rank = (probability >= of_target).sum(axis=1)
    best = np.sort(probability, axis=1)[:, : -CUTOFF - 1 : -1]
    return rank, best.sum(axis=1), best @ gain(np.arange(1, CUTOFF + 1))


def gain(rank: np.ndarray) -> np.ndarray:
    """NDCG of one target at these 1-based ranks; 0 beyond CUTOFF."""
    gains: np.ndarray = np.where(rank <= CUTOFF, 1 / np.log2(rank + 1.0), 0.0)
    return gains


def popularity_ranks(items: np.ndarray, lengths: np.ndarray, n_items: int) -> np.ndarray:
    """Rank of each user's last item by how often items occur elsewhere (U); a floor.

    Seen items are no candidates, ties count against the model.
    """
    step = np.arange(items.shape[1])
    before = step < lengths[:, None] - 1
    count = np.bincount(items[before], minlength=n_items)
    of_target = count[items[np.arange(len(items)), lengths - 1]]
    # all items at least as frequent as the target, less those the user has seen
    ascending = np.sort(count)
    as_frequent = n_items - np.searchsorted(ascending, of_target)
    seen = (before & (count[items] >= of_target[:, None])).sum(axis=1)
    ranks: np.ndarray = as_frequent - seen
    return ranks


def make_events(items: np.ndarray, lengths: np.ndarray, seed: int) -> pl.DataFrame:
    """Date the events: columns user, item (source ids) and time, by user, then time.

    Users start one after the other, in their order, over half a year, so that they overlap. A
    user's events come in sessions: minutes apart within one, days between two; no two at once.
    """
    rng = np.random.default_rng([seed, len(items)])
    starts = _EPOCH + np.sort(rng.integers(0, _STARTS_WITHIN, len(items))) + np.arange(len(items))
    pause = np.where(
        rng.random(items.shape) < _SESSION_ENDS,
        rng.integers(_DAY, 4 * _DAY, items.shape),
        rng.integers(600, 3600, items.shape),
    )
    pause[:, 0] = 0
    time = starts[:, None] + pause.cumsum(axis=1)
    real = np.arange(items.shape[1]) < lengths[:, None]
    user = np.broadcast_to(np.arange(len(items))[:, None], items.shape)
    return pl.DataFrame({"user": user[real], "item": items[real], "time": time[real]}).select(
        user=pl.format("user{}", pl.col("user") + 1),
        item=pl.format("film{}", pl.col("item") + 1),
        time="time",
    )
