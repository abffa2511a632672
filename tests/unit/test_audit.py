from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from recinterpreter import schemas, tables
from recinterpreter.data.audit import audit
from recinterpreter.data.distributions import LENGTHS, POPULARITY, distributions
from recinterpreter.data.interactions import build_interactions
from recinterpreter.data.split import build_examples
from recinterpreter.data.titles import build_items
from recinterpreter.settings.data import Split, Titles
from recinterpreter.stages.audit_data import audit_data

# Five users; by their first event: a, b, c train, d validation, e test.
EVENTS = [
    ("a", 1, 0), ("a", 2, 1), ("a", 3, 100),  # its third is later than the first test target
    ("b", 1, 10), ("b", 2, 10), ("b", 1, 11),  # two at once, an item again
    ("c", 2, 20), ("c", 3, 21),
    ("d", 1, 30), ("d", 3, 31), ("d", 2, 32),
    ("e", 1, 40), ("e", 4, 50), ("e", 2, 60), ("e", 3, 70), ("e", 5, 80),  # 4, 5: only here
]  # fmt: skip
TITLES = ["Gondola (1994)", "Gondola (1994)", "Hollow (1966)", "Hollow (1993)", "Café", "Plain"]


def dataset(
    unit: str, rows: Sequence[tuple[str, int, int]] = EVENTS
) -> tuple[pa.Table, pa.Table, pa.Table]:
    titles = Titles(style="paper", allow_markup=False)
    items = build_items([(str(n), title) for n, title in enumerate(TITLES, 1)], titles)
    events = pl.DataFrame(
        [(user, str(item), time) for user, item, time in rows],
        schema=["user", "item", "time"],
        orient="row",
    )
    _, interactions = build_interactions(events, items, None)
    chosen = Split(unit=unit, train=0.6, validation=0.2, history=2)
    return interactions, items, build_examples(interactions, chosen)


def rows(unit: str, *more: tuple[str, int, int]) -> dict[str, float]:
    table = audit(*dataset(unit, [*EVENTS, *more]))
    assert table.schema.equals(schemas.AUDIT)
    assert all(table["note"].to_pylist())
    assert len(set(table["check"].to_pylist())) == len(table)
    return dict(zip(table["check"].to_pylist(), table["value"].to_pylist(), strict=True))


def test_every_check_by_hand() -> None:
    assert rows("sequence") == pytest.approx(
        {
            "users": 5,
            "items": 6,
            "items_used": 5,
            "interactions": 16,
            "days": 100 / 86400,
            "users_of_few": 4,
            "items_of_few": 3,
            "popular_tenth": 5 / 16,
            "users_train": 3,
            "examples_train": 5,
            "users_validation": 1,
            "examples_validation": 2,
            "users_test": 1,
            "examples_test": 4,
            "training_later_than_test": 1 / 8,
            "test_targets_unseen": 2 / 4,
            "test_targets_again": 0,
            "test_users_unseen": 1,
            "length_min": 2,
            "length_median": 3,
            "length_max": 5,
            "test_history_mean": (1 + 2 + 2 + 2) / 4,
            "last_test_history_mean": 2,
            "empty_histories": 0,
            "tied_timestamps": 2 / 16,
            "whole_days": 1 / 16,  # a's first, at second 0
            "repeated_items": 1 / 16,
            "exact_duplicates": 0,
            "duplicate_raw_titles": 2,
            "duplicate_titles": 4,
            "awkward_titles": 1,
            "long_titles": 0,
        }
    )


def test_a_split_in_time_has_no_later_training() -> None:
    # 11 targets: 6 train (to time 31), 2 validation (32, 50), 3 test (60, 70, 80, 100 less one)
    found = rows("time")
    assert found["training_later_than_test"] == 0
    assert found["examples_train"] == 6
    assert found["examples_validation"] == 2
    assert found["examples_test"] == 3


def test_leave_one_out_trains_on_what_comes_before_the_last_two() -> None:
    # targets: a, b, d two each (validation and test), c one (train), e four (the first two train)
    found = rows("leave-one-out")
    assert [found[f"examples_{s}"] for s in ("train", "validation", "test")] == [3, 4, 4]
    assert [found[f"users_{s}"] for s in ("train", "validation", "test")] == [2, 4, 4]
    # seen in training: c's two events and e's first three; the first test target is b's, at 11
    assert found["training_later_than_test"] == 1
    assert found["test_targets_unseen"] == 1 / 4  # e's 5
    assert found["last_test_history_mean"] == found["test_history_mean"] == 2
    assert found["test_users_unseen"] == 3 / 4  # a, b and d have no example but the last two
    assert found["test_targets_again"] == 1 / 4  # b ends with what it began with


def test_a_user_who_comes_late_is_unseen_where_the_split_is_in_time() -> None:
    found = rows("time", ("f", 1, 90), ("f", 2, 91))
    assert found["users_test"] == 3  # a, e and f
    assert found["test_users_unseen"] == 1 / 3


def test_events_that_stand_twice() -> None:
    # a's first again, and once more; c's item again, at another time
    found = rows("sequence", ("a", 1, 0), ("a", 1, 0), ("c", 3, 22))
    assert found["interactions"] == 19
    assert found["exact_duplicates"] == 3 / 19
    assert found["tied_timestamps"] == 5 / 19
    assert found["repeated_items"] == 4 / 19


def test_order_and_pieces_change_nothing() -> None:
    interactions, items, examples = dataset("time")
    shuffled = interactions.take(np.random.default_rng(0).permutation(len(interactions)))
    pieces = examples.to_batches(max_chunksize=2)
    assert len(pieces) > 3
    assert audit(shuffled, items, pieces).equals(audit(interactions, items, examples))


def test_the_bins_hold_everything_once() -> None:
    # 30 users of 1, 2, ..., 30 events; the items of all of them are 1, 2, ... up to that
    user = np.repeat(np.arange(1, 31), np.arange(1, 31))
    item = np.concatenate([np.arange(1, n + 1) for n in range(1, 31)])
    columns = {"user_id": user, "item_id": item, "time": item, "position": item - 1}
    table = pl.from_arrow(distributions(tables.table(columns, schemas.INTERACTIONS)))
    lengths, ranks = (table.filter(what=what) for what in (LENGTHS, POPULARITY))
    for part in (lengths, ranks):
        assert part["low"].to_list() == [*range(1, 9), 10, 11, 13, 16, 19, 23, 27]
        assert part["high"].to_list() == [*range(1, 8), 9, 10, 12, 15, 18, 22, 26, 30]
        assert part["share"].to_list() == pytest.approx(
            (part["count"].cum_sum() / part["count"].sum()).to_list()
        )
    assert lengths["count"].to_list() == [1] * 7 + [2, 1, 2, 3, 3, 4, 4, 4]
    # the item of rank k is with the users of k events and more
    assert ranks["count"].to_list() == [*range(30, 23, -1), 45, 21, 39, 51, 42, 42, 26, 10]


def test_bins_begin_with_the_shortest_sequence() -> None:
    user = np.repeat([1, 2, 3], [20, 21, 40])
    columns = {"user_id": user, "item_id": user, "time": user, "position": user}
    table = pl.from_arrow(distributions(tables.table(columns, schemas.INTERACTIONS)))
    lengths = table.filter(what=LENGTHS)
    assert lengths.select("low", "high").rows() == [
        (20, 22),
        (23, 26),
        (27, 31),
        (32, 37),
        (38, 40),
    ]
    assert lengths["count"].to_list() == [2, 0, 0, 0, 1]


def test_a_single_event_each_is_a_bin() -> None:
    columns = {"user_id": [1, 2], "item_id": [1, 1], "time": [0, 0], "position": [0, 0]}
    table = distributions(tables.table(columns, schemas.INTERACTIONS))
    assert table.to_pylist() == [
        {"what": LENGTHS, "low": 1, "high": 1, "count": 2, "share": 1.0},
        {"what": POPULARITY, "low": 1, "high": 1, "count": 2, "share": 1.0},
    ]


def test_the_stage(tmp_path: Path) -> None:
    names = ("interactions", "items", "examples")
    paths = {name: tmp_path / f"{name}.parquet" for name in names}
    wanted = (schemas.INTERACTIONS, schemas.ITEMS, schemas.EXAMPLES)
    made = dataset("sequence")
    for path, table, schema in zip(paths.values(), made, wanted, strict=True):
        tables.write(path, table, schema)
    outputs = {name: tmp_path / f"{name}.parquet" for name in ("audit", "distributions")}
    audit_data(**paths, **outputs)
    assert tables.read(tmp_path / "audit.parquet", schemas.AUDIT).equals(audit(*made))
    found = tables.read(outputs["distributions"], schemas.DISTRIBUTIONS)
    assert found.equals(distributions(made[0]))
