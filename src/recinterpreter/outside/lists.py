"""Lists of best items that an outside recommender gave, and what follows from them.

Shapes: N examples, K items of their lists one after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from recinterpreter.errors import UserError
from recinterpreter.outside.dataset import Users, item_ids
from recinterpreter.outside.files import parts
from recinterpreter.outside.states import refuse_twice


class Met:
    """What users have met: when each of them came upon an item first."""

    def __init__(self, interactions: pa.Table, n_items: int) -> None:
        users, positions, items = (
            interactions[name].to_numpy() for name in ("user_id", "position", "item_id")
        )
        order = np.lexsort((positions, items, users))
        pairs = users[order].astype(np.int64) * (n_items + 1) + items[order]
        first = np.append(True, np.diff(pairs) > 0)
        self._stride, self._pairs = n_items + 1, pairs[first]
        self._since = positions[order][first]
        self._last = int(positions.max(initial=0)) + 1
        self._openings = np.sort(users[order][first].astype(np.int64) * self._last + self._since)

    def before(self, users: np.ndarray, positions: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Say whether users had met items before positions, (N,) all."""
        pairs = users.astype(np.int64) * self._stride + items
        places = np.minimum(np.searchsorted(self._pairs, pairs), len(self._pairs) - 1)
        found: np.ndarray = (self._pairs[places] == pairs) & (self._since[places] < positions)
        return found

    def count(self, users: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Count the different items that users had met before positions, (N,) all."""
        start = users.astype(np.int64) * self._last
        end: np.ndarray = np.searchsorted(self._openings, start + positions)
        return end - np.searchsorted(self._openings, start)


@dataclass(frozen=True)
class Lists:
    """Lists of N examples: example (K,) which, ascending, and items (K,), the best first."""

    example: np.ndarray
    items: np.ndarray

    def shortest(self, n: int) -> int:
        """Length of the shortest of n lists."""
        return int(np.bincount(self.example, minlength=n).min())

    def where(self, kept: np.ndarray) -> Lists:
        """Return the lists without what is not kept, (K,) booleans."""
        return Lists(self.example[kept], self.items[kept])

    def places(self) -> np.ndarray:
        """Return the place of every item in its list, from 0: (K,)."""
        starts = np.searchsorted(self.example, self.example)
        return np.arange(len(self.example)) - starts


def read_lists(path: Path, users: Users, wanted: np.ndarray, source_ids: pa.Array) -> Lists:
    """Read the lists of wanted keys (N,), in their order; UserError for what cannot be used.

    Ids of items become those of the data set, source_ids in the order of their ids.
    """
    keys, owners, items = [], [], []
    for part in parts(path, ("user", "position", "items")):
        own = users.keys_of(part)
        rows, ids = part.lists("items")
        found = item_ids(part, "items", ids, rows, source_ids)
        pairs = rows * (len(source_ids) + 1) + found
        if len(np.unique(pairs)) < len(pairs):
            order = np.argsort(pairs, kind="stable")
            row = rows[order][np.flatnonzero(np.diff(pairs[order]) == 0)[0]]
            raise UserError(
                f"{path}, row {part.first + row}: column 'items' names an item twice; wanted each "
                "once, the best first"
            )
        kept = np.isin(own, wanted)[rows]
        keys.append(own)
        owners.append(own[rows[kept]])
        items.append(found[kept])
    refuse_twice(path, np.concatenate(keys))
    ascending = np.sort(wanted)
    users.insist_on(path, ascending, np.isin(ascending, np.concatenate(keys)))
    order = np.argsort(wanted)
    examples = order[np.searchsorted(wanted[order], np.concatenate(owners))]
    sort = np.argsort(examples, kind="stable")
    return Lists(examples[sort], np.concatenate(items)[sort])


def ranks_in(
    lists: Lists, met: Met, users: np.ndarray, positions: np.ndarray, targets: np.ndarray, n: int
) -> np.ndarray:
    """Rank the targets (N,) by their place among the items of a list not met before, 1 the best.

    A target that is on no list stands behind all of the n items that its user has not met: what
    is not on the list ties, and ties are resolved pessimistically as everywhere.
    """
    own = lists.items == targets[lists.example]
    known = met.before(users[lists.example], positions[lists.example], lists.items)
    shown = lists.where(own | ~known)
    found: np.ndarray = n - met.count(users, positions) + met.before(users, positions, targets)
    hit = shown.items == targets[shown.example]
    found[shown.example[hit]] = 1 + shown.places()[hit]
    return found
