"""The audit of a split: what a reader must know before believing a number made on it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
import pyarrow as pa

from recinterpreter.data.audited import Asked, Events, pairs_of
from recinterpreter.data.split import SPLITS
from recinterpreter.schemas import AUDIT

FEW = 5
"""Users and items with fewer events than this are counted; many public sets have none of them."""

_LONG_TITLE = 100  # characters
_DAY = 86_400  # seconds
_PLAIN_TITLE = r"^[A-Za-z0-9 ]+$"
_PAPER = "the paper: 9.99 on MovieLens-100K, 8.89 on Steam"

Row = tuple[str, float, str, str]


def audit(
    interactions: pa.Table, items: pa.Table, examples: pa.Table | Iterable[pa.Table]
) -> pa.Table:
    """Make AUDIT rows (check, value, unit, note) from the three tables of a data set.

    examples: EXAMPLES, or pieces of it one after another, of which little is kept.
    """
    events = Events.of(interactions)
    pieces = [examples] if isinstance(examples, pa.Table) else examples
    asked = Asked.of(pieces, events)
    titles = pl.from_arrow(items)
    assert isinstance(titles, pl.DataFrame)
    rows = [
        *_counts(events, len(titles)),
        *_splits(asked),
        *_leaks(events, asked),
        *_sequences(events, asked),
        *_doubtful(events),
        *_titles(titles),
    ]
    columns = zip(*rows, strict=True)
    return pa.table(dict(zip(AUDIT.names, map(list, columns), strict=True)), schema=AUDIT)


def _counts(events: Events, n_items: int) -> list[Row]:
    of_users, of_items = events.of_users, events.of_items
    return [
        ("users", len(of_users), "users", "with at least one interaction"),
        ("items", n_items, "items", "of the catalogue, all of them candidates"),
        ("items_used", len(of_items), "items", "with at least one interaction"),
        ("interactions", len(events.user), "interactions", "after the rating filter, if any"),
        (
            "days",
            float(np.ptp(events.time)) / _DAY,
            "days",
            "from the first interaction to the last",
        ),
        (
            "users_of_few",
            int((of_users < FEW).sum()),
            "users",
            f"with fewer than {FEW} interactions",
        ),
        (
            "items_of_few",
            int((of_items < FEW).sum()),
            "items",
            f"with fewer than {FEW} interactions, but one at least",
        ),
        (
            "popular_tenth",
            float(np.sort(of_items)[::-1][: max(1, len(of_items) // 10)].sum() / len(events.user)),
            "share",
            "interactions with the most popular tenth of the items that have any",
        ),
    ]


def _splits(asked: Asked) -> list[Row]:
    rows: list[Row] = []
    for name in SPLITS:
        n_users, n_examples = asked.counts[name]
        rows += [
            (f"users_{name}", n_users, "users", f"with a {name} example"),
            (f"examples_{name}", n_examples, "examples", f"history and next item, {name}"),
        ]
    return rows


def _leaks(events: Events, asked: Asked) -> list[Row]:
    # all that training sees: the targets of its examples and the histories before them
    training = events.position <= asked.trained_to[events.user]
    known = np.zeros(int(max(events.item.max(), asked.target.max())) + 1, bool)
    known[events.item[training]] = True
    users = np.unique(asked.user)
    return [
        (
            "training_later_than_test",
            _share(events.time[training] > asked.time.min()),
            "share",
            "training interactions later than the first test target; 0 where time is respected",
        ),
        (
            "test_targets_unseen",
            _share(~known[asked.target]),
            "share",
            "test targets that no training interaction holds: out of reach for any recommender",
        ),
        (
            "test_targets_again",
            _share(events.again[events.rows_of(asked.user, asked.position)]),
            "share",
            "test targets that their user already had",
        ),
        (
            "test_users_unseen",
            _share(asked.trained_to[users] < 0),
            "share",
            "test users of whom training sees nothing; all of them where whole sequences are split",
        ),
    ]


def _sequences(events: Events, asked: Asked) -> list[Row]:
    lengths = events.of_users
    last = asked.position == events.last_positions[asked.user]
    return [
        ("length_min", float(lengths.min()), "interactions", "shortest sequence of a user"),
        ("length_median", float(np.median(lengths)), "interactions", "median sequence"),
        ("length_max", float(lengths.max()), "interactions", "longest sequence"),
        (
            "test_history_mean",
            float(asked.n_history.mean()),
            "items",
            f"mean history of a test example; {_PAPER}",
        ),
        (
            "last_test_history_mean",
            float(asked.n_history[last].mean()),
            "items",
            f"the same for the last example of every test user; {_PAPER}",
        ),
        (
            "empty_histories",
            asked.n_empty,
            "examples",
            "examples without a history; a user's first event is no target",
        ),
    ]


def _doubtful(events: Events) -> list[Row]:
    # the same item in the same second: two of the few that are tied
    user, item, time = (a[events.tied] for a in (events.user, events.item, events.time))
    n_twice = int(pl.DataFrame({"pair": pairs_of(user, item), "time": time}).is_duplicated().sum())
    return [
        (
            "tied_timestamps",
            _share(events.tied),
            "share",
            "interactions with another of the same user in the same second; the source's order "
            "decides",
        ),
        (
            "whole_days",
            _share(events.time % _DAY == 0),
            "share",
            "interactions at midnight: where it is all of them, times are days",
        ),
        (
            "repeated_items",
            _share(events.again),
            "share",
            "interactions with an item the user already had",
        ),
        (
            "exact_duplicates",
            n_twice / len(events.user),
            "share",
            "interactions with another of the same user, item and second",
        ),
    ]


def _titles(titles: pl.DataFrame) -> list[Row]:
    return [
        (
            "duplicate_raw_titles",
            int(titles["raw_title"].is_duplicated().sum()),
            "items",
            "share the source's title with another item",
        ),
        (
            "duplicate_titles",
            int(titles["title"].is_duplicated().sum()),
            "items",
            "share the title the LLM is to say with another item; an answer names them all",
        ),
        (
            "awkward_titles",
            int((~titles["title"].str.contains(_PLAIN_TITLE)).sum()),
            "items",
            "title holds other characters than unaccented letters, digits and spaces",
        ),
        (
            "long_titles",
            int((titles["title"].str.len_chars() > _LONG_TITLE).sum()),
            "items",
            f"title has more than {_LONG_TITLE} characters",
        ),
    ]


def _share(marks: np.ndarray) -> float:
    return float(marks.mean()) if len(marks) else 0.0
