"""Training: what can be learned is, what cannot is not; seeds and resumption decide every bit."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from sequence_examples import (
    RECOMMENDERS,
    training_settings,
    walks,
    windows_of,
    write_tables,
)
from torch import Tensor

from recinterpreter import tables
from recinterpreter.checkpoint import Progress, read_json, read_tensors
from recinterpreter.errors import UserError
from recinterpreter.recommenders.models import build, load
from recinterpreter.recommenders.ranking import Sequences, ndcg, ranks
from recinterpreter.recommenders.sequence import SequentialRecommender
from recinterpreter.recommenders.training import Report, train
from recinterpreter.recommenders.windows import Windows
from recinterpreter.settings import RecommenderTraining
from recinterpreter.stages.train_recommender import train_recommender

CPU = torch.device("cpu")
N_ITEMS, HISTORY = 40, 6
every_recommender = pytest.mark.parametrize("recommender", RECOMMENDERS)


def cycle(seed: int) -> np.ndarray:
    """One cycle through all items, in random order: follow[item] is the next item."""
    order = np.random.default_rng(seed).permutation(N_ITEMS) + 1
    follow = np.zeros(N_ITEMS + 1, np.int64)
    follow[order] = np.roll(order, -1)
    return follow


def data(sequences: list[list[int]]) -> tuple[Windows, Windows, Sequences]:
    """Train on the first 80 % of the users, validate on the others."""
    windows = windows_of(sequences, HISTORY)
    known = windows.user_ids <= 0.8 * len(sequences)
    return windows.take(known), windows.take(~known), Sequences.of_examples(windows)


def run(
    sequences: list[list[int]],
    settings: RecommenderTraining,
    folder: Path | None = None,
    stop_after: int | None = None,
) -> tuple[dict[str, Tensor], list[Report]]:
    """Train on these sequences; stop dead after so many steps."""
    training, validation, known = data(sequences)

    def validate(model: SequentialRecommender) -> Mapping[str, float]:
        return {"ndcg@10": ndcg(ranks(model, validation, known, CPU), 10)}

    model = build(settings, N_ITEMS, HISTORY, CPU)
    reports = []
    for report in train(model, training, validate, settings, Progress(folder)):
        reports.append(report)
        if not report.metrics and report.step == stop_after:
            break
    return {name: t.clone() for name, t in model.state_dict().items()}, reports


CHAIN = walks(cycle(0), users=60, length=20, seed=1)


@every_recommender
def test_a_predictable_chain_is_learned(recommender: str) -> None:
    settings = training_settings(recommender, embedding_size=32, epochs=25)
    _, reports = run(CHAIN, settings)
    best = max(r.metrics["ndcg@10"] for r in reports if r.metrics)
    assert 0.95 < best <= 1
    assert reports[-1].loss < 0.3


@every_recommender
def test_a_random_chain_is_not(recommender: str) -> None:
    random = np.random.default_rng(2)
    sequences = [(random.permutation(N_ITEMS) + 1)[:20].tolist() for _ in range(60)]
    _, reports = run(sequences, training_settings(recommender, epochs=15))
    final = [r for r in reports if r.metrics][-1].metrics["ndcg@10"]
    # chance: the target stands anywhere among the items not seen, 40 less 1 to 19 of them
    chance = np.mean([sum(1 / np.log2(1 + np.arange(1, 11))) / (40 - k) for k in range(1, 20)])
    assert final == pytest.approx(chance, abs=0.06)


@every_recommender
def test_equal_seeds_train_equal_weights_and_others_not(recommender: str) -> None:
    one, same, other = (
        run(CHAIN, training_settings(recommender, dropout=0.3, seed=s, epochs=2))[0]
        for s in (1, 1, 2)
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["item_table.weight"], other["item_table.weight"])
    assert not one["item_table.weight"][0].any()


@every_recommender
@pytest.mark.parametrize("stop_after", [1, 9, 17])  # 8 steps an epoch
def test_a_killed_training_resumes_to_the_same_bits(
    recommender: str, stop_after: int, tmp_path: Path
) -> None:
    settings = training_settings(recommender, dropout=0.3, epochs=4, l2=1e-4)
    whole, reports = run(CHAIN, settings)
    run(CHAIN, settings, tmp_path, stop_after)
    torch.rand(7)  # whatever else the process drew must not matter
    resumed, again = run(CHAIN, settings, tmp_path)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    epochs, epochs_again = (
        [(r.step, r.epoch, r.loss, r.metrics, r.best_epoch) for r in rs if r.metrics]
        for rs in (reports, again)
    )
    assert epochs_again == epochs


def test_a_finished_training_is_not_trained_on(tmp_path: Path) -> None:
    settings = training_settings("gru4rec", epochs=2)
    first, _ = run(CHAIN, settings, tmp_path)
    second, reports = run(CHAIN, settings, tmp_path)
    assert all(report.metrics for report in reports)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_best_epoch_is_kept_and_patience_ends_the_rest() -> None:
    settings = training_settings("gru4rec", epochs=50, patience=3)
    training, _, _ = data(CHAIN)
    model = build(settings, N_ITEMS, HISTORY, CPU)
    curve = iter([0.1, 0.3, 0.2, 0.3, 0.1, 0.9])
    seen = []

    def validate(model: SequentialRecommender) -> Mapping[str, float]:
        assert not model.training
        seen.append(model.item_table.weight.detach().clone())
        return {"ndcg@10": next(curve)}

    reports = list(train(model, training, validate, settings, Progress(None)))
    assert reports[-1].epoch == 5  # epochs 3, 4, 5 were not above the second
    assert reports[-1].best_epoch == 2
    assert torch.equal(model.item_table.weight, seen[1])
    assert not model.training


def test_l2_draws_weights_to_zero() -> None:
    sizes = [
        run(CHAIN, training_settings("sasrec", l2=l2, epochs=6))[0]["item_table.weight"].norm()
        for l2 in (0.0, 1.0)
    ]
    assert sizes[1] < 0.7 * sizes[0]


def test_a_loss_that_is_no_number_names_its_step() -> None:
    settings = training_settings("sasrec")
    training, _, _ = data(CHAIN)
    model = build(settings, N_ITEMS, HISTORY, CPU)
    with torch.no_grad():
        model.item_table.weight[3] = torch.nan
    with pytest.raises(UserError, match=r"the loss is nan at step 1 .*learning_rate, it is 0.01"):
        list(train(model, training, lambda _: {"ndcg@10": 0.0}, settings, Progress(None)))


def stage(folder: Path, recommender: str, work: Path | None = None) -> tuple[Path, Path, Path]:
    paths = folder / "config.json", folder / "model.safetensors", folder / "steps.parquet"
    train_recommender(
        settings=training_settings(recommender, epochs=6, seed=5),
        examples=folder / "examples.parquet",
        config=paths[0],
        weights=paths[1],
        steps=paths[2],
        progress=Progress(work),
    )
    return paths


@every_recommender
def test_the_stage_writes_all_that_is_needed_to_rebuild_the_model(
    recommender: str, tmp_path: Path
) -> None:
    write_tables(tmp_path, CHAIN, HISTORY, N_ITEMS)
    config, weights, steps = stage(tmp_path, recommender, tmp_path / "work")
    facts = read_json(config)
    assert facts["n_items"] == N_ITEMS
    assert facts["history"] == HISTORY
    assert facts["settings"] == json.loads(
        training_settings(recommender, epochs=6, seed=5).as_json()
    )
    assert 1 <= facts["best_epoch"] <= facts["epochs"] == 6
    model = load(config, weights, CPU)
    assert set(read_tensors(weights)) == set(model.state_dict())
    rows = tables.read(steps, tables.STEPS).to_pylist()
    assert {row["metric"] for row in rows} == {"loss", "validation ndcg@10", "validation hr@10"}
    assert [r["epoch"] for r in rows if r["metric"] == "loss"] == [1, 2, 3, 4, 5, 6]
    best = [r["value"] for r in rows if r["metric"] == "validation ndcg@10"]
    assert facts["validation"]["ndcg@10"] == max(best)
    assert not (tmp_path / "work").exists()
    first = config.read_bytes(), weights.read_bytes()
    assert first == tuple(path.read_bytes() for path in stage(tmp_path, recommender)[:2])


def test_the_stage_never_looks_at_test_targets(tmp_path: Path) -> None:
    written = []
    for name, ending in (("a", [1, 2, 3, 4, 5, 6]), ("b", [9, 8, 7, 6, 5, 4])):
        folder = tmp_path / name
        write_tables(folder, [*CHAIN[:54], *[ending] * 6], HISTORY, N_ITEMS)
        config, weights, _ = stage(folder, "gru4rec")
        written.append((config.read_bytes(), weights.read_bytes()))
    assert written[0] == written[1]
