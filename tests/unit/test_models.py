"""Recommenders as files, and what no recommender takes: each with its message."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from recommender_models import (
    CPU,
    N_ITEMS,
    POSITIONS,
    batch_of,
    every_recommender,
    make,
    scores,
    states,
)
from sequence_examples import RECOMMENDERS, training_settings

from recinterpreter.checkpoint import write_json, write_tensors
from recinterpreter.errors import UserError
from recinterpreter.recommenders.models import build, load
from recinterpreter.recommenders.sequence import SequenceBatch, SequentialRecommender


def save(folder: Path, recommender: str, model: SequentialRecommender) -> tuple[Path, Path]:
    settings = training_settings(recommender).model_dump(mode="json")
    facts = {"settings": settings, "n_items": N_ITEMS, "history": POSITIONS}
    write_json(folder / "config.json", facts)
    write_tensors(folder / "model.safetensors", model.state_dict())
    return folder / "config.json", folder / "model.safetensors"


@every_recommender
def test_a_saved_model_scores_the_same(recommender: str, tmp_path: Path) -> None:
    model = make(recommender)
    batch = batch_of([[1, 2, 3], [5]])
    loaded = load(*save(tmp_path, recommender, model), CPU)
    assert not loaded.training
    assert torch.equal(scores(loaded, batch), scores(model, batch))
    assert torch.equal(states(loaded, batch), states(model, batch))


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("recommender", RECOMMENDERS)
@pytest.mark.parametrize("other", RECOMMENDERS)
def test_weights_of_another_model_are_refused(recommender: str, other: str, tmp_path: Path) -> None:
    config, weights = save(tmp_path, recommender, make(recommender))
    write_tensors(weights, make(other).state_dict())
    if other == recommender:
        load(config, weights, CPU)
        return
    with pytest.raises(UserError, match=r"model.safetensors does not hold .*(missing|unknown): "):
        load(config, weights, CPU)


@every_recommender
def test_weights_of_another_shape_are_refused(recommender: str, tmp_path: Path) -> None:
    config, weights = save(tmp_path, recommender, make(recommender))
    write_tensors(weights, make(recommender, embedding_size=8).state_dict())
    with pytest.raises(UserError, match=r"item_table.weight \(31, 8\) instead of \(31, 16\)"):
        load(config, weights, CPU)
    more = build(training_settings(recommender), N_ITEMS + 1, POSITIONS, CPU)
    write_tensors(weights, more.state_dict())
    with pytest.raises(UserError, match=r"item_table.weight \(32, 16\) instead of \(31, 16\)"):
        load(config, weights, CPU)


@pytest.mark.parametrize("recommender", ["caser", "sasrec", "dreamrec"])
def test_weights_of_another_history_are_refused(recommender: str, tmp_path: Path) -> None:
    config, weights = save(tmp_path, recommender, make(recommender))
    write_tensors(weights, make(recommender, positions=9).state_dict())
    with pytest.raises(UserError, match=r"of shape: (vertical|position_table.weight) \(9"):
        load(config, weights, CPU)


def test_a_config_that_lacks_a_fact_is_refused(tmp_path: Path) -> None:
    config, weights = save(tmp_path, "sasrec", make("sasrec"))
    write_json(config, {"n_items": N_ITEMS, "settings": {}})
    with pytest.raises(UserError, match="history is None"):
        load(config, weights, CPU)
    write_json(config, {"n_items": N_ITEMS, "history": 6, "settings": {"recommender": "sasrec"}})
    with pytest.raises(UserError, match="cannot be used"):
        load(config, weights, CPU)


@every_recommender
def test_a_history_longer_than_the_model_is_refused(recommender: str) -> None:
    model, batch = make(recommender), batch_of([[1, 2, 3]], positions=POSITIONS + 1)
    for call in (lambda: states(model, batch), lambda: model.scores(batch)):
        with pytest.raises(UserError, match=r"histories of 7 items; this model reads 6: shorten"):
            call()


@every_recommender
@pytest.mark.parametrize("unknown", [N_ITEMS + 1, -1, 2**40])
def test_an_unknown_item_is_refused(recommender: str, unknown: int) -> None:
    model, batch = make(recommender), batch_of([[1, 2], [3, unknown]])
    for call in (lambda: states(model, batch), lambda: model.scores(batch)):
        with pytest.raises(UserError, match=rf"ids from .*{unknown}.*; this model knows 1 to 30"):
            call()


@every_recommender
def test_a_history_of_padding_alone_is_refused(recommender: str) -> None:
    model, batch = make(recommender), batch_of([[1, 2], [3]])
    empty = replace(batch, lengths=torch.tensor([2, 0]))
    for call in (model.scores, model.loss):
        with pytest.raises(UserError, match="padding only; wanted at least one item in each"):
            call(empty)


def test_a_batch_of_unequal_shapes_is_refused() -> None:
    items = torch.zeros(2, 3, dtype=torch.long)
    with pytest.raises(ValueError, match="wanted both"):
        SequenceBatch(items, torch.ones(2), torch.zeros(2, 4), torch.ones(2))
    with pytest.raises(ValueError, match=r"wanted both \(2,\)"):
        SequenceBatch(items, torch.ones(3), items, torch.ones(2))
