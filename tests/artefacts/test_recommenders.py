"""Rankings and states."""

import numpy as np
import polars as pl
from conftest import frame

from recinterpreter import tables
from recinterpreter.checkpoint import read_json
from recinterpreter.command import content_digest

MOST_ROWS = 2_000


def test_rankings_rank_every_target_outside_training(artefacts, items, examples):
    wanted = examples.filter(pl.col("split") != "train")["example_id"].sort()
    for path in artefacts.paths("ranking.parquet"):
        ranking = frame(path, tables.RANKING)
        assert ranking["example_id"].sort().equals(wanted), path
        assert ranking["rank"].is_between(1, len(items)).all(), path


def test_rankings_know_whose_they_are(artefacts):
    for path in artefacts.paths("ranking.parquet"):
        noted = tables.metadata(path)
        folder = path.parent if noted["seed"] is None else path.parent.parent
        assert folder.name == noted["recommender"]
        assert noted["seed"] is None or path.parent.name == f"seed{noted['seed']}"


def test_states_cover_every_example_with_finite_numbers(artefacts, examples):
    lengths = examples.sort("example_id")["history"].list.len().to_numpy()
    for path in recorded_states(artefacts):
        shape, seen = tables.metadata(path)["shape"], 0
        for rows in tables.read_batches(path, MOST_ROWS):
            ids = rows["example_id"].to_numpy()
            assert (ids == np.arange(seen + 1, seen + 1 + len(ids))).all(), path
            masks = {
                which: tables.matrix(rows[f"{which}_mask"], shape[0])[:, :, 0].sum(1)
                for which in ("before", "after")
            }
            here = np.minimum(lengths[seen : seen + len(ids)], shape[0])
            assert (masks["after"] == here).all(), path
            assert (masks["before"] == here - 1).all(), path
            for which in ("before", "after"):
                assert np.isfinite(tables.matrix(rows[which], shape[0])).all(), path
            seen += len(ids)
        assert seen == len(examples), path


def test_states_are_of_the_checkpoint_beside_them(artefacts):
    for path in recorded_states(artefacts):
        noted = tables.metadata(path)
        trained = path.parents[2] / "recommenders" / noted["recommender"] / f"seed{noted['seed']}"
        assert noted["checkpoint"] == content_digest(trained / "model.safetensors")
        assert read_json(trained / "config.json")


def test_controls_show_other_states_for_the_same_examples(artefacts):
    for path in artefacts.paths("states/*/seed*.recorded.parquet"):
        recorded = tables.read_batches(path, MOST_ROWS)
        shown = next(recorded)
        for control in path.parent.glob(path.name.replace("recorded", "*")):
            if control == path or control not in artefacts.paths("states/*/*.parquet"):
                continue
            other = next(tables.read_batches(control, MOST_ROWS))
            assert other["example_id"].equals(shown["example_id"]), control
            assert not other["after"].equals(shown["after"]), control


def recorded_states(artefacts):
    """States of all examples: seed0.parquet, not seed0.<source>.parquet."""
    return [path for path in artefacts.paths("states/*/seed*.parquet") if path.stem.isalnum()]
