"""The benchmark of DreamRec: the released way is the same mathematics as ours, done otherwise."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sequence_examples import interactions_of, training_settings, walks

from recinterpreter.recommenders.diffusion import sample
from recinterpreter.recommenders.dreamrec import DreamRec
from recinterpreter.recommenders.models import build

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
N_ITEMS = 20


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the benchmarks where `make bench` finds them."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture(params=["mlp1", "mlp2"])
def model(request: pytest.FixtureRequest) -> DreamRec:
    settings = training_settings("dreamrec", denoiser=request.param, sampling_steps=50)
    built = build(settings, N_ITEMS, 10, torch.device("cpu"))
    assert isinstance(built, DreamRec)
    with torch.no_grad():
        for weight in built.parameters():
            weight += 0.1 * torch.randn_like(weight)  # so that no part is near 0
    return built.eval()


@torch.no_grad()
def test_the_released_way_samples_what_ours_does_in_all_steps(model: DreamRec) -> None:
    from oracle.authors import ancestral
    from oracle.speed import as_released

    released = as_released(model.denoiser)
    condition, guidance = torch.randn(7, model.width), 2.0
    torch.manual_seed(5)
    theirs = ancestral(released, condition, model.null, model.left, guidance)
    torch.manual_seed(5)
    ours = sample(
        model.denoiser.guided(condition, model.null, guidance),
        lambda draw: torch.randn(7, model.width),
        model.left,
        len(model.left) - 1,
        1.0,
    )
    torch.testing.assert_close(theirs, ours, rtol=1e-3, atol=1e-4)


def test_the_way_as_released_trains_and_ranks() -> None:
    from _movielens import BY_SEQUENCE, HISTORY, split
    from oracle.authors import AsReleased

    follow = np.roll(np.arange(N_ITEMS + 1), -1)
    follow[-1] = 1
    data = split(interactions_of(walks(follow, 20, 12, seed=0)), N_ITEMS, BY_SEQUENCE)
    model = AsReleased(N_ITEMS, HISTORY, seed=0)
    model.left = model.left[:21]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oracle.authors.STEPS", 20)
        first = model.train_on(data.windows["train"], 1)
        assert model.train_on(data.windows["train"], 3) < first
    ranks = data.ranks(model)
    assert len(ranks) == len(data.windows["test"])
    assert ranks.min() >= 1
    assert ranks.max() <= N_ITEMS


def test_what_is_timed_is_named(model: DreamRec) -> None:
    from _movielens import BY_SEQUENCE, split
    from oracle.speed import compare

    follow = np.roll(np.arange(N_ITEMS + 1), -1)
    follow[-1] = 1
    data = split(interactions_of(walks(follow, 20, 12, seed=0)), N_ITEMS, BY_SEQUENCE)
    found = {name: value for name, value, _ in compare(model, data.windows["test"], 2)}
    assert found["speedup"] > 0
    shares = [value for name, value in found.items() if name.startswith("share of")]
    assert sum(shares) == pytest.approx(1)


def test_fewer_epochs_are_the_presets_with_that_alone_changed() -> None:
    from oracle.ours import NAMES, recipe

    for name in NAMES:
        whole, short = recipe(name, None), recipe(name, 1)
        assert short.recipe.epochs == 1
        assert short.recipe.model_copy(update={"epochs": whole.recipe.epochs}) == whole.recipe
