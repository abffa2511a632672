"""How sure a difference is: Holm's correction, and the least difference that a sample can show.

Both are statsmodels'. Only the computing of scores imports this: it costs half a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.stats import fisher_exact
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of a family of tests, adjusted by Holm's method, in their order."""
    if not p_values:
        return []
    adjusted: list[float] = multipletests(p_values, method="holm")[1].tolist()
    return adjusted


def fisher(first: int, second: int, n: int) -> float:
    """Return Fisher's exact two-sided p of two shares, each out of n."""
    return float(fisher_exact([[first, n - first], [second, n - second]]).pvalue)


def detectable_difference(share: float, n: int, confidence: float, power: float) -> float:
    """Return the least difference from a share that two samples of n show with this power.

    Two-sided test of two independent shares on Cohen's scale h = 2 asin(sqrt(p)); the other share
    lies towards one half, where there is room. A paired test (McNemar's) needs less where the two
    mostly agree.
    """
    effect = NormalIndPower().solve_power(
        effect_size=None, nobs1=n, alpha=1 - confidence, power=power, ratio=1
    )
    towards = -1 if share > 0.5 else 1
    angle = 2 * math.asin(math.sqrt(share)) + towards * float(effect)
    other = math.sin(min(max(angle, 0), math.pi) / 2) ** 2
    return abs(other - share)
