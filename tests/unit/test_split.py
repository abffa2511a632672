import time
from collections import defaultdict

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recinterpreter.data.evaluated import evaluated_examples, last_examples
from recinterpreter.data.interactions import build_interactions
from recinterpreter.data.split import SPLITS, build_examples
from recinterpreter.data.titles import build_items
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Split, Titles

UNITS = ("sequence", "time", "leave-one-out")
N_ITEMS = 9
ITEMS = build_items(
    [(f"i{n}", f"Title {n}") for n in range(1, N_ITEMS + 1)],
    Titles(style="raw", allow_markup=False),
)


def split(unit: str = "sequence", history: int = 3, **shares: float) -> Split:
    return Split(unit=unit, history=history, **{"train": 0.6, "validation": 0.2, **shares})


def interactions(rows: list[tuple[str, int, int]]) -> pa.Table:
    events = pl.DataFrame(
        [(user, f"i{item}", time) for user, item, time in rows],
        schema=["user", "item", "time"],
        orient="row",
    )
    return build_interactions(events, ITEMS, None)[1]


rows_of = st.lists(
    st.tuples(
        st.sampled_from([f"u{n}" for n in range(12)]),
        st.integers(1, N_ITEMS),
        st.integers(0, 10_000),
    ),
    min_size=20,
    max_size=120,
    unique_by=lambda row: row[2],  # all times distinct
)


def examples_or_none(table: pa.Table, chosen: Split) -> pa.Table | None:
    try:
        return build_examples(table, chosen)
    except UserError:  # an empty split, which its own test looks at
        return None


@settings(max_examples=60, deadline=None)
@given(rows=rows_of, unit=st.sampled_from(UNITS), history=st.integers(2, 5))
def test_examples_against_a_plain_loop(
    rows: list[tuple[str, int, int]], unit: str, history: int
) -> None:
    assume(len({user for user, _, _ in rows}) >= 3)
    table = interactions(rows)
    examples = examples_or_none(table, split(unit, history))
    assume(examples is not None)
    sequences: dict[int, list[dict[str, int]]] = defaultdict(list)
    for row in table.to_pylist():
        sequences[row["user_id"]].append(row)
    expected = {
        (user, position): (
            [event["item_id"] for event in events[max(0, position - history) : position]],
            events[position]["item_id"],
            events[position]["time"],
        )
        for user, events in sequences.items()
        for position in range(1, len(events))
    }
    got = {
        (row["user_id"], row["position"]): (row["history"], row["target"], row["time"])
        for row in examples.to_pylist()
    }
    assert got == expected
    assert len(examples) == len(expected)  # every example in exactly one split
    assert examples["example_id"].to_pylist() == list(range(1, len(expected) + 1))
    order = [
        (SPLITS.index(row["split"]), row["user_id"], row["position"])
        for row in examples.to_pylist()
    ]
    assert order == sorted(order)


@settings(max_examples=40, deadline=None)
@given(rows=rows_of, unit=st.sampled_from(UNITS), seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(
    rows: list[tuple[str, int, int]], unit: str, seed: int
) -> None:
    assume(len({user for user, _, _ in rows}) >= 3)
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    first, second = interactions(rows), interactions(shuffled)
    assert first.equals(second)
    examples = examples_or_none(first, split(unit))
    if examples is not None:
        mixed = second.take(np.random.default_rng(seed).permutation(len(second)))
        assert build_examples(mixed, split(unit)).equals(examples)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([f"u{n}" for n in range(8)]),
            st.integers(1, N_ITEMS),
            st.integers(0, 25),  # many ties
        ),
        min_size=20,
        max_size=80,
    )
)
def test_time_cuts_never_meet(rows: list[tuple[str, int, int]]) -> None:
    assume(len({user for user, _, _ in rows}) >= 3)
    examples = examples_or_none(interactions(rows), split("time"))
    assume(examples is not None)
    times = {
        name: examples.filter(pa.compute.equal(examples["split"], name))["time"].to_numpy()
        for name in SPLITS
    }
    assert times["train"].max() < times["validation"].min()
    assert times["validation"].max() < times["test"].min()
    # not more than the share, but for ties
    assert len(times["train"]) <= 0.6 * len(examples) + 1e-9


@settings(max_examples=40, deadline=None)
@given(rows=rows_of)
def test_sequences_stay_whole_and_in_order(rows: list[tuple[str, int, int]]) -> None:
    assume(len({user for user, _, _ in rows}) >= 3)
    examples = examples_or_none(interactions(rows), split())
    assume(examples is not None)
    users = [
        set(examples.filter(pa.compute.equal(examples["split"], name))["user_id"].to_pylist())
        for name in SPLITS
    ]
    n = len(set().union(*users))
    assert max(users[0]) < min(users[1])
    assert max(users[1]) < min(users[2])
    assert [len(u) for u in users] == [int(0.6 * n), int(0.8 * n) - int(0.6 * n), n - int(0.8 * n)]


@settings(max_examples=60, deadline=None)
@given(rows=rows_of, share=st.floats(0.1, 0.8))
def test_one_target_of_each_user_is_left_for_test(
    rows: list[tuple[str, int, int]], share: float
) -> None:
    table = interactions(rows)
    examples = examples_or_none(table, split("leave-one-out", train=share, validation=0.1))
    assume(examples is not None)
    parts: dict[int, list[str]] = defaultdict(list)
    for row in sorted(examples.to_pylist(), key=lambda row: row["position"]):
        parts[row["user_id"]].append(row["split"])
    lengths = dict(pl.from_arrow(table).group_by("user_id").len().iter_rows())
    for user, n in lengths.items():
        wanted = ["train"] * (n - 3) + ["validation", "test"] if n >= 3 else ["train"] * (n - 1)
        assert parts[user] == wanted


def test_leave_one_out_by_hand() -> None:
    rows = [("a", 1, 0), *(("b", i, i) for i in (1, 2)), *(("c", i, i) for i in (3, 4, 5))]
    rows += [("d", item, time) for time, item in enumerate((6, 7, 8, 9, 1), 6)]
    examples = build_examples(interactions(rows), split("leave-one-out"))
    found = [(row["split"], row["history"], row["target"]) for row in examples.to_pylist()]
    assert found == [
        ("train", [1], 2),
        ("train", [6], 7),
        ("train", [6, 7], 8),
        ("validation", [3], 4),
        ("validation", [6, 7, 8], 9),
        ("test", [3, 4], 5),
        ("test", [7, 8, 9], 1),
    ]


@pytest.mark.parametrize(
    ("n", "counts"), [(943, [754, 94, 95]), (11_938, [9550, 1194, 1194]), (10, [8, 1, 1])]
)
def test_counts_of_the_paper(n: int, counts: list[int]) -> None:
    rows = [(f"u{u}", 1 + step, 10 * u + step) for u in range(n) for step in range(2)]
    examples = build_examples(interactions(rows), split(train=0.8, validation=0.1))
    parts = examples["split"].to_pylist()
    assert [parts.count(name) for name in SPLITS] == counts


def test_shares_that_binary_floats_miss() -> None:
    # 0.7 + 0.2 = 0.8999999999999999 in floats; the cut is at 9 of 10 all the same
    rows = [(f"u{u}", 1 + step, 10 * u + step) for u in range(10) for step in range(2)]
    examples = build_examples(interactions(rows), split(train=0.7, validation=0.2))
    parts = examples["split"].to_pylist()
    assert [parts.count(name) for name in SPLITS] == [7, 2, 1]


def test_an_empty_split_is_refused() -> None:
    rows = [(f"u{u}", 1 + step, 10 * u + step) for u in range(4) for step in range(2)]
    with pytest.raises(UserError, match=r"no example in validation; give more users"):
        build_examples(interactions(rows), split(train=0.8, validation=0.1))
    at_once = [(f"u{u}", 1 + step, 5) for u in range(20) for step in range(3)]
    with pytest.raises(UserError, match=r"no example in train, validation; .*one second"):
        build_examples(interactions(at_once), split("time"))
    alone = [(f"u{u}", 1, u) for u in range(20)]
    for unit in UNITS:
        with pytest.raises(UserError, match="no example in train, validation, test"):
            build_examples(interactions(alone), split(unit))
    in_pairs = [(f"u{u}", 1 + step, 10 * u + step) for u in range(20) for step in range(2)]
    with pytest.raises(UserError, match=r"leave-one-out: no example in validation, test; .*four"):
        build_examples(interactions(in_pairs), split("leave-one-out"))


def test_ties_keep_the_order_of_the_source() -> None:
    rows = [("a", 5, 7), ("a", 2, 7), ("a", 9, 1), ("b", 1, 3), ("c", 1, 2)]
    table = interactions(rows)
    assert table.filter(pa.compute.equal(table["user_id"], 1))["item_id"].to_pylist() == [9, 5, 2]


def test_users_are_numbered_by_first_event_ties_by_id() -> None:
    events = pl.DataFrame({"user": ["10", "9", "z", "z"], "item": ["i1"] * 4, "time": [5, 5, 9, 1]})
    users, _ = build_interactions(events, ITEMS, None)
    assert users.to_pylist() == [
        {"user_id": 1, "source_id": "z"},
        {"user_id": 2, "source_id": "9"},
        {"user_id": 3, "source_id": "10"},
    ]


def test_low_ratings_are_dropped() -> None:
    events = pl.DataFrame(
        {
            "user": ["a", "b", "c", "a"],
            "item": ["i1", "i2", "i3", "i4"],
            "time": [1, 2, 3, 4],
            "rating": [3.0, 5.0, 4.0, 2.9],
        }
    )
    _, kept = build_interactions(events, ITEMS, 3.0)
    assert kept["item_id"].to_pylist() == [1, 2, 3]
    with pytest.raises(UserError, match=r"got users: 2, events with a rating of at least 4: 2"):
        build_interactions(events, ITEMS, 4.0)


def test_evaluated_examples_hold_every_last_one() -> None:
    rows = [(f"u{u}", 1 + step, 100 * u + step) for u in range(20) for step in range(8)]
    examples = build_examples(interactions(rows), split(train=0.5, validation=0.2))
    frame = pl.from_arrow(examples)
    last = set(
        frame.filter(pl.col("split") == "test")
        .sort("position")
        .group_by("user_id")
        .last()["example_id"]
    )
    assert len(last) == 6
    test = set(frame.filter(pl.col("split") == "test")["example_id"])
    chosen = evaluated_examples(examples, 20, seed=1)
    assert len(chosen) == 20
    assert list(chosen) == sorted(set(chosen))
    assert last <= set(chosen) <= test
    assert set(evaluated_examples(examples, 3, seed=1)) == last
    assert set(evaluated_examples(examples, 10_000, seed=1)) == test
    assert np.array_equal(chosen, evaluated_examples(examples, 20, seed=1))
    assert not np.array_equal(chosen, evaluated_examples(examples, 20, seed=2))
    assert last_examples(examples).sum() == 20


def test_the_last_example_of_a_time_split_is_in_its_last_part() -> None:
    rows = [(f"u{u}", 1 + step, 100 * step + u) for u in range(6) for step in range(8)]
    examples = build_examples(interactions(rows), split("time"))
    marked = examples.filter(pa.array(last_examples(examples)))
    assert set(marked["split"].to_pylist()) == {"test"}
    assert marked["position"].to_pylist() == [7] * 6


def test_a_hundred_thousand_events_take_no_time() -> None:
    rng = np.random.default_rng(0)
    n = 100_000
    events = pl.DataFrame(
        {
            "user": rng.integers(0, 943, n).astype(str),
            "item": [f"i{k}" for k in rng.integers(1, N_ITEMS + 1, n)],
            "time": rng.integers(0, 10**9, n),
        }
    )
    started = time.perf_counter()
    _, table = build_interactions(events, ITEMS, None)
    build_examples(table, split(history=10))
    assert time.perf_counter() - started < 2
