"""What every split promises, from events in any order; and what it gives on MovieLens-100K."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from recinterpreter.data.interactions import build_interactions
from recinterpreter.data.raw import read_raw
from recinterpreter.data.split import SPLITS, build_examples
from recinterpreter.data.titles import build_items
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Ingest, Split, Titles

UNITS = ("sequence", "time", "leave-one-out")
TITLES = Titles(style="raw", allow_markup=False)
ITEMS = build_items([(f"i{n}", f"Title {n}") for n in range(9)], TITLES)

Event = tuple[str, str, int]
properties = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


def events(last_second: int, distinct: bool) -> st.SearchStrategy[list[Event]]:
    """Events of up to ten users, who may have one each or many, in any order."""
    event = st.tuples(
        st.sampled_from([f"u{n}" for n in range(10)]),
        st.sampled_from(ITEMS["source_id"].to_pylist()),
        st.integers(0, last_second),
    )
    key = (lambda row: row[2]) if distinct else None
    return st.lists(event, min_size=15, max_size=90, unique_by=key)


def split_of(rows: list[Event], unit: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (interactions, examples); what cannot be split is no case of these tests."""
    frame = pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")
    wanted = Split(unit=unit, train=0.6, validation=0.2, history=3)
    try:
        _, interactions = build_interactions(frame, ITEMS, None)
        examples = build_examples(interactions, wanted)
    except UserError:
        assume(False)
    return pl.DataFrame(interactions), pl.DataFrame(examples)


def part(examples: pl.DataFrame, name: str) -> pl.DataFrame:
    return examples.filter(pl.col("split") == name)


@pytest.mark.parametrize("unit", UNITS)
@given(rows=events(30, distinct=False))
@properties
def test_every_event_but_a_users_first_is_one_example_of_one_split(
    unit: str, rows: list[Event]
) -> None:
    interactions, examples = split_of(rows, unit)
    place = ["user_id", "position"]
    later = interactions.filter(pl.col("position") > 0).select(*place, target="item_id")
    assert examples.select(*place, "target").sort(place).equals(later.sort(place))
    assert set(examples["split"]) == set(SPLITS)


@given(rows=events(30, distinct=False))
@properties
def test_time_leaks_nothing_back(rows: list[Event]) -> None:
    _, examples = split_of(rows, "time")
    train, validation, test = (part(examples, name)["time"] for name in SPLITS)
    assert train.max() < validation.min()
    assert validation.max() < test.min()


@given(rows=events(30, distinct=False))
@properties
def test_sequences_share_no_user_and_begin_in_turn(rows: list[Event]) -> None:
    interactions, examples = split_of(rows, "sequence")
    first = dict(interactions.group_by("user_id").agg(pl.col("time").min()).iter_rows())
    users = [set(part(examples, name)["user_id"]) for name in SPLITS]
    assert sum(map(len, users)) == examples["user_id"].n_unique()
    for earlier, later in pairwise(users):
        assert max(first[user] for user in earlier) <= min(first[user] for user in later)


@given(rows=events(30, distinct=False))
@properties
def test_leave_one_out_tests_on_the_last_and_validates_on_the_one_before(
    rows: list[Event],
) -> None:
    interactions, examples = split_of(rows, "leave-one-out")
    last = interactions.group_by("user_id").agg(last=pl.col("position").max())
    from_end = examples.join(last, on="user_id").with_columns(
        left=pl.col("last") - pl.col("position")
    )
    tested = from_end.filter(pl.col("last") >= 2)
    assert set(part(tested, "test")["left"]) == {0}
    assert set(part(tested, "validation")["left"]) == {1}
    assert part(tested, "train").filter(pl.col("left") < 2).is_empty()
    assert set(from_end.filter(pl.col("last") < 2)["split"]) <= {"train"}


@pytest.mark.parametrize("unit", UNITS)
@given(rows=events(100_000, distinct=True), seed=st.integers(0, 99))
@properties
def test_the_order_of_rows_counts_for_nothing_where_times_differ(
    unit: str, rows: list[Event], seed: int
) -> None:
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    for first, second in zip(split_of(rows, unit), split_of(shuffled, unit), strict=True):
        assert first.equals(second)


@pytest.mark.parametrize("unit", UNITS)
@given(rows=events(5, distinct=False), seed=st.integers(0, 99))
@properties
def test_among_ties_the_order_of_each_users_rows_decides_and_no_other(
    unit: str, rows: list[Event], seed: int
) -> None:
    """Users' rows are dealt into each other in another way; each user's own stay in turn."""
    rng = np.random.default_rng(seed)
    turns = [rows[i][0] for i in rng.permutation(len(rows))]
    of_user = {user: iter([row for row in rows if row[0] == user]) for user in turns}
    dealt = [next(of_user[user]) for user in turns]
    for first, second in zip(split_of(rows, unit), split_of(dealt, unit), strict=True):
        assert first.equals(second)
    interactions, _ = split_of(rows, unit)
    mine = [row for row in rows if row[0] == rows[0][0]]
    by_time = [item for _, item, _ in sorted(mine, key=lambda row: row[2])]
    numbers = {name: n for n, name in enumerate(ITEMS["source_id"].to_pylist(), start=1)}
    assert [numbers[item] for item in by_time] in [
        user["item_id"].to_list() for user in interactions.partition_by("user_id")
    ]


# --- MovieLens-100K -----------------------------------------------------------------------------


def ml_100k(folder: Path, min_rating: float | None, scratch: Path) -> tuple[pl.DataFrame, ...]:
    """Return (users, interactions, examples) as the paper splits them."""
    if not folder.is_dir():
        pytest.skip("needs MovieLens-100K in ../shared/data/movielens/ml-100k")
    reading = Ingest(
        reader="ml_100k", files=["archive"], min_rating=min_rating, titles=TITLES, source=None
    )
    with read_raw([folder], reading, scratch) as raw:
        users, events = build_interactions(raw.events, build_items(raw.items, TITLES), min_rating)
    wanted = Split(unit="sequence", train=0.8, validation=0.1, history=10)
    examples = build_examples(events, wanted)
    return pl.DataFrame(users), pl.DataFrame(events), pl.DataFrame(examples)


@pytest.mark.parametrize(
    ("min_rating", "n_events", "n_films", "shortest"),
    # the filter takes a sixth of the ratings, 108 films and no user
    [(None, 100_000, 1_682, 20), (3.0, 82_520, 1_574, 6)],
)
def test_movielens_is_split_as_in_the_paper(
    shared_data: Path,
    tmp_path: Path,
    min_rating: float | None,
    n_events: int,
    n_films: int,
    shortest: int,
) -> None:
    folder = shared_data / "movielens" / "ml-100k"
    users, events, examples = ml_100k(folder, min_rating, tmp_path)
    assert (len(users), len(events), events["item_id"].n_unique()) == (943, n_events, n_films)
    assert events.group_by("user_id").len()["len"].min() == shortest
    split = [part(examples, name)["user_id"].unique().sort().to_list() for name in SPLITS]
    assert [len(ids) for ids in split] == [754, 94, 95]

    # by first timestamp, from the raw file itself
    names = ["user", "item", "rating", "time"]
    raw = pl.read_csv(folder / "u.data", separator="\t", has_header=False, new_columns=names)
    kept = raw.filter(pl.col("rating") >= (min_rating or 0))
    first = dict(kept.group_by("user").agg(pl.col("time").min()).iter_rows())
    begun = [first[int(user)] for user in users["source_id"]]
    assert begun == sorted(begun)
    assert [user for ids in split for user in ids] == list(range(1, 944))

    for user in split[2]:
        mine = kept.filter(pl.col("user") == int(users["source_id"][user - 1]))
        in_time = mine.sort("time", maintain_order=True)["item"].to_list()
        last = part(examples, "test").filter(pl.col("user_id") == user)[-1]
        # item ids of MovieLens-100K are its own
        assert [*last["history"][0], last["target"][0]] == in_time[-11:]
