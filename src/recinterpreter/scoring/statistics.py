"""Estimates with intervals: Wilson for independent shares, a bootstrap over users for the rest.

Examples of one user are not independent, so the unit that is drawn again is the user with all of
his examples; a mean is then the ratio of the drawn sum and the drawn number of examples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number, its interval where it has one, and how many examples it rests on."""

    value: float
    low: float | None
    high: float | None
    n: int


def wilson(successes: int, n: int, confidence: float) -> Estimate:
    """Estimate a share of independent trials, with Wilson's score interval."""
    interval = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high), n)


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Return the exact two-sided p of McNemar's test: are two paired shares the same?"""
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    only_first, only_second = int((a & ~b).sum()), int((~a & b).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)


class UserBootstrap:
    """Percentile intervals from resamples of users, the same ones for every number asked for.

    users: (n) the user of each example. Sharing the resamples makes every comparison a paired one.
    """

    def __init__(self, users: ArrayLike, confidence: float, resamples: int, seed: int) -> None:
        distinct, self._user = np.unique(np.asarray(users), return_inverse=True)
        if not len(distinct):
            raise ValueError("no examples to resample")
        self.n = len(self._user)
        self.n_users = len(distinct)
        self._confidence = confidence
        draws = np.random.default_rng(seed).multinomial(
            self.n_users, np.full(self.n_users, 1 / self.n_users), size=resamples
        )
        # how often each user is drawn in each resample; floats, whose product is six times as fast
        self._draws: Reals = draws.astype(float)
        self._drawn = self._draws @ np.bincount(self._user)

    def mean(self, values: ArrayLike) -> Estimate:
        """Estimate the mean of a value per example, (n)."""
        numbers = np.asarray(values, float)
        return self._estimate(float(numbers.mean()), self._means(numbers))

    def share(self, values: ArrayLike) -> Estimate:
        """Estimate the mean of a value between 0 and 1 per example, (n); a mark is 0 or 1.

        Where all are 0, or all 1, no resample can differ and the interval would be a point: then
        it is Wilson's for as many independent trials as there are users.
        """
        numbers = np.asarray(values, float)
        value = float(numbers[0])
        if value not in (0.0, 1.0) or not (numbers == value).all():
            return self.mean(numbers)
        cautious = wilson(int(value) * self.n_users, self.n_users, self._confidence)
        return Estimate(value, cautious.low, cautious.high, self.n)

    def ratio(self, found: ArrayLike, asked: ArrayLike) -> Estimate:
        """Estimate the share of what was asked that was found: (n) counts of each example.

        It rests on the examples that ask for anything. Where nothing was found, or all of it, the
        interval is as cautious as that of `share`.
        """
        part, whole = np.asarray(found, float), np.asarray(asked, float)
        n = int((whole > 0).sum())
        value = float(part.sum() / whole.sum())
        if value in (0.0, 1.0):
            users = len(np.unique(self._user[whole > 0]))
            cautious = wilson(int(value) * users, users, self._confidence)
            return Estimate(value, cautious.low, cautious.high, n)
        drawn = self._draws @ self._totals(whole)
        # a resample without anyone who was asked says nothing
        shares = (self._draws @ self._totals(part))[drawn > 0] / drawn[drawn > 0]
        return replace(self._estimate(value, shares), n=n)

    def difference(self, values: ArrayLike, others: ArrayLike) -> Estimate:
        """Estimate the mean of values - others, paired by example."""
        return self.mean(np.asarray(values, float) - np.asarray(others, float))

    def difference_to_best(self, values: ArrayLike, others: ArrayLike) -> Estimate:
        """Estimate the mean of (n) values minus the largest mean of (k, n) others.

        The largest is chosen anew in every resample, so that the interval pays for the choice.
        """
        numbers, rows = np.asarray(values, float), np.asarray(others, float)
        best = np.max([self._means(row) for row in rows], axis=0)
        value = float(numbers.mean() - rows.mean(axis=1).max())
        return self._estimate(value, self._means(numbers) - best)

    def ratio_to_best(self, values: ArrayLike, others: ArrayLike) -> Estimate | None:
        """Estimate the mean of (n) values over the largest mean of (k, n) others; None over 0.

        The largest is chosen anew in every resample, as in `difference_to_best`. A resample in
        which it is 0 has no ratio; where there are such, nor has the estimate an interval. Where
        one of the others is 1 throughout, the ratio is the `share`.
        """
        numbers, rows = np.asarray(values, float), np.asarray(others, float)
        highest = float(rows.mean(axis=1).max())
        if highest <= 0:
            return None
        if highest == 1 and (rows == 1).all(axis=1).any():
            return self.share(numbers)
        value = float(numbers.mean()) / highest
        best = np.max([self._means(row) for row in rows], axis=0)
        if not (best > 0).all():
            return Estimate(value, None, None, self.n)
        return self._estimate(value, self._means(numbers) / best)

    def _means(self, numbers: Reals) -> Reals:
        means: Reals = (self._draws @ self._totals(numbers)) / self._drawn
        return means

    def _totals(self, numbers: Reals) -> Reals:
        totals = np.bincount(self._user, weights=numbers, minlength=self.n_users)
        return totals.astype(float)

    def _estimate(self, value: float, means: Reals) -> Estimate:
        tail = (1 - self._confidence) / 2
        low, high = np.quantile(means, [tail, 1 - tail])
        return Estimate(value, float(low), float(high), self.n)
