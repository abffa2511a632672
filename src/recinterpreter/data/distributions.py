"""How long sequences are and how popular items, counted into bins for the page to draw."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recinterpreter.schemas import DISTRIBUTIONS

LENGTHS, POPULARITY = "sequence_lengths", "popularity"


def distributions(interactions: pa.Table) -> pa.Table:
    """Make DISTRIBUTIONS rows from INTERACTIONS: users by length, events by the rank of their item.

    Bins widen by a fifth, so that there are a few dozen of them however many events there are.
    """
    lengths, of_items = (
        counts[counts > 0]
        for counts in (
            np.bincount(interactions[name].to_numpy()) for name in ("user_id", "item_id")
        )
    )
    by_rank = np.sort(of_items)[::-1]  # the most popular item first
    rows = [
        *_rows(LENGTHS, lengths, np.ones(len(lengths), int)),
        *_rows(POPULARITY, np.arange(1, len(by_rank) + 1), by_rank),
    ]
    columns = zip(*rows, strict=True)
    names = DISTRIBUTIONS.names
    return pa.table(dict(zip(names, map(list, columns), strict=True)), schema=DISTRIBUTIONS)


def _rows(
    what: str, values: np.ndarray, weights: np.ndarray
) -> list[tuple[str, int, int, int, float]]:
    """Sum the weights of whole numbers, 1 or more, into bins: (what, low, high, count, share)."""
    edges = _edges(int(values.min()), int(values.max()))
    counts = np.bincount(np.searchsorted(edges, values, side="right") - 1, weights).astype(int)
    shares = np.cumsum(counts) / counts.sum()
    return [
        (what, int(edges[i]), int(edges[i + 1]) - 1, int(counts[i]), float(shares[i]))
        for i in range(len(counts))
    ]


def _edges(lowest: int, highest: int) -> np.ndarray:
    """Where bins begin, four of them to each doubling: ..., 8, 10, 11, 13, 16, 19, 23, 27, 32, ...

    The first one begins with the lowest value, the last one ends with the highest.
    """
    steps = np.arange(4 * int(np.log2(highest)) + 5)
    edges = np.unique(np.round(2 ** (steps / 4)).astype(int))
    inside = edges[(edges > lowest) & (edges <= highest)]
    return np.concatenate([[lowest], inside, [highest + 1]])
