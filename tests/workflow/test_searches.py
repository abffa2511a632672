"""A search: trials of their own, a choice, a training with it; and what a change makes stale."""

import shutil
import subprocess
import sys

import pytest
from conftest import TINY, Workflow, copy_sources

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import read_json
from recinterpreter.contents import MADE

CELL = "results/demo/recommenders/gru4rec"
L2 = (0.0, 0.01, 0.1)


def searching(l2=L2, **others) -> tuple[str, str]:
    """Options that search a recipe for GRU4Rec and train it alone."""
    recipe = "{embedding_size: 8, epochs: 2, l2: 0.5}"  # none of the values tried
    search = f"{{names: [gru4rec], gru4rec: {{embedding_size: null, l2: {list(l2)}}}}}"
    block = {"names": "[gru4rec]", "baselines": "[]", "gru4rec": recipe, "search": search}
    given = ", ".join(f"{key}: {value}" for key, value in {**block, **others}.items())
    return "--config", f"recommenders={{{given}}}"


def test_every_trial_is_a_job_and_the_rest_is_as_ever(fresh):
    plain = fresh.stale()
    search = "search: {names: [sasrec, dreamrec], trials: 5}"
    stale = fresh.stale("--config", f"recommenders={{{search}}}")
    assert stale == {**plain, "try_recipe": 10, "select_recipe": 2}
    tried = fresh.stale("search", "--config", f"recommenders={{{search}}}")
    data = {"ingest_demo": 1, "split_examples": 1}
    assert tried == {**data, "try_recipe": 10, "select_recipe": 2, "search": 1}


def test_trials_of_dreamrec_wait_for_the_items_of_sasrec(fresh):
    dreamrec = "dreamrec: {item_table: sasrec}, names: [dreamrec]"
    search = "search: {names: [dreamrec], trials: 3, dreamrec: {embedding_size: null}}"
    stale = fresh.stale("search", "--config", f"recommenders={{{dreamrec}, {search}}}")
    assert (stale["train_recommender"], stale["try_recipe"]) == (1, 3)


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ("names: [sasrec], sasrec: {heads: [3]}", "3 heads cannot share an embedding_size of 16"),
        ("names: []", "recommenders.search.names is empty; wanted those whose recipe shall be"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_any_job(fresh, search, told):
    run = fresh.run("search", "--config", f"recommenders={{search: {{{search}}}}}")
    assert run.returncode != 0
    assert told in run.stdout
    assert not (fresh.folder / "results" / "demo").exists()


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched")
    copy_sources(folder)
    workflow = Workflow(folder, TINY)
    run = workflow.run("recommenders", *searching())
    assert run.returncode == 0, run.stdout
    return workflow


@pytest.fixture
def searched(once, tmp_path):
    """A search that was run, to be changed at will."""
    shutil.copytree(once.folder, tmp_path / "copy", symlinks=True)
    return Workflow(tmp_path / "copy", TINY)


def chosen(workflow) -> float:
    """The chosen L2, which is that of the table and the one trained with."""
    folder = workflow.folder / CELL
    recipe = read_json(folder / "search" / "recipe.json")
    assert read_json(folder / "seed0" / "config.json")["settings"]["recipe"] == recipe
    best = tables.read(folder / "search" / "trials.parquet", schemas.TRIALS).to_pylist()[0]
    assert best["l2"] == recipe["l2"]
    assert best["chosen"]
    return recipe["l2"]


@pytest.mark.slow
def test_a_recommender_is_trained_with_the_recipe_that_was_chosen(once):
    assert chosen(once) in L2
    folder = once.folder / CELL / "search"
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {f"l2={x}" for x in L2}
    kept = {path.name for path in folder.rglob("*") if path.is_file()}
    assert kept == {"trial.json", "steps.parquet", "trials.parquet", "recipe.json", MADE}
    assert once.stale("search", "recommenders", *searching()) == {}
    files = [path for path in (once.folder / CELL).rglob("*") if path.is_file()]
    made = [str(path) for path in files if path.name != MADE]
    test = once.folder / "tests" / "artefacts" / "test_trials.py"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-o", "addopts=", test, "--artefacts", *made],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in run.stdout, run.stdout


@pytest.mark.slow
def test_what_is_stale_after_a_change(once):
    def stale(**others) -> dict[str, int]:
        return once.stale("recommenders", *searching(**others))

    other_recipe = "{embedding_size: 8, epochs: 2, l2: 0.5, dropout: 0.3}"
    # whether another recipe is chosen is known after the choice
    assert stale(l2=(*L2, 0.2)) == {"try_recipe": 1, "select_recipe": 1}
    assert stale(gru4rec=other_recipe) == {"try_recipe": 3, "select_recipe": 1}
    used = ("train_recommender", "rank_recommender", "recommend_items")
    assert stale(search="{names: []}") == {**dict.fromkeys(used, 1), "recommenders": 1}
    # and the untrained one
    assert stale(seeds="[0, 1]") == {**dict.fromkeys(used, 2), "recommenders": 1}


@pytest.mark.slow
def test_another_search_that_chooses_the_same_recipe_retrains_nothing(searched):
    before = chosen(searched)
    trained = [searched.folder / CELL / "seed0" / f for f in ("config.json", "ranking.parquet")]
    written = [file.stat().st_mtime_ns for file in trained]
    kept = [x for x in L2 if x == before or x == min(set(L2) - {before})]
    run = searched.run("recommenders", *searching(l2=kept))
    assert run.returncode == 0, run.stdout
    assert chosen(searched) == before
    assert [file.stat().st_mtime_ns for file in trained] == written
    assert searched.stale("recommenders", *searching(l2=kept)) == {}


@pytest.mark.slow
def test_another_choice_is_trained_with_in_the_same_run(searched):
    before = chosen(searched)
    left = [x for x in L2 if x != before]
    run = searched.run("recommenders", *searching(l2=left))
    assert run.returncode == 0, run.stdout
    assert chosen(searched) in left
    assert searched.stale("recommenders", *searching(l2=left)) == {}


@pytest.mark.slow
def test_a_job_on_a_cluster_finds_its_trial_and_the_chosen_recipe(searched):
    """Snakemake runs itself there, for one job, whose wildcards stand in a list with commas."""
    before = chosen(searched)
    trial = f"try_recipe:dataset=demo,recommender=gru4rec,trial=l2={before}"
    for job in (trial, "train_recommender:dataset=demo,recommender=gru4rec,seed=0"):
        there = ("--mode", "remote", "--force", "--target-jobs", job, "--allowed-rules")
        run = searched.run(*there, job.partition(":")[0], *searching())
        assert run.returncode == 0, run.stdout
        assert "1 of 1 steps" in run.stdout
    assert chosen(searched) == before
