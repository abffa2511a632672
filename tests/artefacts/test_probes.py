"""Decoders of states, where a run has any."""

import polars as pl
import pytest
from conftest import frame

from recinterpreter import schemas, tables
from recinterpreter.bounds.held import drawn_examples


@pytest.fixture(scope="module")
def probes(artefacts):
    """The paths of all probes; a run without decoders has none."""
    found = [path for path in artefacts.all() if path.name == "probes.parquet"]
    if not found:
        pytest.skip("no states were probed")
    return found


def test_decoders_learn_from_no_example_they_are_asked_about(probes, artefacts, examples):
    table = tables.read(artefacts.path("examples.parquet"), schemas.EXAMPLES)
    for path in probes:
        learning = tables.metadata(path)["settings"]
        asked = examples.filter(pl.col("example_id").is_in(set(_read(path)["example_id"])))
        assert asked["split"].unique().to_list() == ["test"], path
        for split, key in (("train", "examples"), ("validation", "validation")):
            seen = drawn_examples(table, split, learning[key], learning["seed"])
            learnt = examples.filter(pl.col("example_id").is_in(set(seen.tolist())))
            assert learnt["split"].unique().to_list() == [split], path
            assert not set(learnt["example_id"]) & set(asked["example_id"]), path


def test_every_decoder_is_asked_what_the_llm_is_asked(probes, artefacts):
    for path in probes:
        noted, rows = tables.metadata(path), _read(path)
        assert (noted["recommender"], f"seed{noted['seed']}") == path.parts[-3:-1]
        answers = artefacts.paths(f"answers/{noted['recommender']}/*/*/*.recorded.parquet")
        wanted = frame(answers[0], schemas.ANSWERS)["example_id"].sort()
        cells = rows.group_by("probe", "task")
        assert {key for key, _ in cells} == {
            (probe, task)
            for probe in noted["settings"]["decoders"]
            for task in noted["settings"]["tasks"]
        }
        for _, cell in cells:
            assert cell["example_id"].sort().equals(wanted), path


def test_replies_are_marked_by_naming_or_by_rank(probes, items):
    for path in probes:
        rows = _read(path)
        ranked = rows["task"] == "preference"
        assert (rows["rank"].is_not_null() == ranked).all(), path
        assert (rows["hits"].is_null() == ranked).all(), path
        assert (rows["correct"].is_null() == ranked).all(), path
        named = rows.filter(~ranked)
        assert named["hits"].is_between(0, named["expected"]).all(), path
        assert rows["rank"].drop_nulls().is_between(1, len(items)).all(), path


def _read(path):
    return frame(path, schemas.PROBES)
