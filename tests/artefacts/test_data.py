"""Ids, order and windows of the data."""

import polars as pl

from recinterpreter import schemas, tables


def test_ids_run_from_one(artefacts, items, interactions):
    users = artefacts.frame("users.parquet", schemas.USERS)
    assert items["item_id"].to_list() == list(range(1, len(items) + 1))
    assert users["user_id"].to_list() == list(range(1, len(users) + 1))
    assert set(interactions["user_id"]) == set(users["user_id"])
    assert set(interactions["item_id"]) <= set(items["item_id"])


def test_source_ids_are_distinct(artefacts, items):
    assert items["source_id"].is_unique().all()
    assert artefacts.frame("users.parquet", schemas.USERS)["source_id"].is_unique().all()


def test_titles_can_be_written_on_one_line(items):
    assert items["title"].str.strip_chars().str.len_chars().min() > 0
    assert not items["title"].str.contains(r"[\n\r\t]").any()


def test_sequences_are_in_time(interactions):
    ordered = interactions.sort("user_id", "position")
    step = ordered.with_columns(
        (pl.col("time") - pl.col("time").shift(1)).over("user_id").alias("step"),
        pl.int_range(pl.len(), dtype=pl.Int32).over("user_id").alias("rank"),
    )
    assert (step["position"] == step["rank"]).all()
    assert step["step"].drop_nulls().min() >= 0


def test_metadata_counts_what_is_there(artefacts, items, interactions):
    for table in ("interactions.parquet", "examples.parquet"):
        noted = tables.metadata(artefacts.path(table))
        assert noted["n_items"] == len(items)
        assert noted["n_users"] == interactions["user_id"].n_unique()


def test_histories_are_what_the_user_did_before(artefacts, interactions, examples):
    longest = tables.metadata(artefacts.path("examples.parquet"))["history"]
    sequences = {
        user: events["item_id"].to_list()
        for (user,), events in interactions.sort("user_id", "position").group_by(
            "user_id", maintain_order=True
        )
    }
    for row in examples.iter_rows(named=True):
        sequence, position = sequences[row["user_id"]], row["position"]
        assert row["target"] == sequence[position]
        assert row["history"] == sequence[max(0, position - longest) : position]


def test_every_event_but_the_first_is_a_target_once(interactions, examples):
    keys = ["user_id", "position"]
    targets = interactions.filter(pl.col("position") > 0).select(keys).sort(keys)
    assert examples.select(keys).sort(keys).equals(targets)


def test_example_ids_follow_split_user_position(examples):
    order = {"train": 0, "validation": 1, "test": 2}
    assert set(examples["split"]) == set(order)
    sorted_ids = examples.sort(
        pl.col("split").replace_strict(order, return_dtype=pl.Int8), "user_id", "position"
    )["example_id"]
    assert sorted_ids.to_list() == list(range(1, len(examples) + 1))


def test_splits_keep_apart_what_their_unit_keeps_apart(artefacts, examples):
    by_split = {name: examples.filter(pl.col("split") == name) for name in ("train", "test")}
    unit = tables.metadata(artefacts.path("examples.parquet"))["unit"]
    if unit == "sequence":
        assert not set(by_split["train"]["user_id"]) & set(by_split["test"]["user_id"])
    elif unit == "time":
        assert by_split["train"]["time"].max() <= by_split["test"]["time"].min()
    else:
        left = pl.col("position").max().over("user_id") - pl.col("position")
        several = examples.filter(pl.len().over("user_id") > 1).with_columns(left=left)
        for name, wanted in (("test", [0]), ("validation", [1])):
            assert several.filter(pl.col("split") == name)["left"].unique().to_list() == wanted
        assert by_split["test"]["user_id"].to_list() == several["user_id"].unique().sort().to_list()


def test_bins_hold_every_user_and_every_interaction_once(artefacts, interactions):
    bins = artefacts.frame("distributions.parquet", schemas.DISTRIBUTIONS)
    for what, column, total in (
        ("sequence_lengths", "user_id", interactions["user_id"].n_unique()),
        ("popularity", "item_id", len(interactions)),
    ):
        part = bins.filter(what=what)
        assert part["count"].sum() == total
        assert part["low"][1:].to_list() == (part["high"][:-1] + 1).to_list()
        counts = interactions[column].value_counts()["count"]
        ends = (counts.min(), counts.max()) if what == "sequence_lengths" else (1, len(counts))
        assert (part["low"][0], part["high"][-1]) == ends
        assert part["share"].is_sorted()
        assert part["share"][-1] == 1


def test_the_audit_counts_what_is_there(artefacts, items, interactions, examples):
    audit = artefacts.frame("audit.parquet", schemas.AUDIT)
    counted = dict(audit.select("check", "value").iter_rows())
    assert len(counted) == len(audit)
    assert counted["users"] == interactions["user_id"].n_unique()
    assert counted["items"] == len(items)
    assert counted["interactions"] == len(interactions)
    for split in ("train", "validation", "test"):
        part = examples.filter(split=split)
        assert counted[f"examples_{split}"] == len(part)
        assert counted[f"users_{split}"] == part["user_id"].n_unique()
    shares = audit.filter(unit="share")["value"]
    assert ((shares >= 0) & (shares <= 1)).all()
