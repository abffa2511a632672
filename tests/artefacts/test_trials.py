"""Searched recipes, where a run searched any."""

import pytest
from conftest import frame

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import read_json


@pytest.fixture(scope="module")
def searches(artefacts):
    """Tables of trials; a run that searches nothing has none."""
    found = [path for path in artefacts.all() if path.match("search/trials.parquet")]
    if not found:
        pytest.skip("no recipe was searched")
    return found


def test_one_trial_is_chosen_and_none_is_better(searches):
    for path in searches:
        trials = frame(path, schemas.TRIALS)
        figures = trials[f"validation {tables.metadata(path)['chosen_by']}"]
        assert trials["chosen"].to_list() == [True] + [False] * (len(trials) - 1), path
        assert figures[0] == figures.max(), path
        assert figures.is_sorted(descending=True), path
        # one that diverged has none
        assert trials["best_epoch"].is_between(trials["epochs"].clip(0, 1), trials["epochs"]).all()


def test_no_recipe_was_tried_twice(searches):
    for path in searches:
        trials, keys = frame(path, schemas.TRIALS), tables.metadata(path)["keys"]
        assert trials["trial"].is_unique().all(), path
        tried = {repr([trial[key] for key in keys]) for trial in trials.iter_rows(named=True)}
        assert len(tried) == len(trials), path


def test_the_chosen_recipe_is_the_one_trained_with(searches, artefacts):
    for path in searches:
        recipe = read_json(path.with_name("recipe.json"))
        best = frame(path, schemas.TRIALS).row(0, named=True)
        assert all(recipe[key] == best[key] for key in tables.metadata(path)["keys"]), path
        name = tables.metadata(path)["recommender"]
        for config in artefacts.all():
            if config.match(f"recommenders/{name}/seed*/config.json"):
                assert read_json(config)["settings"]["recipe"] == recipe, config
