"""Other data and another LLM go through the same rules."""

import polars as pl
import pytest
from raw_files import write_own, write_steam

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import read_json

pytestmark = pytest.mark.slow


def test_own_tables(fresh_tiny):
    given = write_own(fresh_tiny.folder)
    run = fresh_tiny.run("results/mine/audit.parquet", *given)
    assert run.returncode == 0, run.stdout
    mine = fresh_tiny.folder / "results" / "mine"
    assert tables.read(mine / "items.parquet", schemas.ITEMS).num_rows == 7
    examples = pl.from_arrow(tables.read(mine / "examples.parquet", schemas.EXAMPLES))
    assert len(examples) == 30 * 5
    assert "Nothing to be done" in fresh_tiny.run("results/mine/audit.parquet", *given).stdout


def test_a_bad_file_costs_nothing_of_what_was_there(fresh_tiny, contents):
    good = write_own(fresh_tiny.folder)
    bad = write_own(fresh_tiny.folder, "bad.csv")
    target = "results/mine/audit.parquet"
    assert fresh_tiny.run(target, *good).returncode == 0
    before = contents(fresh_tiny.folder / "results" / "mine")
    run = fresh_tiny.run(target, *bad)
    assert run.returncode != 0
    assert "line break" in run.stdout
    assert contents(fresh_tiny.folder / "results" / "mine") == before
    assert "Nothing to be done" in fresh_tiny.run(target, *good).stdout


def test_steam(fresh_tiny):
    write_steam(fresh_tiny.folder / "own")
    given = (
        "results/steam/audit.parquet",
        "--config",
        "data={sources: [steam], steam: {path: own, min_reviews: 10, users: 0.5}}",
    )
    run = fresh_tiny.run(*given)
    assert run.returncode == 0, run.stdout
    assert "users: 20 here, 11938 in the paper" in run.stdout
    made = fresh_tiny.folder / "results" / "steam"
    assert tables.read(made / "interactions.parquet", schemas.INTERACTIONS).num_rows == 20 * 4
    assert "Nothing to be done" in fresh_tiny.run(*given).stdout
    (fresh_tiny.folder / "own").rename(fresh_tiny.folder / "moved")
    assert (
        "Nothing to be done"
        in fresh_tiny.run(*given[:-1], given[-1].replace("own", "moved")).stdout
    )


def test_real_movielens(fresh_tiny, shared_data):
    path = shared_data / "movielens" / "ml-100k"
    given = ("--config", f"data={{sources: [ml-100k], ml-100k: {{path: {path}}}}}")
    run = fresh_tiny.run("results/ml-100k/audit.parquet", *given)
    assert run.returncode == 0, run.stdout
    made = fresh_tiny.folder / "results" / "ml-100k"
    assert tables.read(made / "interactions.parquet", schemas.INTERACTIONS).num_rows == 100_000
    examples = pl.from_arrow(tables.read(made / "examples.parquet", schemas.EXAMPLES))
    users = dict(examples.group_by("split").agg(pl.col("user_id").n_unique()).iter_rows())
    assert users == {"train": 754, "validation": 94, "test": 95}


def test_a_pretrained_llm_goes_through_the_same_rules(spoilable, shared_data):
    source = shared_data / "models" / "stories260K_hf"
    run = spoilable.run(
        "--config",
        f"llm={{source: {source}}}",
        "adapter={epochs: 1, examples_per_epoch: {recovery: 16, residual: 16}}",
        "answers={sample: 4, max_new_tokens: {recovery: 8, residual: 8}}",
    )
    assert run.returncode == 0, run.stdout
    made = spoilable.folder / "results" / "demo" / "stories260K_hf"
    assert tables.read(made / "scores.parquet", schemas.SCORES).num_rows > 100
    facts = read_json(made / "llm.json")
    titles = tables.read(made / "titles.parquet", schemas.TITLES)
    assert facts["unspelled"] == titles["spells"].to_pylist().count(False)
    # the embedded one has kept its place
    assert (spoilable.folder / "results" / "demo" / "embedded" / "scores.parquet").is_file()
