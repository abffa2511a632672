"""What outside recommenders brought, where a run has any."""

import numpy as np
import polars as pl
import pytest
from conftest import frame
from safetensors.numpy import load_file

from recinterpreter import schemas, tables


@pytest.fixture(scope="module")
def names(artefacts):
    """Names of outside recommenders: those with states and without a training."""
    trained = {path.parts[-3] for path in artefacts.all() if path.name == "config.json"}
    found = sorted({path.parts[-2] for path in artefacts.paths("states/*/seed*.parquet")} - trained)
    if not found:
        pytest.skip("no recommender came from outside")
    return found


def files(artefacts, names, pattern):
    """Files of outside recommenders; a pattern with one star for their name."""
    paths = [path for name in names for path in artefacts.all() if path.match(pattern % name)]
    return [path for path in paths if "." not in path.stem]


def test_states_are_of_every_example_and_follow_one_another(names, artefacts, examples):
    for path in files(artefacts, names, "states/%s/seed*.parquet"):
        noted, seen = tables.metadata(path), 0
        assert noted["recommender"] == path.parent.name
        for rows in tables.read_batches(path, 2000):
            here = examples[seen : seen + len(rows)]
            seen += len(rows)
            assert (rows["example_id"].to_numpy() == here["example_id"].to_numpy()).all(), path
            both = [tables.matrix(rows[side], noted["shape"][0]) for side in ("before", "after")]
            marks = ("before_mask", "after_mask")
            masks = [tables.matrix(rows[side], noted["shape"][0])[..., 0] for side in marks]
            for states, mask in zip(both, masks, strict=True):
                assert np.isfinite(states).all(), path
                assert not states[~mask].any(), path
                assert (mask[:, :-1] >= mask[:, 1:]).all(), path
            if noted["shape"][0] == 1:  # of several positions the oldest leaves
                users, positions = here["user_id"].to_numpy(), here["position"].to_numpy()
                next_of = (users[1:] == users[:-1]) & (positions[1:] == positions[:-1] + 1)
                assert np.array_equal(both[0][1:][next_of], both[1][:-1][next_of]), path
        assert seen == len(examples), path


def test_nothing_is_recommended_that_a_user_has_met(names, artefacts, interactions, examples):
    met = interactions.select("user_id", items="item_id", met="position")
    for path in files(artefacts, names, "recommenders/%s/seed*/recommended.parquet"):
        lists = frame(path, schemas.RECOMMENDED)
        assert lists["example_id"].equals(examples["example_id"]), path
        assert lists["items"].list.len().max() <= 10, path
        asked = lists.join(examples.select("example_id", "position"), on="example_id")
        again = asked.explode("items").join(met, on=["user_id", "items"])
        assert not again.filter(pl.col("met") < pl.col("position")).height, path


def test_every_item_has_a_vector(names, artefacts, items):
    for path in artefacts.all():
        if path.name == "item_table.safetensors":
            table = load_file(path)["item_table.weight"]
            assert len(table) == len(items) + 1, path
            assert np.isfinite(table).all(), path
            assert not table[0].any(), path
