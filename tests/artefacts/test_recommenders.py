"""Trainings, rankings and states."""

import numpy as np
import polars as pl
import torch
from conftest import frame

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import read_json, read_tensors
from recinterpreter.contents import content_digest
from recinterpreter.recommenders.models import load, trained_settings
from recinterpreter.recommenders.states import encode_examples
from recinterpreter.recommenders.training import CHOICE
from recinterpreter.recommenders.windows import from_rows

MOST_ROWS = 2_000


def test_the_epoch_kept_is_the_best_of_validation(artefacts):
    for path in trained(artefacts, "config.json"):
        facts, settings = read_json(path), trained_settings(path)
        if settings.untrained:
            assert (facts["epochs"], facts["best_epoch"]) == (0, 0), path
            continue
        steps = frame(path.with_name("steps.parquet"), schemas.STEPS)
        choice = CHOICE[settings.recommender]
        figures = steps.filter(metric=f"validation {choice}").sort("epoch")
        assert figures["epoch"].to_list() == list(range(1, facts["epochs"] + 1)), path
        assert figures["value"].arg_max() + 1 == facts["best_epoch"], path
        assert figures["value"].max() == facts["validation"][choice], path
        assert facts["epochs"] <= settings.recipe.epochs, path
        assert facts["epochs"] - facts["best_epoch"] <= settings.recipe.patience, path
        assert steps["value"].is_finite().all(), path


def test_weights_are_numbers_and_padding_is_none(artefacts):
    for path in trained(artefacts, "model.safetensors"):
        weights = read_tensors(path)
        assert all(tensor.isfinite().all() for tensor in weights.values()), path
        assert not weights["item_table.weight"][0].any(), path


def test_items_of_a_recommender_are_not_one_point(artefacts):
    for path in trained(artefacts, "model.safetensors"):
        items = read_tensors(path)["item_table.weight"][1:].double()
        mean = torch.nn.functional.normalize(items, dim=1).mean(0)
        # of the cosines of all pairs, an item with itself among them
        assert mean.square().sum() < 0.9, path


def test_rankings_rank_every_target_outside_training(artefacts, items, examples):
    wanted = examples.filter(pl.col("split") != "train")["example_id"].sort()
    for path in artefacts.paths("ranking.parquet"):
        ranking = frame(path, schemas.RANKING)
        assert ranking["example_id"].sort().equals(wanted), path
        assert ranking["rank"].is_between(1, len(items)).all(), path


def test_rankings_know_whose_they_are(artefacts):
    for path in artefacts.paths("ranking.parquet"):
        noted = tables.metadata(path)
        folder = path.parent if noted["seed"] is None else path.parent.parent
        assert folder.name == noted["recommender"]
        assert noted["seed"] is None or path.parent.name == f"seed{noted['seed']}"


def test_states_cover_every_example_with_finite_numbers(artefacts, examples):
    lengths = examples.sort("example_id")["history"].list.len().to_numpy().astype(np.int64)
    for path in recorded_states(artefacts):
        positions, seen = tables.metadata(path)["shape"][0], 0
        for rows in tables.read_batches(path, MOST_ROWS):
            ids = rows["example_id"].to_numpy()
            assert (ids == np.arange(seen + 1, seen + 1 + len(ids))).all(), path
            here = lengths[seen : seen + len(ids)]
            for which, items in (("before", here - 1), ("after", here)):
                states = tables.matrix(rows[which], positions)
                mask = tables.matrix(rows[f"{which}_mask"], positions)[:, :, 0]
                # one state for each item, or one for all of them (Caser)
                assert (mask.sum(1) == np.minimum(items, positions)).all(), path
                assert (mask[:, :-1] >= mask[:, 1:]).all(), path
                assert np.isfinite(states).all(), path
                assert not states[~mask].any(), path
                assert states[mask].any(1).all(), path
            seen += len(ids)
        assert seen == len(examples), path


def test_states_are_what_the_checkpoint_makes_of_the_histories(artefacts):
    examples = artefacts.path("examples.parquet")
    opening = next(tables.read_batches(examples, 50))
    windows = from_rows(opening, tables.metadata(examples)["history"])
    for path in recorded_states(artefacts):
        trained = checkpoint_of(path)
        model = load(trained / "config.json", trained / "model.safetensors", torch.device("cpu"))
        assert tables.metadata(path)["shape"] == list(model.state_shape), path
        rows = next(tables.read_batches(path, len(windows)))
        for name, wanted in encode_examples(model, windows, 7, np.dtype(np.float32)).items():
            kept = rows[name]
            found = (
                kept.to_numpy()
                if name == "example_id"
                else tables.matrix(kept, model.state_shape[0]).reshape(wanted.shape)
            )
            # room for half precision, and for a GPU that multiplies in less than single
            np.testing.assert_allclose(found, wanted, rtol=1e-2, atol=1e-2, err_msg=str(path))


def test_states_are_of_the_checkpoint_beside_them(artefacts):
    for path in recorded_states(artefacts):
        noted = tables.metadata(path)
        trained = checkpoint_of(path)
        assert noted["checkpoint"] == content_digest(trained / "model.safetensors")
        assert read_json(trained / "config.json")


def test_controls_show_other_states_for_the_same_examples(artefacts):
    for path in artefacts.paths("states/*/seed*.recorded.parquet"):
        recorded = tables.read_batches(path, MOST_ROWS)
        shown = next(recorded)
        for control in path.parent.glob(path.name.replace("recorded", "*")):
            if (
                control == path
                or ".edit_" in control.name
                or control not in artefacts.paths("states/*/*.parquet")
            ):
                continue
            other = next(tables.read_batches(control, MOST_ROWS))
            assert other["example_id"].equals(shown["example_id"]), control
            assert not other["after"].equals(shown["after"]), control


def trained(artefacts, name):
    """A file of every training; a run of outside recommenders alone has none."""
    return [path for path in artefacts.all() if path.match(f"recommenders/*/seed*/{name}")]


def recorded_states(artefacts):
    """States of all examples: seed0.parquet, not seed0.<source>.parquet; none of outside ones."""
    states = [path for path in artefacts.paths("states/*/seed*.parquet") if path.stem.isalnum()]
    folders = {path.parent for path in trained(artefacts, "config.json")}
    return [path for path in states if checkpoint_of(path) in folders]


def checkpoint_of(states):
    """The folder of the training whose states these are."""
    noted = tables.metadata(states)
    return states.parents[2] / "recommenders" / noted["recommender"] / f"seed{noted['seed']}"
