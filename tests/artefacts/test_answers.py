"""Adapters, answers, verdicts and scores."""

import polars as pl
from conftest import frame
from safetensors.numpy import load_file

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import read_json


def edited(path):
    """Whether answers are to the states of edited histories."""
    return ".edit_" in path.name


def test_titles_are_the_catalogue(artefacts, items):
    titles = artefacts.frame("titles.parquet", schemas.TITLES)
    assert titles.select("item_id", "title").equals(items.select("item_id", "title"))
    assert titles.filter(pl.col("spells"))["n_tokens"].min() > 0
    assert read_json(artefacts.path("llm.json"))


def test_adapters_are_finite_and_trained(artefacts):
    for path in artefacts.paths("adapter.safetensors"):
        weights = load_file(path)
        assert weights, path
        assert all(abs(values).max() < float("inf") for values in weights.values()), path
        steps = frame(path.with_name("steps.parquet"), schemas.STEPS)
        assert steps["step"].is_sorted(), path
        assert steps["value"].is_finite().all(), path


def test_every_source_answers_the_same_test_examples(artefacts, examples):
    test = set(examples.filter(pl.col("split") == "test")["example_id"])
    last = examples.filter(
        (pl.col("split") == "test")
        & (pl.col("position") == pl.col("position").max().over("user_id"))
    )["example_id"]
    asked = set()
    for path in artefacts.paths("answers/*/*/*/*.parquet"):
        answers = frame(path, schemas.ANSWERS)
        assert answers["example_id"].is_unique().all(), path
        if not edited(path):
            asked.add(frozenset(answers["example_id"]))
        noted = tables.metadata(path)
        assert path.name == f"seed{noted['seed']}.{noted['source']}.parquet"
        named = [noted["adapter"], noted["task"], noted["recommender"]]
        assert [folder.name for folder in path.parents[:3]] == named
    (ids,) = asked
    assert set(last) <= ids <= test


def test_every_answer_has_its_verdict(artefacts, items):
    verdicts = artefacts.frame("verdicts.parquet", schemas.VERDICTS)
    answers = [p for p in artefacts.paths("answers/*/*/*/*.parquet") if not edited(p)]
    assert len(verdicts) == sum(len(frame(path, schemas.ANSWERS)) for path in answers)
    assert (verdicts["hits"] <= verdicts["expected"].list.len()).all()
    assert (verdicts["hits"] >= 0).all()
    named = verdicts["named"].explode().drop_nulls()
    assert named.is_between(0, len(items)).all()


def test_readings_rank_what_was_answered_among_the_titles(artefacts, items):
    readings = [path for path in artefacts.all() if "readings" in path.parts]
    asked = [frame(p, schemas.ANSWERS) for p in artefacts.paths("answers/*/*/*/*.recorded.parquet")]
    for path in readings:
        noted = tables.metadata(path)
        ranking = frame(path, schemas.RANKING)
        assert ranking["rank"].is_between(1, items["title"].n_unique()).all(), path
        assert ranking["split"].unique().to_list() == ["test"], path
        named = [noted["adapter"], noted["task"], noted["recommender"]]
        assert [folder.name for folder in path.parents[:3]] == named
        assert path.name.endswith(f".{noted['source']}.parquet"), path
        for answers in asked:
            assert ranking["example_id"].sort().equals(answers["example_id"].sort()), path


def test_scores_lie_in_their_intervals(artefacts):
    scores = artefacts.frame("scores.parquet", schemas.SCORES)
    assert len(scores)
    assert scores["value"].is_finite().all()
    bounded = scores.drop_nulls(["low", "high"])
    assert (bounded["low"] <= bounded["value"] + 1e-9).all()
    assert (bounded["high"] >= bounded["value"] - 1e-9).all()


def test_scores_say_over_how_many_seeds(artefacts):
    scores = artefacts.frame("scores.parquet", schemas.SCORES)
    of_one = scores["n_seeds"] == 1
    assert (scores["seed"].is_not_null() == of_one).all()
    assert not scores.filter(pl.col("n_seeds") > 0, pl.col("recommender") == "popularity").height


def test_every_title_of_the_catalogue_finds_itself(artefacts, items):
    scores = artefacts.frame("scores.parquet", schemas.SCORES)
    lost = scores.filter(recommender="catalogue", metric="ours, lost")
    assert lost["value"].to_list() == [0]
    assert lost["n"].to_list() == [items["title"].n_unique()]
