"""Corrections, detectable differences, and what the paper's own figures show."""

import math

import numpy as np
import pytest
from scipy import stats

from recinterpreter.report.paper import RESIDUAL
from recinterpreter.scoring.comparison import Cell
from recinterpreter.scoring.published import TABLE_2, published_scores
from recinterpreter.scoring.residual import between_recommenders
from recinterpreter.scoring.significance import detectable_difference, fisher, holm
from recinterpreter.scoring.statistics import UserBootstrap, wilson
from recinterpreter.settings.scores import Scores

SETTINGS = Scores(
    cutoffs=[1, 10], confidence=0.95, resamples=200, seed=0, power=0.8, similarity=0.85
)


def test_holm_is_the_closed_form() -> None:
    # sorted .01 .02 .03 .04: times 4, 3, 2, 1, never falling
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6]) == pytest.approx([0.6])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert holm([]) == []


@pytest.mark.parametrize(("share", "n"), [(0.9, 95), (0.5, 95), (0.1, 60), (0.979, 2000)])
def test_a_detectable_difference_is_detected_as_often_as_promised(share: float, n: int) -> None:
    least = detectable_difference(share, n, 0.95, 0.8)
    other = share - least if share > 0.5 else share + least
    assert 0 < other < 1
    # Cohen's test on the arcsine scale, for which the power is that of a normal shift
    rng = np.random.default_rng(0)
    angles = [2 * np.arcsin(np.sqrt(rng.binomial(n, p, 4000) / n)) for p in (share, other)]
    z = np.abs(angles[0] - angles[1]) / math.sqrt(2 / n)
    assert (z > stats.norm.ppf(0.975)).mean() == pytest.approx(0.8, abs=0.06)


def test_more_users_and_less_power_detect_less() -> None:
    assert detectable_difference(0.8, 95, 0.95, 0.8) > detectable_difference(0.8, 943, 0.95, 0.8)
    assert detectable_difference(0.8, 95, 0.95, 0.8) > detectable_difference(0.8, 95, 0.95, 0.6)
    # there is room on the side of one half alone, and never past the end of it
    assert detectable_difference(1.0, 95, 0.95, 0.8) < 0.1
    assert detectable_difference(0.5, 2, 0.95, 0.99) <= 0.5


def test_the_counts_are_the_papers_table() -> None:
    for dataset, (n, right) in TABLE_2.items():
        for model, count in right.items():
            assert RESIDUAL[dataset][model] == pytest.approx(100 * count / n, abs=0.0051)


def test_the_papers_best_two_cannot_be_told_apart() -> None:
    rows = {
        (row["evaluation"], row["recommender"], row["metric"]): row
        for row in published_scores(SETTINGS)
    }
    p = rows["paper, ml-100k", "dreamrec", "fisher p, sasrec"]
    assert (p["value"], p["n"]) == (pytest.approx(0.2785, abs=1e-4), 95)
    assert p["value"] == fisher(93, 89, 95)
    margin = rows["paper, ml-100k", "dreamrec", "accuracy minus sasrec"]["value"]
    assert margin == pytest.approx(4 / 95)
    assert margin < rows["paper, ml-100k", "dreamrec", "detectable difference"]["value"]
    own = rows["paper, ml-100k", "dreamrec", "accuracy"]
    assert (own["low"], own["high"]) == (wilson(93, 95, 0.95).low, wilson(93, 95, 0.95).high)
    # the others can, also when Holm's correction counts all three tests
    assert rows["paper, ml-100k", "caser", "holm p, gru4rec"]["value"] == pytest.approx(
        3 * fisher(75, 50, 95)
    )
    assert rows["paper, ml-100k", "sasrec", "holm p, caser"]["value"] < 0.05
    assert rows["paper, steam", "caser", "fisher p, sasrec"]["value"] > 0.05
    assert ("paper, ml-100k", "gru4rec", "fisher p, sasrec") not in rows


def test_recommenders_are_tested_as_one_family() -> None:
    rng = np.random.default_rng(0)
    right = {
        Cell(name, 0, "residual", "conv_linear"): (rng.random(80) < skill).astype(float)
        for name, skill in (("caser", 0.5), ("gru4rec", 0.6), ("sasrec", 0.9))
    }
    users = UserBootstrap(np.arange(80), 0.95, 200, 0)
    rows = {(r["recommender"], r["metric"]): r for r in between_recommenders(right, "last", users)}
    pairs = [("gru4rec", "caser"), ("sasrec", "caser"), ("sasrec", "gru4rec")]
    plain = [rows[name, f"mcnemar p, {other}"]["value"] for name, other in pairs]
    assert [rows[name, f"holm p, {other}"]["value"] for name, other in pairs] == holm(plain)
    assert len(rows) == 9
    assert not [r for r in between_recommenders(right, "all", users) if " p, " in r["metric"]]


def test_a_ratio_is_that_of_the_sums_and_its_users_are_drawn() -> None:
    rng = np.random.default_rng(1)
    users = np.repeat(np.arange(50), 3)
    asked = rng.integers(0, 4, 150)
    found = rng.binomial(asked, 0.3)
    got = UserBootstrap(users, 0.95, 2000, 0).ratio(found, asked)
    assert got.value == pytest.approx(found.sum() / asked.sum())
    assert got.n == (asked > 0).sum()
    draws = rng.integers(0, 50, (2000, 50))
    sums = np.stack([np.bincount(users, weights=part) for part in (found, asked)])[:, draws]
    shares = np.quantile(sums[0].sum(axis=1) / sums[1].sum(axis=1), [0.025, 0.975])
    assert (got.low, got.high) == pytest.approx(tuple(shares), abs=0.01)
    # where each is asked one thing it is the plain share
    marks = (rng.random(150) < 0.4).astype(float)
    bootstrap = UserBootstrap(users, 0.95, 500, 0)
    assert bootstrap.ratio(marks, np.ones(150)) == bootstrap.share(marks)


def test_a_ratio_of_nothing_or_all_is_as_sure_as_there_are_users_asked() -> None:
    bootstrap = UserBootstrap([1, 1, 2, 3], 0.95, 300, 0)
    got = bootstrap.ratio([0, 0, 0, 0], [1, 2, 1, 0])
    wanted = wilson(0, 2, 0.95)
    assert (got.value, got.low, got.high, got.n) == (0, wanted.low, wanted.high, 3)
    # a third of the resamples draw nobody who was asked: they do not count
    rare = bootstrap.ratio([0, 0, 1, 0], [0, 0, 2, 0])
    assert (rare.value, rare.low, rare.high) == (0.5, 0.5, 0.5)
