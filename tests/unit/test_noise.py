"""Noise of an example: normal, independent in every direction, and the example's alone."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats

from recinterpreter.recommenders import noise

SEEDS = [0, 1, 2**31, 2**63 - 1]


def draw(seed: int, ids: list[int] | range, number: int, width: int) -> np.ndarray:
    found = noise.normal(seed, torch.tensor(list(ids), dtype=torch.long), number, width)
    assert found.dtype == torch.float32
    return found.numpy().astype(np.float64)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_is_standard_normal(seed: int) -> None:
    found = draw(seed, range(2000), 0, 64).ravel()
    n = len(found)
    # each within four standard errors of a normal sample of this size
    assert abs(found.mean()) < 4 / n**0.5
    assert abs(found.var() - 1) < 4 * (2 / n) ** 0.5
    assert abs(stats.skew(found)) < 4 * (6 / n) ** 0.5
    assert abs(stats.kurtosis(found)) < 4 * (24 / n) ** 0.5
    assert stats.kstest(found, "norm").pvalue > 1e-3
    assert 4 < abs(found).max() < 6  # tails as long as they should be, and no longer


def test_every_dimension_is_standard_normal_by_itself() -> None:
    found = draw(0, range(4000), 1, 33)
    pvalues = [stats.kstest(column, "norm").pvalue for column in found.T]
    assert min(pvalues) > 1e-3 / 33
    assert stats.kstest(pvalues, "uniform").pvalue > 1e-3


def test_nothing_correlates() -> None:
    """Between examples, draws, dimensions and seeds, near ones and far ones."""
    width = 2000
    examples = draw(0, [0, 1, 2, 3, 2**31, 2**32, 2**33, 2**62 - 1, 2**62], 0, width)
    draws = np.concatenate([draw(0, [7], number, width) for number in [*range(8), 500, 9999]])
    seeds = np.concatenate([draw(seed, [7], 0, width) for seed in [0, 1, 2, 3, *SEEDS[2:]]])
    # successive seeds and examples, crossed: a sum of the two would repeat itself here
    crossed = np.concatenate([draw(seed, range(6), 0, width) for seed in range(6)])
    dimensions = draw(0, range(width), 0, 32).T
    for rows in (examples, draws, seeds, crossed, dimensions):
        for values in (rows, rows**2):
            found = np.corrcoef(values) - np.eye(len(rows))
            # 5 standard errors: at most 630 pairs, each beyond it once in 1.7 million
            assert abs(found).max() < 5 / width**0.5


def test_successive_draws_are_uniform_in_the_plane() -> None:
    # Box and Muller's pairs and steps of a counter, if they showed, would leave cells empty
    place = stats.norm.cdf(draw(3, range(20_000), 0, 4))
    for one, other in itertools.combinations(range(4), 2):
        counts, _, _ = np.histogram2d(place[:, one], place[:, other], 20, [[0, 1], [0, 1]])
        assert stats.chisquare(counts.ravel()).pvalue > 1e-4


@hypothesis_settings(max_examples=25, deadline=None)
@given(
    ids=st.lists(st.integers(0, 2**62), min_size=1, max_size=8, unique=True),
    seed=st.integers(0, 2**63 - 1),
    number=st.integers(0, 10_000),
    width=st.integers(1, 9),
    data=st.data(),
)
def test_an_example_keeps_its_noise_in_any_batch(
    ids: list[int], seed: int, number: int, width: int, data: st.DataObject
) -> None:
    whole = draw(seed, ids, number, width)
    assert whole.shape == (len(ids), width)
    assert np.isfinite(whole).all()
    order = data.draw(st.permutations(range(len(ids))))
    assert np.array_equal(draw(seed, [ids[i] for i in order], number, width), whole[order])
    for row, example in enumerate(ids):
        assert np.array_equal(draw(seed, [example], number, width)[0], whole[row])


def test_an_example_has_other_noise_with_another_seed_or_draw() -> None:
    found = [draw(seed, [5], number, 3) for seed in (0, 1, 2**63 - 1) for number in (0, 1)]
    assert len({part.tobytes() for part in found}) == len(found)
    assert np.array_equal(draw(1, [5], 1, 3), draw(1, [5], 1, 3))


@pytest.mark.parametrize("width", [1, 2, 7, 64, 65])
def test_odd_widths_and_no_examples(width: int) -> None:
    assert draw(0, [1, 2], 0, width).shape == (2, width)
    assert draw(0, [], 0, width).shape == (0, width)


def test_it_is_drawn_apart_from_the_generator_of_torch() -> None:
    torch.manual_seed(0)
    first = draw(0, [1], 0, 4)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert np.array_equal(draw(0, [1], 0, 4), first)
    assert torch.equal(torch.get_rng_state(), state)
