"""The audit of a split: what a reader must know before believing a number made on it."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from recinterpreter.data.evaluated import last_examples
from recinterpreter.data.split import SPLITS
from recinterpreter.schemas import AUDIT

_PLAIN_TITLE = r"^[A-Za-z0-9 ]+$"


def audit(interactions: pa.Table, items: pa.Table, examples: pa.Table) -> pa.Table:
    """Make AUDIT rows (check, value, unit, note) from the three tables of a data set."""
    events, titles = _frame(interactions), _frame(items)
    targets = _frame(examples.drop_columns(["history"])).with_columns(
        last=pl.Series(last_examples(examples)),
        n_history=pl.Series(examples["history"]).list.len(),
    )
    rows = [
        *_counts(events, titles, targets),
        *_leaks(events, targets),
        *_sequences(events, targets),
        *_titles(titles),
    ]
    columns = zip(*rows, strict=True)
    return pa.table(dict(zip(AUDIT.names, map(list, columns), strict=True)), schema=AUDIT)


Row = tuple[str, float, str, str]


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _counts(events: pl.DataFrame, titles: pl.DataFrame, targets: pl.DataFrame) -> list[Row]:
    rows: list[Row] = [
        ("users", events["user_id"].n_unique(), "users", "with at least one interaction"),
        ("items", len(titles), "items", "of the catalogue, all of them candidates"),
        ("items_used", events["item_id"].n_unique(), "items", "with at least one interaction"),
        ("interactions", len(events), "interactions", "after the rating filter, if any"),
    ]
    for name in SPLITS:
        part = targets.filter(pl.col("split") == name)
        rows += [
            (f"users_{name}", part["user_id"].n_unique(), "users", f"with a {name} example"),
            (f"examples_{name}", len(part), "examples", f"history and next item, {name}"),
        ]
    return rows


def _leaks(events: pl.DataFrame, targets: pl.DataFrame) -> list[Row]:
    test = targets.filter(pl.col("split") == "test")
    trained_to = (
        targets.filter(pl.col("split") == "train").group_by("user_id").agg(pl.col("position").max())
    )
    # all that training sees: the targets of its examples and the histories before them
    training = events.join(trained_to, on="user_id", suffix="_trained").filter(
        pl.col("position") <= pl.col("position_trained")
    )
    later = _share(training["time"] > test["time"].min())
    unseen = _share(~test["target"].is_in(training["item_id"].unique().implode()))
    return [
        (
            "training_later_than_test",
            later,
            "share",
            "training interactions later than the first test target; 0 where time is respected",
        ),
        (
            "test_targets_unseen",
            unseen,
            "share",
            "test targets that no training interaction holds: out of reach for any recommender",
        ),
    ]


def _sequences(events: pl.DataFrame, targets: pl.DataFrame) -> list[Row]:
    lengths = events.group_by("user_id").len()["len"]
    test = targets.filter(pl.col("split") == "test")
    paper = "the paper: 9.99 on MovieLens-100K, 8.89 on Steam"
    return [
        ("length_min", _number(lengths.min()), "interactions", "shortest sequence of a user"),
        ("length_median", _number(lengths.median()), "interactions", "median sequence"),
        ("length_max", _number(lengths.max()), "interactions", "longest sequence"),
        (
            "test_history_mean",
            _number(test["n_history"].mean()),
            "items",
            f"mean history of a test example; {paper}",
        ),
        (
            "last_test_history_mean",
            _number(test.filter("last")["n_history"].mean()),
            "items",
            f"the same for the last example of every test user; {paper}",
        ),
        (
            "empty_histories",
            int((targets["n_history"] == 0).sum()),
            "examples",
            "examples without a history; a user's first event is no target",
        ),
        (
            "tied_timestamps",
            _share(events.select("user_id", "time").is_duplicated()),
            "share",
            "interactions with another of the same user in the same second; the source's order "
            "decides",
        ),
        (
            "repeated_items",
            1 - len(events.unique(["user_id", "item_id"])) / len(events),
            "share",
            "interactions with an item the user already had",
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
    ]


def _share(marks: pl.Series) -> float:
    return _number(marks.mean())


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)
