"""A recommender made elsewhere, interpreted end to end: README.md's example as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from conftest import ROOT, TINY, Workflow, copy_sources

from recinterpreter import schemas, tables

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("**A recommender of your own**")[2].partition("**Another LLM**")[0]
MADE_HERE = {"train_recommender", "encode_states", "encode_edits", "measure_consistency", "answer"}


def block(language: str) -> str:
    """The first block of code in the section, of a language."""
    found = re.search(f"```{language}\n(.*?)```", SECTION, re.DOTALL)
    assert found
    return found[1]


def dream(folder: Path, data: Path) -> None:
    """Write an oracle file: of every test example its own state as a vector, and a state of 1s."""
    states = pl.read_parquet(folder / "states.parquet")
    width = len(states["state"][0])
    ones = pl.Series("state", np.ones((len(states), width)))
    dreamt = states.select("user", "position", vector="state").with_columns(ones)
    dreamt.write_parquet(data / "oracle.parquet")


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The README's example on the tiny configuration, two tasks, with oracle items added."""
    folder = tmp_path_factory.mktemp("outside")
    copy_sources(folder)
    config = yaml.safe_load(block("yaml"))
    config["recommenders"]["outside"]["my-mf"]["oracle"] = "oracle.parquet"
    config["adapter"] = {"tasks": ["residual", "preference"]}
    (folder / "mine.yaml").write_text(yaml.safe_dump(config))
    (folder / "factorise.py").write_text(block("python"))
    before = Workflow(folder, TINY).run("data")
    assert before.returncode == 0, before.stdout
    subprocess.run(
        [sys.executable, "factorise.py", "results/demo", "my-mf"], cwd=folder, check=True
    )
    dream(folder / "my-mf", folder)
    workflow = Workflow(folder, TINY, Path("mine.yaml"))
    run = workflow.run()
    assert run.returncode == 0, run.stdout
    return workflow


@pytest.mark.slow
def test_its_row_stands_on_the_page(interpreted):
    page = (interpreted.folder / "results" / "report" / "index.html").read_text(encoding="utf-8")
    assert "Made elsewhere" in page
    assert page.count("<td>my-mf</td>") > 3
    assert "What my-mf dreams up" in page
    scores = pl.read_parquet(interpreted.folder / "results/demo/embedded/scores.parquet")
    own = scores.filter(pl.col("recommender") == "my-mf")
    assert {"residual", "preference", None} <= set(own["task"])
    assert {"reads the state", "efficiency accuracy", "hr@10", "agrees with nearest"} <= set(
        own["metric"]
    )


@pytest.mark.slow
def test_nothing_is_asked_of_the_recommender_itself(interpreted):
    logs = {path.name for path in (interpreted.folder / "results/logs/demo").iterdir()}
    assert not logs & (MADE_HERE | {"check_edits", "edit_histories"})
    assert {"import_states", "import_recommended", "answer_outside"} <= logs


@pytest.mark.slow
def test_its_states_are_those_it_gave(interpreted):
    path = interpreted.folder / "results/demo/states/my-mf/seed0.parquet"
    found = pl.from_arrow(tables.read(path, schemas.states_schema(*shape(path))))
    examples = pl.read_parquet(interpreted.folder / "results/demo/examples.parquet")
    users = pl.read_parquet(interpreted.folder / "results/demo/users.parquet")
    given = pl.read_parquet(interpreted.folder / "my-mf" / "states.parquet")
    asked = examples.join(users, on="user_id").select("example_id", "source_id", "position")
    wanted = asked.join(
        given, left_on=["source_id", "position"], right_on=["user", "position"]
    ).sort("example_id")
    assert len(wanted) == len(found)
    np.testing.assert_allclose(
        np.stack(found["after"].to_list()), np.stack(wanted["state"].to_list()), rtol=1e-6
    )


@pytest.mark.slow
def test_another_content_makes_its_results_stale_and_another_date_nothing(interpreted):
    states = interpreted.folder / "my-mf" / "states.parquet"
    states.touch()
    assert interpreted.stale() == {}
    whole = states.read_bytes()
    try:
        changed = pl.read_parquet(states).with_columns(pl.col("state") * 2)
        changed.write_parquet(states)
        stale = interpreted.stale()
    finally:
        states.write_bytes(whole)
    assert {"import_states", "train_adapter", "probe_states", "import_oracle_items"} <= set(stale)
    assert not {"import_recommended", "import_items", "rank_baseline"} & set(stale)


@pytest.mark.slow
def test_bad_states_are_told_and_once_mended_nothing_is_done_again(interpreted):
    states = interpreted.folder / "my-mf" / "states.parquet"
    whole = states.read_bytes()
    try:
        pl.read_parquet(states)[1:].write_parquet(states)
        run = interpreted.run("states")
    finally:
        states.write_bytes(whole)
    assert run.returncode != 0
    assert "no row for 1 of " in run.stdout
    assert "Traceback" not in run.stdout
    # a check of its own had found it bad, so what the good file had given still stood
    assert interpreted.stale() == {}


def shape(path: Path) -> tuple[int, int]:
    positions, width = tables.metadata(path)["shape"]
    return positions, width


def test_files_that_are_not_there_are_told_before_any_job(fresh):
    given = "recommenders={outside: {mine: {states: none.parquet, recommended: nor.parquet}}}"
    run = fresh.run("--dry-run", "--config", given)
    assert run.returncode != 0
    for key, file in (("states", "none.parquet"), ("recommended", "nor.parquet")):
        assert f"recommenders.outside.mine.{key}: {file}: no such file" in run.stdout
    assert not (fresh.folder / "results").exists()


def test_what_follows_from_a_file_is_left_out_where_there_is_none(fresh):
    (fresh.folder / "s.parquet").touch()
    alone = "recommenders={names: [], untrained: [], outside: {mine: {states: s.parquet}}}"
    stale = fresh.stale("--config", alone)
    assert {rule: stale[rule] for rule in ("import_states", "probe_states", "answer_outside")} == {
        "import_states": 1,
        "probe_states": 1,
        "answer_outside": 2,
    }
    left = {"import_items", "import_recommended", "import_oracle_items", "name_oracle_items"}
    assert not set(stale) & (left | MADE_HERE)


def test_outside_recommenders_stand_beside_those_trained_here_and_share_jobs(fresh):
    (fresh.folder / "x.parquet").touch()
    files = "{states: x.parquet, items: x.parquet, recommended: x.parquet, oracle: x.parquet}"
    given = f"recommenders={{names: [dreamrec], untrained: [], outside: {{mine: {files}}}}}"
    stale = fresh.stale("--config", given)
    both = {"train_adapter": 6, "probe_states": 2, "rank_titles": 2, "answer_oracle_items": 2}
    one = ("encode_states", "encode_edits", "measure_consistency", "import_states", "import_items")
    assert both.items() <= stale.items()
    assert [stale[rule] for rule in one] == [1] * len(one)
    shared = fresh.stale("--config", given, "answers={shards: 3}")
    assert (shared["answer_part"], shared["answer_outside_part"]) == (6, 6)
    assert (shared["gather_answers"], shared["gather_outside_answers"]) == (2, 2)
