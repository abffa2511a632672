"""Intervals against closed forms, SciPy, and the coverage they promise."""

import math

import numpy as np
import pytest
from scipy import stats

from recinterpreter.scoring.statistics import Estimate, UserBootstrap, mcnemar, wilson


@pytest.mark.parametrize(("k", "n"), [(0, 95), (50, 95), (93, 95), (95, 95), (1, 3)])
def test_wilson_is_the_closed_form(k, n):
    z = stats.norm.ppf(0.975)
    p = k / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    got = wilson(k, n, 0.95)
    assert got.value == p
    assert got.low == pytest.approx(max(0, centre - half), abs=1e-12)
    assert got.high == pytest.approx(min(1, centre + half), abs=1e-12)


def test_mcnemar_is_the_exact_binomial_test():
    a = np.array([1] * 30 + [0] * 10 + [1] * 7 + [0] * 3, bool)
    b = np.array([1] * 30 + [0] * 10 + [0] * 7 + [1] * 3, bool)
    by_hand = 2 * sum(math.comb(10, i) for i in range(4)) / 2**10
    assert mcnemar(a, b) == pytest.approx(by_hand)
    assert mcnemar(b, a) == pytest.approx(by_hand)
    assert mcnemar(a, a) == 1.0


def test_single_examples_give_the_plain_bootstrap():
    values = np.random.default_rng(1).gamma(2.0, size=80)
    got = UserBootstrap(np.arange(80), 0.95, 4000, seed=0).mean(values)
    plain = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=0)
    assert got.value == pytest.approx(values.mean())
    assert got.low == pytest.approx(plain.confidence_interval.low, rel=0.03)
    assert got.high == pytest.approx(plain.confidence_interval.high, rel=0.03)


def test_copies_of_an_example_add_no_certainty():
    values = np.random.default_rng(2).normal(size=50)
    once = UserBootstrap(np.arange(50), 0.95, 500, seed=3).mean(values)
    ten = UserBootstrap(np.repeat(np.arange(50), 10), 0.95, 500, seed=3).mean(values.repeat(10))
    assert ten.low == pytest.approx(once.low)
    assert ten.high == pytest.approx(once.high)
    assert (once.n, ten.n) == (50, 500)


def test_users_and_not_examples_are_drawn():
    # a user's examples are all alike: the interval must be far wider than the naive one
    rng = np.random.default_rng(4)
    users = np.repeat(np.arange(60), 20)
    marks = rng.random(60).repeat(20) < 0.5
    clustered = UserBootstrap(users, 0.95, 1000, seed=0).share(marks)
    naive = UserBootstrap(np.arange(len(marks)), 0.95, 1000, seed=0).share(marks)
    assert clustered.high - clustered.low > 3 * (naive.high - naive.low)


def test_coverage_is_near_what_it_promises():
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(300):
        sizes = rng.integers(1, 6, 60)
        users = np.repeat(np.arange(60), sizes)
        values = rng.normal(size=60).repeat(sizes) + rng.normal(size=len(users))
        interval = UserBootstrap(users, 0.9, 400, seed=trial).mean(values)
        covered += interval.low <= 0 <= interval.high
    assert 0.84 < covered / 300 < 0.95


@pytest.mark.parametrize(("marks", "value"), [(np.zeros(40), 0.0), (np.ones(40), 1.0)])
def test_a_share_without_variation_still_has_an_interval(marks, value):
    got = UserBootstrap(np.repeat(np.arange(20), 2), 0.95, 100, seed=0).share(marks)
    expected = wilson(int(value) * 20, 20, 0.95)
    assert got == Estimate(value, expected.low, expected.high, 40)
    assert got.high - got.low > 0.1


def test_difference_is_paired():
    rng = np.random.default_rng(6)
    base = rng.normal(scale=10, size=100)
    users = UserBootstrap(np.arange(100), 0.95, 500, seed=0)
    got = users.difference(base + 1 + rng.normal(scale=0.1, size=100), base)
    assert 0.9 < got.low < got.high < 1.1


def test_difference_to_best_takes_the_best_in_every_resample():
    rng = np.random.default_rng(7)
    users = UserBootstrap(np.arange(200), 0.95, 1000, seed=0)
    values, others = rng.normal(size=200), rng.normal(size=(5, 200))
    got = users.difference_to_best(values, others)
    assert got.value == pytest.approx(values.mean() - others.mean(axis=1).max())
    # the largest of several means exceeds any fixed one, so the difference is more cautious
    best = others[others.mean(axis=1).argmax()]
    assert got.low <= users.difference(values, best).low
    only, plain = users.difference_to_best(values, others[:1]), users.difference(values, others[0])
    assert (only.low, only.high) == (pytest.approx(plain.low), pytest.approx(plain.high))


def test_same_seed_same_interval_another_seed_another():
    values = np.random.default_rng(8).normal(size=30)
    first, again, other = (
        UserBootstrap(np.arange(30), 0.95, 200, s).mean(values) for s in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_a_ratio_to_the_best_pays_for_the_choice():
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(60), 3)
    values, one, two = (rng.random(180) < share for share in (0.4, 0.8, 0.8))
    bootstrap = UserBootstrap(users, 0.95, 500, 0)
    found = bootstrap.ratio_to_best(values, np.stack([one, two]))
    assert found is not None
    assert found.value == pytest.approx(values.mean() / max(one.mean(), two.mean()))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert found.n == 180
    # the best of two that are alike is higher in most resamples than either: the ratio is lower
    alone = bootstrap.ratio_to_best(values, one[None])
    assert alone is not None
    assert alone.high is not None
    assert found.high < alone.high


def test_a_ratio_to_what_is_perfect_is_the_share_and_may_exceed_one():
    users = np.arange(40)
    values = (users % 4 == 0).astype(float)
    bootstrap = UserBootstrap(users, 0.95, 500, 0)
    assert bootstrap.ratio_to_best(values, np.ones((1, 40))) == bootstrap.mean(values)
    # no resample differs, and yet 40 users are not all users
    assert bootstrap.ratio_to_best(np.ones(40), np.ones((1, 40))) == wilson(40, 40, 0.95)
    above = bootstrap.ratio_to_best(np.ones(40), np.stack([values, 0.5 * np.ones(40)]))
    assert above is not None
    assert above.value == 2


def test_a_ratio_to_nothing_is_none_and_to_next_to_nothing_has_no_interval():
    users = np.arange(40)
    bootstrap = UserBootstrap(users, 0.95, 500, 0)
    assert bootstrap.ratio_to_best(np.ones(40), np.zeros((2, 40))) is None
    once = (users == 3).astype(float)
    assert bootstrap.ratio_to_best(once, once[None]) == Estimate(1.0, None, None, 40)
