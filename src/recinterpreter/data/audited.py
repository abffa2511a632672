"""What an audit looks at: all events as arrays, and the few facts it keeps of the examples.

Shapes: N events in the order of user and position, T test examples.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa

from recinterpreter.data.split import SPLITS, in_order


@dataclass(frozen=True)
class Events:
    """INTERACTIONS as arrays (N), with marks of what is repeated.

    tied: in the same second as another event of the same user; again: with an item that its user
    already had.
    """

    user: np.ndarray
    item: np.ndarray
    time: np.ndarray
    position: np.ndarray
    tied: np.ndarray
    again: np.ndarray

    @classmethod
    def of(cls, interactions: pa.Table) -> Events:
        """Take a table apart."""
        table = in_order(interactions)
        user, item, time, position = (
            table[name].to_numpy() for name in ("user_id", "item_id", "time", "position")
        )
        like_next = (user[1:] == user[:-1]) & (time[1:] == time[:-1])
        tied = np.zeros(len(user), bool)
        tied[1:] |= like_next
        tied[:-1] |= like_next
        again = ~pl.Series(pairs_of(user, item)).is_first_distinct().to_numpy()
        return cls(user, item, time, position, tied, again)

    @cached_property
    def of_users(self) -> np.ndarray:
        """Number of events of each user that has any."""
        counts = np.bincount(self.user)
        return counts[counts > 0]

    @cached_property
    def of_items(self) -> np.ndarray:
        """Number of events of each item that has any."""
        counts = np.bincount(self.item)
        return counts[counts > 0]

    @cached_property
    def last_positions(self) -> np.ndarray:
        """Position of each user's last event, by user id."""
        last = np.zeros(int(self.user.max(initial=0)) + 1, self.position.dtype)
        last[self.user] = self.position  # in their order, so the last one stays
        return last

    def rows_of(self, user: np.ndarray, position: np.ndarray) -> np.ndarray:
        """Where in the arrays the events of some users at some positions are."""
        rows: np.ndarray = np.searchsorted(self.user, user) + position
        return rows


def pairs_of(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """One number for each pair of user and item."""
    pairs: np.ndarray = user.astype(np.int64) * (int(item.max(initial=0)) + 1) + item
    return pairs


@dataclass(frozen=True)
class Asked:
    """What is kept of EXAMPLES: counts, how far training sees each user, the test examples.

    counts: split -> (users, examples); n_empty: examples without a history; trained_to: by user
    id, the last position that training sees, -1 where it sees none; user, position, target, time,
    n_history: of the test examples (T).
    """

    counts: dict[str, tuple[int, int]]
    n_empty: int
    trained_to: np.ndarray
    user: np.ndarray
    position: np.ndarray
    target: np.ndarray
    time: np.ndarray
    n_history: np.ndarray

    @classmethod
    def of(cls, pieces: Iterable[pa.Table], events: Events) -> Asked:
        """Read the examples piece by piece."""
        n_ids = len(events.last_positions)
        trained_to, n_empty = np.full(n_ids, -1), 0
        met = {name: np.zeros(n_ids, bool) for name in SPLITS}
        n_examples, tested = dict.fromkeys(SPLITS, 0), []
        for piece in pieces:
            frame = _without_histories(piece)
            n_empty += int((frame["n_history"] == 0).sum())
            for name in SPLITS:
                part = frame.filter(pl.col("split") == name)
                user = part["user_id"].to_numpy()
                n_examples[name] += len(part)
                met[name][user] = True
                if name == "train":
                    np.maximum.at(trained_to, user, part["position"].to_numpy())
                elif name == "test":
                    tested.append(part)
        test = pl.concat(tested)
        return cls(
            {name: (int(met[name].sum()), n_examples[name]) for name in SPLITS},
            n_empty,
            trained_to,
            *(
                test[column].to_numpy()
                for column in ("user_id", "position", "target", "time", "n_history")
            ),
        )


def _without_histories(piece: pa.Table) -> pl.DataFrame:
    """Put the length of each history in its place."""
    frame = pl.from_arrow(piece)
    assert isinstance(frame, pl.DataFrame)
    return frame.with_columns(n_history=pl.col("history").list.len()).drop("history")
