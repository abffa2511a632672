"""The split: every interaction but a user's first becomes an example, train, validation or test.

Shapes: N events, E examples, L the most items of a history.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from recinterpreter.errors import UserError
from recinterpreter.schemas import EXAMPLES
from recinterpreter.settings.data import Split

SPLITS = ("train", "validation", "test")
_PIECE = 2**18  # examples

_ADVICE = {
    "sequence": "give more users (ten at least for 8:1:1), or change the shares",
    "time": (
        "too many targets share one second; give finer times or set split.unit: sequence, or "
        "change the shares"
    ),
    "leave-one-out": (
        "give users of four events or more: the first is no target, the last two are test and "
        "validation"
    ),
}


def build_examples(interactions: pa.Table, settings: Split) -> pa.Table:
    """Expand INTERACTIONS into EXAMPLES: (the last L items -> the next one) at every position.

    Ids run from 1 in the order split, user, position. Raises UserError where a split is empty.
    """
    return pa.concat_tables(examples_in_pieces(interactions, settings))


def examples_in_pieces(interactions: pa.Table, settings: Split) -> Iterator[pa.Table]:
    """Yield what `build_examples` returns, some of its rows at a time.

    Histories take L times the memory of the items they are made of. Raises UserError before the
    first piece.
    """
    table = in_order(interactions)
    user, item, time, position = (
        table[name].to_numpy() for name in ("user_id", "item_id", "time", "position")
    )
    rows = np.flatnonzero(position >= 1)  # of the targets
    if settings.unit == "sequence":
        parts = split_by_sequence(user[rows], settings)
    elif settings.unit == "time":
        parts = split_by_time(time[rows], settings)
    else:
        parts = leave_one_out(user[rows])
    _refuse_empty(parts, settings)

    # rows are in the order of user and position
    rows = rows[np.argsort(parts, kind="stable")]
    ends = np.cumsum(np.bincount(parts, minlength=len(SPLITS)))  # of the splits in this order
    for first in range(0, len(rows), _PIECE):
        places = np.arange(first, min(first + _PIECE, len(rows)))
        chosen = rows[places]
        lengths = np.minimum(position[chosen], settings.history)
        yield pa.table(
            {
                "example_id": places + 1,
                "user_id": user[chosen],
                "position": position[chosen],
                "history": _windows(item, chosen, lengths),
                "target": item[chosen],
                "time": time[chosen],
                "split": pa.array(np.array(SPLITS)[np.searchsorted(ends, places, side="right")]),
            },
            schema=EXAMPLES,
        )


def in_order(interactions: pa.Table) -> pa.Table:
    """Sort by user and position, where that is not so already: it is, as ingested."""
    user, position = (interactions[name].to_numpy() for name in ("user_id", "position"))
    step = np.diff(user)
    if ((step > 0) | ((step == 0) & (np.diff(position) > 0))).all():
        return interactions
    return interactions.sort_by([("user_id", "ascending"), ("position", "ascending")])


def split_by_sequence(user: np.ndarray, settings: Split) -> np.ndarray:
    """Part 0, 1 or 2 of each example: whole sequences, in order of their first event (paper).

    user: (E) user ids, ascending, which is that order. The n sequences that hold a target are
    cut at int(train * n) and int((train + validation) * n): 754/94/95 on MovieLens-100K. The
    cuts are not clean in time: users of the training part go on after test users have begun.
    """
    rank = np.cumsum(_begins(user)) - 1
    cuts = _cuts(int(rank[-1]) + 1 if len(rank) else 0, settings)
    return np.searchsorted(cuts, rank, side="right").astype(np.int8)


def split_by_time(time: np.ndarray, settings: Split) -> np.ndarray:
    """Part 0, 1 or 2 of each example by two global cuts in the time of its target (E).

    The cuts are the quantiles `train` and `train + validation`; targets of one second stay
    together, on the later side, so that parts never meet in time: train < validation < test.
    """
    if not len(time):
        return np.empty(0, np.int8)
    places = _cuts(len(time), settings)
    cuts = np.partition(time, places)[places]
    return np.searchsorted(cuts, time, side="right").astype(np.int8)


def leave_one_out(user: np.ndarray) -> np.ndarray:
    """Part 0, 1 or 2 of each example: a user's last is test, the one before it validation.

    user: (E) user ids, each user's examples side by side and in order of position. Shares do not
    count here. A user of two events has one example: it stays in train, so that whoever is tested
    is validated too. As with sequences the parts overlap in time, but every test user is known.
    """
    counts = np.diff(np.flatnonzero(_begins(user)), append=len(user))  # of each user in turn
    to_come = np.repeat(np.cumsum(counts), counts) - 1 - np.arange(len(user))
    parts: np.ndarray = np.where(np.repeat(counts, counts) > 1, (2 - to_come).clip(0), 0)
    return parts.astype(np.int8)


def _begins(user: np.ndarray) -> np.ndarray:
    """Mark where another user begins: (E) booleans; each user's examples are side by side."""
    marks = np.ones(len(user), bool)
    np.not_equal(user[1:], user[:-1], out=marks[1:])
    return marks


def _cuts(n: int, settings: Split) -> list[int]:
    # the small term: 0.7 + 0.2 is a little less than 0.9
    shares = (settings.train, settings.train + settings.validation)
    return [min(math.floor(share * n + 1e-9), n - 1) if n else 0 for share in shares]


def _windows(item: np.ndarray, rows: np.ndarray, lengths: np.ndarray) -> pa.ListArray:
    """Lists of the `lengths` items before each row, oldest first."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    source = np.repeat(rows - lengths, lengths) + within
    kind = EXAMPLES.field("history").type
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.array(item[source], pa.int32()), type=kind
    )


def _refuse_empty(parts: np.ndarray, settings: Split) -> None:
    counts = np.bincount(parts, minlength=len(SPLITS))
    if counts.min():
        return
    empty = ", ".join(name for name, n in zip(SPLITS, counts, strict=True) if not n)
    shares = f" with train {settings.train:g} and validation {settings.validation:g}"
    raise UserError(
        f"split by {settings.unit}{'' if settings.unit == 'leave-one-out' else shares}: "
        f"no example in {empty}; {_ADVICE[settings.unit]}"
    )
