"""Edited histories, their states and answers, where a run edited any."""

from collections import Counter

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from conftest import frame

from recinterpreter import schemas, tables
from recinterpreter.contents import content_digest


@pytest.fixture(scope="module")
def edits(artefacts):
    """The table of edits with the histories as they were; a run without edits has none."""
    path = artefacts.path("items.parquet").with_name("edits.parquet")
    if path not in artefacts.all():
        pytest.skip("no history was edited")
    return frame(path, schemas.EDITS)


def test_one_item_differs_and_no_other(edits, examples):
    whole = edits.join(examples.select("example_id", was="history"), on="example_id")
    assert len(whole) == len(edits)
    for row in whole.iter_rows(named=True):
        was, now = Counter(row["was"]), Counter(row["history"])
        assert sorted((was - now).elements()) == [i for i in [row["taken"]] if i is not None]
        assert sorted((now - was).elements()) == [i for i in [row["put"]] if i is not None]
        if row["edit"] == "swap":
            moved = [
                p for p, (a, b) in enumerate(zip(row["was"], row["history"], strict=True)) if a != b
            ]
            assert moved == row["positions"]


def test_what_is_put_in_was_never_met(edits, interactions, items):
    titles = items.select("item_id", "title")
    put = edits.filter(pl.col("put").is_not_null()).join(titles, left_on="put", right_on="item_id")
    met = interactions.join(titles, on="item_id").select("user_id", "title")
    assert not put.join(met, on=["user_id", "title"]).height


def test_the_last_examples_of_test_users_are_edited(edits, examples):
    last = examples.filter(
        (pl.col("split") == "test")
        & (pl.col("position") == pl.col("position").max().over("user_id"))
    )
    assert edits["example_id"].is_in(last["example_id"].implode()).all()
    assert edits.select("example_id", "edit").is_unique().all()


def test_edited_histories_have_states_and_answers(edits, artefacts):
    for (kind,), rows in edits.sort("example_id").group_by("edit"):
        source, ids = f"edit_{kind}", rows["example_id"].to_list()
        lengths = rows["history"].list.len().to_numpy()
        for path in artefacts.paths(f"states/*/seed*.{source}.parquet"):
            noted = tables.metadata(path)
            assert noted["source"] == source
            trained = path.parents[2] / "recommenders" / path.parent.name / f"seed{noted['seed']}"
            assert noted["checkpoint"] == content_digest(trained / "model.safetensors")
            positions = noted["shape"][0]
            states = tables.read(path, pa.schema([]))
            assert states["example_id"].to_pylist() == ids, path
            for name, items in (("before", lengths - 1), ("after", lengths)):
                mask = tables.matrix(states[f"{name}_mask"], positions)[..., 0]
                assert (mask.sum(1) == np.minimum(items, positions)).all(), path
        for path in artefacts.paths(f"answers/*/*/*/seed*.{source}.parquet"):
            assert frame(path, schemas.ANSWERS)["example_id"].sort().to_list() == ids, path


def test_every_answer_to_an_edit_is_checked(edits, artefacts):
    answers = [path for path in artefacts.paths("answers/*/*/*/*.parquet") if ".edit_" in path.name]
    llm = artefacts.path("llm.json").parent
    checked = frame(llm / "edits.parquet", schemas.EDIT_VERDICTS)
    assert len(checked) == sum(len(frame(path, schemas.ANSWERS)) for path in answers)
    for metric in ("follows", "stays"):
        known = checked.drop_nulls(metric)
        for column in (metric, f"{metric}_by_chance"):
            assert known[column].is_between(0, 1).all(), column
    # residual asks to follow where the last item is another, and then has nothing to stay with
    residual = checked.filter(task="residual")
    assert (residual["follows"].is_null() | residual["stays"].is_null()).all()
    assert residual.filter(source="edit_append")["follows"].is_not_null().all()
