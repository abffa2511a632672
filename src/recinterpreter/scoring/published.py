"""What the paper's own figures show: its Table 2 as counts, and tests of its differences.

Yang et al., arXiv 2310.20487, Table 2: residual accuracy. Of MovieLens-100K all four shares are
whole numbers of 95, the test users. Of Steam the paper does not say n; 1192 is the least for which
all four are whole numbers, and a tenth of its users (11,938) is as many but for two.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from recinterpreter.scoring.comparison import Cell, Row
from recinterpreter.scoring.significance import detectable_difference, fisher, holm
from recinterpreter.scoring.statistics import Estimate, wilson
from recinterpreter.settings.scores import Scores

TABLE_2: dict[str, tuple[int, dict[str, int]]] = {
    "ml-100k": (95, {"gru4rec": 50, "caser": 75, "sasrec": 89, "dreamrec": 93}),
    "steam": (1192, {"gru4rec": 204, "sasrec": 627, "caser": 656, "dreamrec": 1029}),
}
"""Data set -> test users, and how many of them each recommender's answers are right for."""


def published_scores(settings: Scores) -> Iterator[Row]:
    """Yield the paper's accuracies with intervals, and each one's distance to the next best.

    The evaluation is "paper, <data set>". Fisher's exact test, since who was right is not known:
    the paper's figures cannot be paired. Holm's correction is over the neighbours of a data set.
    """
    for dataset, (n, right) in TABLE_2.items():
        evaluation = f"paper, {dataset}"
        ordered = sorted(right, key=lambda name: right[name])
        pairs = list(pairwise(ordered))
        tests = [fisher(right[better], right[worse], n) for worse, better in pairs]
        for name in ordered:
            cell = Cell(name, task="residual")
            found = wilson(right[name], n, settings.confidence)
            yield cell.row(evaluation, "accuracy", found, None)
            least = detectable_difference(found.value, n, settings.confidence, settings.power)
            yield cell.row(evaluation, "detectable difference", _of(least, n), None)
        for (worse, better), p, adjusted in zip(pairs, tests, holm(tests), strict=True):
            cell = Cell(better, task="residual")
            margin = (right[better] - right[worse]) / n
            yield cell.row(evaluation, f"accuracy minus {worse}", _of(margin, n), None)
            yield cell.row(evaluation, f"fisher p, {worse}", _of(p, n), None)
            yield cell.row(evaluation, f"holm p, {worse}", _of(adjusted, n), None)
            apart = float(adjusted < 1 - settings.confidence)
            yield cell.row(evaluation, f"told apart from {worse}", _of(apart, n), None)


def _of(value: float, n: int) -> Estimate:
    return Estimate(value, None, None, n)
