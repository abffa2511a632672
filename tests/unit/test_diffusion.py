"""Schedules against closed forms; the sampler against ideal denoisers, whose answers are known."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from recinterpreter.recommenders import noise
from recinterpreter.recommenders.diffusion import Denoise, Noise, add_noise, sample, signal
from recinterpreter.settings.recommenders import ScheduleName

SCHEDULES: tuple[ScheduleName, ...] = get_args(ScheduleName)
WIDTH = 16
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES)


# --- schedules ----------------------------------------------------------------------------------


@every_schedule
@pytest.mark.parametrize("steps", [2, 50, 200, 500, 2000])
def test_schedules_fall_from_one(schedule: ScheduleName, steps: int) -> None:
    left = signal(schedule, steps)
    assert left.shape == (steps + 1,)
    assert left[0] == 1
    assert (left[1:] < left[:-1]).all()
    assert left[-1] > 0
    # also as the model holds it: a step that takes nothing away would divide by nothing
    single = left.float()
    assert (single[1:] < single[:-1]).all()


@pytest.mark.parametrize(
    ("schedule", "steps", "end"),
    [
        # the betas of linear do not depend on T: for few steps much of x0 is left
        ("linear", 50, 0.603),
        ("linear", 200, 0.132),
        ("linear", 500, 6.35e-3),
        ("linear", 1000, 4.04e-5),
        ("linear", 2000, 1.63e-9),
        ("exp", 50, 6.41e-3),
        ("exp", 200, 6.41e-3),
        ("exp", 2000, 6.41e-3),
        ("cosine", 50, 9.71e-7),
        ("cosine", 200, 6.07e-8),
        ("sqrt", 50, 1.01e-5),
        ("sqrt", 200, 2.48e-6),
    ],
)
def test_schedules_end_where_they_should(schedule: ScheduleName, steps: int, end: float) -> None:
    assert float(signal(schedule, steps)[-1]) == pytest.approx(end, rel=5e-3)


def test_linear_is_the_product_of_its_betas() -> None:
    left, product = signal("linear", 200).tolist(), 1.0
    for step in range(1, 201):
        product *= 1 - (1e-4 + (0.02 - 1e-4) * (step - 1) / 199)
        assert left[step] == pytest.approx(product, rel=1e-12)


@pytest.mark.parametrize("steps", [50, 200])
def test_cosine_is_that_of_nichol_and_dhariwal(steps: int) -> None:
    left = signal("cosine", steps).tolist()

    def curve(step: int) -> float:  # their eq. 17
        return math.cos((step / steps + 0.008) / 1.008 * math.pi / 2) ** 2

    for step in range(steps):
        assert left[step] == pytest.approx(curve(step) / curve(0), rel=1e-9)
    # the last beta would be 1: they clip it at 0.999
    assert left[steps] == pytest.approx(0.001 * left[steps - 1], rel=1e-9)


@pytest.mark.parametrize("steps", [50, 200])
def test_exp_is_the_variance_preserving_one(steps: int) -> None:
    # exp of minus the integral of beta, which rises from 0.1 to 10 (Song et al., eq. 33)
    place = np.arange(steps + 1) / steps
    wanted = np.exp(-(0.1 * place + (10 - 0.1) * place**2 / 2))
    np.testing.assert_allclose(signal("exp", steps), wanted, rtol=1e-12)


@pytest.mark.parametrize("steps", [50, 200])
def test_sqrt_is_that_of_diffusion_lm(steps: int) -> None:
    left = signal("sqrt", steps).tolist()
    for step in range(steps):
        wanted = (1 - math.sqrt(step / steps + 1e-4)) / (1 - math.sqrt(1e-4))
        assert left[step] == pytest.approx(wanted, rel=1e-9)
    assert left[steps] == pytest.approx(0.001 * left[steps - 1], rel=1e-9)


def test_noise_is_added_by_the_share_that_is_left() -> None:
    clean, given = torch.full((3, 2), 5.0), torch.full((3, 2), -2.0)
    found = add_noise(clean, given, torch.tensor([1.0, 0.0, 0.36]))
    wanted = torch.tensor([[5.0, 5.0], [-2.0, -2.0], [0.6 * 5 - 0.8 * 2] * 2])
    torch.testing.assert_close(found, wanted)


# --- one step of the sampler --------------------------------------------------------------------


def step_of(here: float, there: float, stochasticity: float) -> tuple[float, float, float]:
    """Take one step of the sampler apart: it is a * clean + b * x + c * noise; return (a, b, c).

    here, there: how much is left at this step and at the next one.
    """

    def taken(clean: float, x: float, fresh: float) -> float:
        seen = []

        def denoise(noisy: Tensor, _: Tensor) -> Tensor:
            seen.append(float(noisy))
            return torch.full((1, 1), clean, dtype=torch.float64)

        def given(draw: int) -> Tensor:
            return torch.full((1, 1), fresh if draw else x, dtype=torch.float64)

        left = torch.tensor([1.0, there, here], dtype=torch.float64)
        sample(denoise, given, left, 2, stochasticity)
        return seen[1]

    return taken(1, 0, 0), taken(0, 1, 0), taken(0, 0, 1)


@every_schedule
def test_a_stochastic_step_is_the_posterior_of_ddpm(schedule: ScheduleName) -> None:
    left = signal(schedule, 50).tolist()
    for step in range(2, 51):
        here, there = left[step], left[step - 1]
        beta = 1 - here / there
        # Ho et al., eq. 7: mean and variance of q(x_{t-1} | x_t, x_0)
        of_clean = math.sqrt(there) * beta / (1 - here)
        of_noisy = math.sqrt(1 - beta) * (1 - there) / (1 - here)
        variance = (1 - there) / (1 - here) * beta
        clean, noisy, fresh = step_of(here, there, 1.0)
        assert clean == pytest.approx(of_clean, rel=1e-9)
        assert noisy == pytest.approx(of_noisy, rel=1e-9)
        assert fresh**2 == pytest.approx(variance, rel=1e-9)


left_over = st.floats(1e-6, 0.999)


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    here=left_over,
    more=st.floats(1e-3, 0.999),
    stochasticity=st.floats(0, 1, allow_subnormal=False),
)
def test_every_step_keeps_the_noise_that_belongs_to_it(
    here: float, more: float, stochasticity: float
) -> None:
    there = here + more * (1 - here)
    clean, noisy, fresh = step_of(here, there, stochasticity)
    # of x = sqrt(here) x0 + sqrt(1 - here) e it makes one that is distributed as q(x_there | x0)
    assert clean + noisy * math.sqrt(here) == pytest.approx(math.sqrt(there), rel=1e-6)
    assert noisy**2 * (1 - here) + fresh**2 == pytest.approx(1 - there, rel=1e-6)
    sigma = stochasticity * math.sqrt((1 - there) / (1 - here) * (1 - here / there))
    assert fresh == pytest.approx(sigma, rel=1e-6, abs=1e-12)  # Song et al., eq. 16


@hypothesis_settings(max_examples=60, deadline=None)
@given(total=st.integers(1, 300), data=st.data(), stochasticity=st.sampled_from([0.0, 0.5, 1.0]))
def test_steps_go_down_evenly_and_draw_their_noise_once(
    total: int, data: st.DataObject, stochasticity: float
) -> None:
    steps = data.draw(st.integers(1, total))
    visited, drawn = [], []

    def denoise(x: Tensor, step: Tensor) -> Tensor:
        visited.append(int(step))
        return 0.5 * x

    def given(draw: int) -> Tensor:
        drawn.append(draw)
        return torch.ones(1, 1)

    found = sample(denoise, given, signal("exp", total).float(), steps, stochasticity)
    assert bool(torch.isfinite(found).all())
    assert len(visited) == steps
    assert visited[0] == total
    gaps = -np.diff([*visited, 0])
    assert gaps.min() >= total // steps
    assert gaps.max() <= -(-total // steps) + 1
    assert drawn == list(range(steps if stochasticity else 1))


@pytest.mark.parametrize("steps", [0, 51])
def test_steps_that_the_schedule_does_not_have_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=f"{steps} steps of a schedule of 50; wanted 1 to 50"):
        sample(lambda x, _: x, lambda _: torch.ones(1, 1), signal("exp", 50), steps, 1.0)


# --- whole samples ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vectors() -> Tensor:
    """50 vectors of unit variance, as items are."""
    drawn = torch.randn(50, WIDTH, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.normalize(drawn, dim=1) * math.sqrt(WIDTH)


def ideal(vectors: Tensor, left: Tensor) -> Denoise:
    """The posterior mean of x0, given x_t, when x0 is one of the vectors, each as likely."""

    def denoise(noisy: Tensor, step: Tensor) -> Tensor:
        share = float(left[int(step)])
        squares = (noisy[:, None] - math.sqrt(share) * vectors).square().sum(2)
        return (-squares / (2 * (1 - share))).softmax(1) @ vectors

    return denoise


def noise_of(n: int, seed: int = 0, width: int = WIDTH) -> Noise:
    return lambda draw: noise.normal(seed, torch.arange(n), draw, width)


def landing(found: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to the nearest of the vectors, and which it is."""
    distances = torch.cdist(found, vectors, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distances.min(1)
    return nearest.values, nearest.indices


@every_schedule
@pytest.mark.parametrize(
    ("total", "steps", "stochasticity"),
    [(50, 50, 1.0), (200, 200, 1.0), (500, 500, 1.0), (200, 20, 0.0), (200, 20, 1.0)],
)
def test_an_ideal_denoiser_lands_on_known_vectors(
    schedule: ScheduleName, total: int, steps: int, stochasticity: float, vectors: Tensor
) -> None:
    left = signal(schedule, total).float()
    found = sample(ideal(vectors, left), noise_of(100), left, steps, stochasticity)
    distance, which = landing(found, vectors)
    # Between two of them the distance is 4 and more. sqrt takes so much away at its first steps
    # that few steps leave it in doubt at the last one.
    assert (distance < 0.01).float().mean() >= (0.9 if schedule == "sqrt" else 1)
    assert len(which.unique()) > 30


@every_schedule
@pytest.mark.parametrize(("steps", "stochasticity"), [(20, 0.0), (20, 1.0), (50, 1.0)])
def test_an_ideal_denoiser_lands_on_each_vector_as_often(
    schedule: ScheduleName, steps: int, stochasticity: float, vectors: Tensor
) -> None:
    left = signal(schedule, 200 if steps == 20 else 50).float()
    found = sample(ideal(vectors, left), noise_of(1000), left, steps, stochasticity)
    counts = landing(found, vectors)[1].bincount(minlength=50)
    assert stats.chisquare(counts).pvalue > 1e-4


@every_schedule
@pytest.mark.parametrize("guidance", [0.0, 2.0, 4.0])
@pytest.mark.parametrize(("steps", "stochasticity"), [(50, 1.0), (20, 1.0), (20, 0.0)])
def test_a_guided_sample_lands_where_its_condition_says(
    schedule: ScheduleName, guidance: float, steps: int, stochasticity: float, vectors: Tensor
) -> None:
    wanted = torch.arange(20)
    left = signal(schedule, 50).float()
    conditional, null = ideal(vectors[wanted], left), ideal(vectors, left)
    found = sample(
        lambda x, t: (1 + guidance) * conditional(x, t) - guidance * null(x, t),
        noise_of(100),
        left,
        steps,
        stochasticity,
    )
    distance, which = landing(found, vectors)
    assert (which < 20).all()
    assert (distance < 0.01).float().mean() >= (0.8 if schedule == "sqrt" else 0.99)
    assert len(which.unique()) > 10


@every_schedule
def test_a_sample_of_ddim_is_decided_by_its_first_noise(
    schedule: ScheduleName, vectors: Tensor
) -> None:
    left = signal(schedule, 50).float()
    first = noise_of(30)

    def run(later: int, stochasticity: float) -> Tensor:
        given = noise_of(30, seed=later)
        return sample(
            ideal(vectors, left),
            lambda draw: given(draw) if draw else first(0),
            left,
            20,
            stochasticity,
        )

    assert torch.equal(run(1, 0.0), run(2, 0.0))
    assert not torch.equal(run(1, 1.0), run(2, 1.0))
    assert torch.equal(run(1, 1.0), run(1, 1.0))


def gaussian(
    schedule: ScheduleName, total: int, steps: int, stochasticity: float
) -> tuple[float, float]:
    """Mean and deviation of samples of N(1.5, 0.6^2), whose ideal denoiser is linear."""
    mean, variance = 1.5, 0.6**2
    left = signal(schedule, total).float()

    def denoise(noisy: Tensor, step: Tensor) -> Tensor:
        share = float(left[int(step)])
        gain = math.sqrt(share) * variance / (share * variance + 1 - share)
        return mean + gain * (noisy - math.sqrt(share) * mean)

    found = sample(denoise, noise_of(10_000, width=2), left, steps, stochasticity)
    return float(found.mean()), float(found.std())


@pytest.mark.parametrize(
    ("schedule", "total", "lost"),
    [("cosine", 200, 0.03), ("exp", 200, 0.04), ("sqrt", 200, 0.12), ("linear", 1000, 0.02)],
)
@pytest.mark.parametrize("stochasticity", [0.0, 0.5, 1.0])
def test_gaussian_data_come_out_with_their_mean_and_variance(
    schedule: ScheduleName, total: int, lost: float, stochasticity: float
) -> None:
    mean, deviation = gaussian(schedule, total, total, stochasticity)
    # exp leaves 8 % of the mean to be told from noise at the start, which DDIM never hears of
    assert mean == pytest.approx(1.5, abs=0.09 if schedule == "exp" else 0.015)
    # what is returned is a mean of x0, so it varies less; most where the last step is a large one
    assert 0.6 * (1 - lost) < deviation < 0.6 * 1.01


def test_few_steps_cost_little_variance() -> None:
    for steps, lost in ((50, 0.05), (20, 0.1), (10, 0.2)):
        mean, deviation = gaussian("cosine", 200, steps, 0.0)
        assert mean == pytest.approx(1.5, abs=0.015)
        assert 0.6 * (1 - lost) < deviation < 0.6


def test_a_schedule_that_ends_too_soon_misses_the_mean() -> None:
    # linear with 200 steps leaves 36 % of x0 in x_T, where sampling puts noise alone
    mean, _ = gaussian("linear", 200, 200, 0.0)
    assert mean < 1.3
