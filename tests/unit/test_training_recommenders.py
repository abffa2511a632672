"""Training: what can be learned is, what cannot is not; seeds and resumption decide every bit."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from sequence_examples import (
    RECOMMENDERS,
    cycle,
    study,
    training_settings,
    walks,
    wanderings,
    write_tables,
)
from torch import Tensor

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import Progress, read_json, read_tensors
from recinterpreter.errors import UserError
from recinterpreter.recommenders.models import build, load
from recinterpreter.recommenders.sequence import (
    SequenceBatch,
    SequentialRecommender,
    last,
    without_padding,
)
from recinterpreter.recommenders.training import CHOICE, Report, train
from recinterpreter.settings.recommenders import RecommenderTraining
from recinterpreter.stages.train_recommender import train_recommender

CPU = torch.device("cpu")
N_ITEMS, HISTORY = 40, 6
FOLLOW = cycle(N_ITEMS, seed=0)
every_recommender = pytest.mark.parametrize("recommender", RECOMMENDERS)


def run(
    sequences: list[list[int]],
    settings: RecommenderTraining,
    folder: Path | None = None,
    stop_after: int | None = None,
) -> tuple[dict[str, Tensor], list[Report]]:
    """Train on these sequences; stop dead after so many steps."""
    training, validate = study(sequences, HISTORY)
    model = build(settings, N_ITEMS, HISTORY, CPU)
    reports = []
    for report in train(model, training, validate, settings, Progress(folder)):
        reports.append(report)
        if not report.metrics and report.step == stop_after:
            break
    return {name: t.clone() for name, t in model.state_dict().items()}, reports


def epochs_of(reports: list[Report]) -> list[tuple[object, ...]]:
    """What must not differ between two trainings: all but the seconds."""
    return [(r.step, r.epoch, r.loss, r.metrics, r.best_epoch) for r in reports if r.metrics]


CHAIN = walks(FOLLOW, users=60, length=20, seed=1)


@every_recommender
def test_a_predictable_chain_is_learned(recommender: str) -> None:
    settings = training_settings(recommender, embedding_size=32, epochs=25)
    _, reports = run(CHAIN, settings)
    best = max(r.metrics["ndcg@10"] for r in reports if r.metrics)
    assert 0.95 < best <= 1
    if recommender != "dreamrec":  # whose loss is not one of naming the item alone
        assert reports[-1].loss < 0.3


class Chain:
    """Knows the chain: nothing can foresee more than it does."""

    n_items = N_ITEMS

    def scores(self, batch: SequenceBatch) -> Tensor:
        ids = last(batch.item_ids[..., None], batch.lengths)[:, 0]
        following = torch.from_numpy(FOLLOW)[ids]
        found = torch.nn.functional.one_hot(following, N_ITEMS + 1).float()
        return without_padding(found)


@every_recommender
def test_a_chain_that_strays_is_learned_as_far_as_it_can_be(recommender: str) -> None:
    sequences = wanderings(FOLLOW, users=100, length=20, stray=0.3, seed=3)
    _, validate = study(sequences, HISTORY)
    best = validate(Chain())["hr@1"]
    assert best == pytest.approx(0.7, abs=0.05)
    _, reports = run(sequences, training_settings(recommender, embedding_size=32, epochs=8))
    found = [r for r in reports if r.metrics][-1].metrics["hr@1"]
    assert best - 0.05 < found < best + 0.02


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
@pytest.mark.parametrize("stop_after", [1, 9, 17])  # in epochs 1, 2 and 3, of 6 steps
def test_a_killed_training_resumes_to_the_same_bits(
    recommender: str, stop_after: int, tmp_path: Path
) -> None:
    settings = training_settings(recommender, dropout=0.3, epochs=4, l2=1e-4)
    whole, reports = run(CHAIN, settings)
    run(CHAIN, settings, tmp_path, stop_after)
    torch.rand(7)  # whatever else the process drew must not matter
    resumed, again = run(CHAIN, settings, tmp_path)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert epochs_of(again) == epochs_of(reports)


def test_a_finished_training_is_not_trained_on(tmp_path: Path) -> None:
    settings = training_settings("gru4rec", epochs=2)
    first, _ = run(CHAIN, settings, tmp_path)
    second, reports = run(CHAIN, settings, tmp_path)
    assert all(report.metrics for report in reports)
    assert all(torch.equal(first[name], second[name]) for name in first)


@every_recommender
def test_the_best_epoch_is_kept_and_patience_ends_the_rest(recommender: str) -> None:
    settings = training_settings(recommender, epochs=50, patience=3)
    training, _ = study(CHAIN, HISTORY)
    model = build(settings, N_ITEMS, HISTORY, CPU)
    curve = iter([0.1, 0.3, 0.2, 0.3, 0.1, 0.9])
    seen = []

    def validate(model: SequentialRecommender) -> Mapping[str, float]:
        assert not model.training
        seen.append(model.item_table.weight.detach().clone())
        # the figures it is not chosen by rise all the time
        rising = dict.fromkeys(("ndcg@10", "hr@10", "hr@20"), 0.1 * len(seen))
        return {**rising, CHOICE[settings.recommender]: next(curve)}

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


@every_recommender
def test_a_loss_that_is_no_number_names_its_step(recommender: str) -> None:
    settings = training_settings(recommender)
    training, validate = study(CHAIN, HISTORY)
    model = build(settings, N_ITEMS, HISTORY, CPU)
    with torch.no_grad():
        model.item_table.weight[3] = torch.nan
    message = rf"the loss is nan at step 1 \(epoch 1\).*{recommender}.learning_rate, it is 0.01"
    with pytest.raises(UserError, match=message):
        list(train(model, training, validate, settings, Progress(None)))


@every_recommender
def test_a_loss_that_is_no_number_costs_none_of_the_epochs_before(
    recommender: str, tmp_path: Path
) -> None:
    settings = training_settings(recommender, epochs=4)
    whole, reports = run(CHAIN, settings)
    training, validate = study(CHAIN, HISTORY)
    model = build(settings, N_ITEMS, HISTORY, CPU)

    def poisoned() -> None:
        for report in train(model, training, validate, settings, Progress(tmp_path)):
            if report.metrics and report.epoch == 2:
                with torch.no_grad():
                    model.item_table.weight.fill_(torch.nan)

    with pytest.raises(UserError, match=r"the loss is nan at step 13 \(epoch 3\)"):  # 6 an epoch
        poisoned()
    kept = Progress(tmp_path).load()
    assert kept is not None
    notes, tensors = kept
    assert len(notes["reports"]) == 2
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    resumed, again = run(CHAIN, settings, tmp_path)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert epochs_of(again) == epochs_of(reports)


@every_recommender
def test_a_last_step_that_broke_the_weights_is_told_of_and_not_kept(
    recommender: str, tmp_path: Path
) -> None:
    settings = training_settings(recommender)
    training, validate = study(CHAIN, HISTORY)
    model = build(settings, N_ITEMS, HISTORY, CPU)

    def poisoned() -> None:
        for report in train(model, training, validate, settings, Progress(tmp_path)):
            if not report.metrics and report.step == report.epoch_steps:
                with torch.no_grad():
                    model.item_table.weight[3] = torch.nan

    with pytest.raises(UserError, match=r"no number at step 6 \(epoch 1\).*learning_rate"):
        poisoned()
    assert Progress(tmp_path).load() is None


@pytest.mark.parametrize("recommender", ["caser", "sasrec", "dreamrec"])
def test_weights_too_large_to_score_with_are_told_of(recommender: str) -> None:
    settings = training_settings(recommender, learning_rate=1e25, batch_size=4096)
    with pytest.raises(UserError, match=r"no number at step 1 \(epoch 1\).* it is 1e\+25"):
        run(CHAIN, settings)


def test_steps_too_large_are_told_of() -> None:
    with pytest.raises(UserError, match=r"the loss is nan at step .* it is 1e\+25"):
        run(CHAIN, training_settings("sasrec", learning_rate=1e25))


def stage(folder: Path, recommender: str, work: Path | None = None) -> tuple[Path, Path, Path]:
    paths = folder / "config.json", folder / "model.safetensors", folder / "steps.parquet"
    train_recommender(
        settings=training_settings(recommender, epochs=6, seed=5),
        examples=folder / "examples.parquet",
        item_table=[],
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
    rows = tables.read(steps, schemas.STEPS).to_pylist()
    figures = {f"validation {name}" for name in ("ndcg@10", "hr@10", "hr@20")}
    assert {row["metric"] for row in rows} == {"loss", *figures}
    assert [r["epoch"] for r in rows if r["metric"] == "loss"] == [1, 2, 3, 4, 5, 6]
    choice = CHOICE[facts["settings"]["recommender"]]
    best = [r["value"] for r in rows if r["metric"] == f"validation {choice}"]
    assert facts["validation"][choice] == max(best)
    assert best.index(max(best)) + 1 == facts["best_epoch"]
    assert not (tmp_path / "work").exists()
    first = config.read_bytes(), weights.read_bytes()
    assert first == tuple(path.read_bytes() for path in stage(tmp_path, recommender)[:2])


@pytest.mark.parametrize("recommender", ["gru4rec", "dreamrec"])
def test_the_stage_never_looks_at_test_targets(recommender: str, tmp_path: Path) -> None:
    written = []
    for name, ending in (("a", [1, 2, 3, 4, 5, 6]), ("b", [9, 8, 7, 6, 5, 4])):
        folder = tmp_path / name
        write_tables(folder, [*CHAIN[:54], *[ending] * 6], HISTORY, N_ITEMS)
        config, weights, _ = stage(folder, recommender)
        written.append((config.read_bytes(), weights.read_bytes()))
    assert written[0] == written[1]


@pytest.mark.parametrize("averaging", [0.0, 0.3, 0.9])
def test_what_is_validated_is_a_running_average_of_the_weights(averaging: float) -> None:
    settings = training_settings("sasrec", averaging=averaging, epochs=2)
    training, _ = study(CHAIN, HISTORY)
    model = build(settings, N_ITEMS, HISTORY, CPU)
    wanted, shown = torch.empty(0), []

    def validate(averaged: SequentialRecommender) -> Mapping[str, float]:
        shown.append(averaged.item_table.weight.detach().clone())
        return {"ndcg@10": 0.0, "hr@10": 0.0, "hr@20": 0.0}

    for report in train(model, training, validate, settings, Progress(None)):
        weights = model.item_table.weight.detach()
        if report.metrics:
            torch.testing.assert_close(shown[-1], wanted)
        elif report.step == 1:
            wanted = weights.clone()
        else:
            seen = report.step - 1  # by the average so far
            kept = min(averaging, (1 + seen) / (10 + seen))
            wanted = kept * wanted + (1 - kept) * weights
    assert len(shown) == 2
