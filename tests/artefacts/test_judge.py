"""Cases of the judge and what he picked, where a run judged."""

import polars as pl
import pytest
from conftest import frame

from recinterpreter import schemas, tables


@pytest.fixture(scope="module")
def folder(artefacts):
    found = [path.parent for path in artefacts.all() if path.match("judge/judgements.parquet")]
    if not found:
        pytest.skip("nothing was judged")
    return found[0]


def test_every_tested_user_has_a_case(folder, examples, items):
    cases = frame(folder / "cases.parquet", schemas.JUDGE_CASES)
    tested = examples.filter(pl.col("split") == "test")["user_id"].unique()
    for _, rows in cases.group_by("seed", "adapter"):
        assert rows["user_id"].sort().equals(tested.sort())
    assert cases["case_id"].is_unique().all()
    assert cases["titles"].list.len().equals(cases["offered_by"].list.len())
    assert cases["titles"].list.len().is_between(1, 3).all()
    titles = items["title"].implode()
    assert cases["history"].explode().is_in(titles).all()
    offered = cases.explode("titles", "offered_by").filter(pl.col("offered_by") == "random")
    assert offered["titles"].is_in(titles).all()


def test_every_judge_saw_every_title_once_in_every_place(folder):
    cases = frame(folder / "cases.parquet", schemas.JUDGE_CASES)
    found = frame(folder / "judgements.parquet", schemas.JUDGEMENTS)
    judges = tables.metadata(folder / "judgements.parquet")["judges"]
    asked = cases.select("case_id", n=pl.col("titles").list.len())
    for judge in judges:
        own = found.filter(pl.col("judge") == judge)
        rotations = own.group_by("case_id").agg(pl.col("rotation").sort())
        for _, rotation, n in rotations.join(asked, on="case_id").iter_rows():
            assert rotation == list(range(n))
        assert set(own["case_id"]) == set(cases["case_id"])
    clear = found.filter(pl.col("picked") != "unclear")
    assert ((found["place"] == 0) == (found["picked"] == "unclear")).all()
    assert (clear["place"] <= clear["options"]).all()
    assert clear.filter(~pl.col("offered_by").list.contains(pl.col("picked"))).is_empty()
