"""DreamRec: where its gradients go, that items stay apart, and whose a dream is."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from scipy import stats
from sequence_examples import cycle, study, training_settings, walks, wanderings, write_tables
from torch import Tensor

from recinterpreter.checkpoint import Progress, read_tensors, write_tensors
from recinterpreter.recommenders.dreamrec import Denoiser, DreamRec, unit_variance
from recinterpreter.recommenders.models import build, load
from recinterpreter.recommenders.sequence import SequenceBatch, last
from recinterpreter.recommenders.training import train
from recinterpreter.settings.recommenders import DenoiserKind
from recinterpreter.stages.train_recommender import train_recommender

CPU = torch.device("cpu")
N_ITEMS, HISTORY, WIDTH = 40, 6, 32
CHAIN = walks(cycle(N_ITEMS, seed=0), users=60, length=20, seed=1)
every_denoiser = pytest.mark.parametrize("kind", get_args(DenoiserKind))


def make(**changes: object) -> DreamRec:
    """An untrained model whose every part matters."""
    settings = training_settings("dreamrec", **{"embedding_size": WIDTH, **changes})
    model = build(settings, N_ITEMS, HISTORY, CPU)
    assert isinstance(model, DreamRec)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
        model.item_table.weight[0] = 0
    return model.eval()


def sampled(model: DreamRec, **changes: object) -> DreamRec:
    """The same model, which samples in another way."""
    model.recipe = model.recipe.model_copy(update=changes)
    return model


def trained(sequences: list[list[int]], epochs: int, **changes: object) -> DreamRec:
    changes = {"embedding_size": WIDTH, "patience": epochs, "epochs": epochs, **changes}
    settings = training_settings("dreamrec", **changes)
    model = build(settings, N_ITEMS, HISTORY, CPU)
    assert isinstance(model, DreamRec)
    training, _ = study(sequences, HISTORY)
    epoch = iter(range(epochs))  # every epoch is better than those before: the last one is kept
    for _ in train(model, training, lambda _: {"hr@20": next(epoch)}, settings, Progress(None)):
        pass
    return model


@pytest.fixture(scope="module")
def learned() -> DreamRec:
    """Trained on a chain that strays in three of ten steps, by the paper's loss alone."""
    sequences = wanderings(cycle(N_ITEMS, seed=0), users=100, length=20, stray=0.3, seed=3)
    return trained(sequences, epochs=8, cross_entropy=0.0, diffusion_steps=200, denoiser="mlp2")


def batch(rows: list[list[int]], targets: list[int], ids: list[int] | None = None) -> SequenceBatch:
    """Histories with a target after their last item only."""
    items = torch.zeros(len(rows), HISTORY, dtype=torch.long)
    wanted = torch.zeros_like(items)
    for row, history in enumerate(rows):
        items[row, : len(history)] = torch.tensor(history)
        wanted[row, len(history) - 1] = targets[row]
    lengths = torch.tensor([len(row) for row in rows])
    return SequenceBatch(items, lengths, wanted, torch.tensor(ids or list(range(len(rows)))))


def cosines(vectors: Tensor) -> Tensor:
    """Those of all pairs of different rows."""
    unit = torch.nn.functional.normalize(vectors.detach(), dim=1)
    return (unit @ unit.T)[~torch.eye(len(unit), dtype=torch.bool)]


# --- the denoiser -------------------------------------------------------------------------------


@every_denoiser
@pytest.mark.parametrize("guidance", [0.0, 2.0, 4.0])
@pytest.mark.parametrize("width", [2, 7, 16])
def test_guidance_in_one_pass_is_that_of_two(
    kind: DenoiserKind, guidance: float, width: int
) -> None:
    torch.manual_seed(0)
    denoiser = Denoiser(width, kind)
    noisy, condition, null = torch.randn(5, width), torch.randn(5, width), torch.randn(width)
    guided = denoiser.guided(condition, null, guidance)
    for step in (1, 17, 200):
        steps = torch.full((5,), step)
        with_condition = denoiser(noisy, condition, steps)
        without = denoiser(noisy, null.expand(5, -1), steps)
        wanted = (1 + guidance) * with_condition - guidance * without
        torch.testing.assert_close(
            guided(noisy, torch.tensor([step])), wanted, rtol=1e-4, atol=1e-5
        )


@every_denoiser
def test_the_denoiser_hears_its_input_its_condition_and_its_step(kind: DenoiserKind) -> None:
    torch.manual_seed(0)
    denoiser = Denoiser(8, kind)
    noisy, condition, step = torch.randn(1, 8), torch.randn(1, 8), torch.tensor([5])
    found = denoiser(noisy, condition, step)
    for other in (
        denoiser(noisy + 1, condition, step),
        denoiser(noisy, condition + 1, step),
        denoiser(noisy, condition, step + 1),
    ):
        assert (found - other).abs().max() > 1e-4


def test_a_row_is_denoised_by_itself() -> None:
    model = make(denoiser="mlp2")
    noisy, condition = torch.randn(6, WIDTH), torch.randn(6, WIDTH)
    steps = torch.tensor([1, 2, 9, 20, 30, 50])
    whole = model.denoiser(noisy, condition, steps)
    alone = [model.denoiser(noisy[i, None], condition[i, None], steps[i, None]) for i in range(6)]
    torch.testing.assert_close(whole, torch.cat(alone))


# --- what is trained ----------------------------------------------------------------------------


def test_items_have_unit_variance_and_padding_none() -> None:
    model = make()
    found = model.embed(torch.arange(N_ITEMS + 1))
    torch.testing.assert_close(found[1:].square().mean(1), torch.ones(N_ITEMS))
    assert not found[0].any()


def test_what_is_denoised_is_the_target_with_noise_of_a_random_step() -> None:
    """Algorithm 1 of the paper, seen from the denoiser's door."""
    model = make(unconditional=0.3, diffusion_steps=20)
    model.train()
    seen: list[tuple[Tensor, ...]] = []
    model.denoiser.register_forward_pre_hook(lambda _, given: seen.append(given))
    rows = [[1 + i % N_ITEMS, 1 + i % 7] for i in range(4000)]
    torch.manual_seed(0)
    model.loss(batch(rows, [1 + i % N_ITEMS for i in range(4000)]))
    ((noisy, condition, steps),) = seen
    assert stats.chisquare(steps.bincount(minlength=21)[1:]).pvalue > 1e-3
    dropped = (condition == model.null).all(1).float().mean().item()
    assert dropped == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 4000) ** 0.5)
    left = model.left[steps][:, None]
    clean = model.embed(torch.arange(4000) % N_ITEMS + 1)
    added = ((noisy - left.sqrt() * clean) / (1 - left).sqrt()).detach().numpy()
    assert stats.kstest(added.ravel(), "norm").pvalue > 1e-3


def test_the_target_gets_no_gradient() -> None:
    model = make(cross_entropy=0.0)
    torch.manual_seed(0)
    # 5 is a target and in a history, 20 and 30 are targets only
    model.loss(batch([[1, 2, 5], [3, 4], [5]], [20, 30, 5])).backward()
    moved = model.item_table.weight.grad.abs().sum(1) > 0
    assert moved.nonzero()[:, 0].tolist() == [1, 2, 3, 4, 5]


def test_the_cross_entropy_moves_the_items_that_are_targets_only() -> None:
    model = make(cross_entropy=1.0)
    model.loss(batch([[1, 2]], [20])).backward()
    assert model.item_table.weight.grad[20].any()
    assert not model.item_table.weight.grad[0].any()


def test_the_cross_entropy_counts_by_its_weight() -> None:
    losses = []
    for weight in (0.0, 1.0, 3.0):
        model = make(cross_entropy=weight)
        torch.manual_seed(0)
        losses.append(model.loss(batch([[1, 2], [3]], [20, 4])).item())
    assert losses[1] > losses[0] > 0
    assert losses[2] - losses[0] == pytest.approx(3 * (losses[1] - losses[0]), rel=1e-4)


@pytest.mark.parametrize(("unconditional", "moved"), [(0.0, False), (0.5, True)])
def test_the_null_vector_is_trained_where_a_condition_is_dropped(
    unconditional: float, moved: bool
) -> None:
    model = make(unconditional=unconditional, cross_entropy=0.0)
    torch.manual_seed(0)
    model.loss(batch([[1, 2]] * 20, [3] * 20)).backward()
    gradient = model.null.grad
    assert (gradient is not None and bool(gradient.any())) == moved


def test_items_stay_apart_when_only_the_squared_error_is_trained() -> None:
    # with a gradient through the target both become 0.99 and more
    model = trained(CHAIN, epochs=20, cross_entropy=0.0)
    found = cosines(model.item_table.weight[1:])
    assert -1 / (N_ITEMS - 1) - 1e-6 < found.mean() < 0.05  # the lower one is a law of vectors
    assert found.max() < 0.75


def test_the_item_table_of_another_model_is_kept_bit_by_bit() -> None:
    settings = training_settings("dreamrec", embedding_size=WIDTH, epochs=2, l2=0.1, dropout=0.2)
    training, validate = study(CHAIN, HISTORY)
    model = build(settings, N_ITEMS, HISTORY, CPU)
    assert isinstance(model, DreamRec)
    table = 5 * torch.randn(N_ITEMS + 1, WIDTH)
    table[0] = 0
    model.freeze_items(table)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    for _ in train(model, training, validate, settings, Progress(None)):
        assert model.item_table.weight.grad is None
    after = model.state_dict()
    assert torch.equal(after["item_table.weight"], before["item_table.weight"])
    torch.testing.assert_close(after["item_table.weight"], unit_variance(table))
    assert not any(
        torch.equal(after[name], before[name]) for name in after if name != "item_table.weight"
    )


def test_a_killed_training_with_frozen_items_resumes_to_the_same_bits(tmp_path: Path) -> None:
    settings = training_settings("dreamrec", embedding_size=WIDTH, epochs=3, dropout=0.2)
    training, validate = study(CHAIN, HISTORY)
    table = torch.randn(N_ITEMS + 1, WIDTH, generator=torch.Generator().manual_seed(0))

    def run(progress: Progress, stop_after: int | None = None) -> dict[str, Tensor]:
        model = build(settings, N_ITEMS, HISTORY, CPU)
        assert isinstance(model, DreamRec)
        model.freeze_items(table)
        for report in train(model, training, validate, settings, progress):
            if report.step == stop_after:
                break
        return model.state_dict()

    whole = run(Progress(None))
    run(Progress(tmp_path), stop_after=9)  # in the second epoch
    resumed = run(Progress(tmp_path))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_an_item_table_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"item table \(41, 16\); wanted \(41, 32\)"):
        make().freeze_items(torch.zeros(N_ITEMS + 1, 16))


def stage(folder: Path, recommender: str, taken: list[Path], **changes: object) -> Path:
    weights = folder / f"{recommender}.safetensors"
    changes = {"embedding_size": WIDTH, "epochs": 3, **changes}
    train_recommender(
        settings=training_settings(recommender, **changes),
        examples=folder / "examples.parquet",
        item_table=taken,
        config=folder / f"{recommender}.json",
        weights=weights,
        steps=folder / "steps.parquet",
        progress=Progress(None),
    )
    return weights


def test_the_stage_takes_the_items_of_sasrec(tmp_path: Path) -> None:
    write_tables(tmp_path, CHAIN, HISTORY, N_ITEMS)
    sasrec = stage(tmp_path, "sasrec", [])
    dreamrec = stage(tmp_path, "dreamrec", [sasrec], item_table="sasrec")
    given, taken = (read_tensors(path)["item_table.weight"] for path in (sasrec, dreamrec))
    assert torch.equal(taken, unit_variance(given))
    model = load(tmp_path / "dreamrec.json", dreamrec, CPU)
    _, validate = study(CHAIN, HISTORY)
    assert validate(model)["hr@10"] > 0.9
    # as they are, their lengths apart: nothing of it depends on the scale of the table
    write_tensors(sasrec, {"item_table.weight": 2 * given})
    again = stage(tmp_path, "dreamrec", [sasrec], item_table="sasrec")
    torch.testing.assert_close(read_tensors(again)["item_table.weight"], taken)


# --- what is dreamt -----------------------------------------------------------------------------


def asked(n: int) -> SequenceBatch:
    random = np.random.default_rng(0)
    rows = [random.integers(1, N_ITEMS + 1, 1 + i % HISTORY).tolist() for i in range(n)]
    return batch(rows, [1] * n, ids=[2**40 + 7 * i for i in range(n)])


def part(whole: SequenceBatch, rows: list[int]) -> SequenceBatch:
    return SequenceBatch(
        whole.item_ids[rows], whole.lengths[rows], whole.targets[rows], whole.example_ids[rows]
    )


@pytest.mark.parametrize("steps", [20, 200])
@pytest.mark.parametrize("stochasticity", [0.0, 1.0])
def test_what_an_example_is_dreamt_does_not_depend_on_its_batch(
    learned: DreamRec, steps: int, stochasticity: float
) -> None:
    model, whole = sampled(learned, sampling_steps=steps, sampling_noise=stochasticity), asked(12)
    with torch.no_grad():
        found = model.oracle_items(whole)
        torch.manual_seed(99)  # it draws from no generator of the process
        for rows in ([3], [7, 3], [11, 10, 9, 3, 0]):
            torch.testing.assert_close(
                model.oracle_items(part(whole, rows)), found[rows], rtol=1e-4, atol=1e-5
            )
            torch.testing.assert_close(
                model.scores(part(whole, rows)), model.scores(whole)[rows], rtol=1e-4, atol=1e-5
            )


def test_dreams_differ_with_example_and_seed_but_for_their_condition(learned: DreamRec) -> None:
    model, one = sampled(learned, sampling_steps=20, sampling_noise=1.0), asked(1)
    twins = batch([one.item_ids[0, :1].tolist()] * 2, [1, 1], ids=[5, 6])
    with torch.no_grad():
        first = model.oracle_items(twins)
        assert not torch.equal(first[0], first[1])
        model.seed += 1
        second = model.oracle_items(twins)
        model.seed -= 1
        assert not torch.equal(first, second)
        assert torch.equal(model.oracle_items(twins), first)


def test_scores_are_cosines_of_the_dream_to_the_items(learned: DreamRec) -> None:
    model, whole = sampled(learned, sampling_steps=20, sampling_noise=1.0), asked(8)
    with torch.no_grad():
        oracle, found = model.oracle_items(whole), model.scores(whole)
    wanted = torch.cosine_similarity(oracle[:, None], model.item_table.weight[None, 1:], dim=2)
    torch.testing.assert_close(found[:, 1:], wanted)
    assert found[:, 1:].abs().max() <= 1 + 1e-6


def test_a_dream_can_be_read_like_the_item_it_names(learned: DreamRec) -> None:
    """Appended to the history it makes nearly the state that its nearest item makes."""
    model, whole = sampled(learned, sampling_steps=200, sampling_noise=1.0), asked(60)
    rows = [i for i in range(60) if whole.lengths[i] < HISTORY]
    short = part(whole, rows)
    with torch.no_grad():
        oracle = unit_variance(model.oracle_items(short))  # guidance makes it longer
        nearest = model.scores(short).argmax(1)
        at = torch.arange(len(rows)), short.lengths
        mask = torch.arange(HISTORY) <= short.lengths[:, None]
        embedded = model.embed(short.item_ids)
        dreamt, real, other = (
            last(model.encode(embedded.index_put(at, vector), mask), short.lengths + 1)
            for vector in (oracle, model.embed(nearest), model.embed(nearest % N_ITEMS + 1))
        )
    likeness, unlikeness = (torch.cosine_similarity(dreamt, x, dim=1).mean() for x in (real, other))
    assert likeness > 0.9
    assert unlikeness < 0.5


@pytest.mark.parametrize("stochasticity", [0.0, 1.0])
def test_few_steps_rank_as_well_as_all(learned: DreamRec, stochasticity: float) -> None:
    sequences = wanderings(cycle(N_ITEMS, seed=0), users=100, length=20, stray=0.3, seed=3)
    _, validate = study(sequences, HISTORY)
    many = validate(sampled(learned, sampling_steps=200, sampling_noise=1.0))
    few = validate(sampled(learned, sampling_steps=20, sampling_noise=stochasticity))
    assert many["hr@1"] > 0.6
    for name in ("hr@1", "hr@10"):
        assert few[name] == pytest.approx(many[name], abs=0.03)
