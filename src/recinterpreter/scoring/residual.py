"""Scores of the residual task: is the item by which two histories differ named (paper, Table 2)?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from recinterpreter.scoring.comparison import (
    LAST,
    RECORDED,
    Cell,
    Reals,
    Row,
    against_controls,
    share,
)
from recinterpreter.scoring.significance import holm
from recinterpreter.scoring.statistics import Estimate, UserBootstrap, mcnemar
from recinterpreter.settings.scores import Scores

METRIC = "accuracy"


def residual_scores(
    cell: Cell,
    evaluation: str,
    correct: Mapping[str, Reals],
    users: UserBootstrap,
    settings: Scores,
) -> Iterator[Row]:
    """Yield the accuracy with every source of states, and the comparison with the controls.

    correct: source -> (n) 1.0 where the answer is right.
    """
    for source, right in correct.items():
        yield cell.row(evaluation, METRIC, share(evaluation, right, users, settings), source)
    yield from against_controls(cell, evaluation, METRIC, correct, users)


def between_recommenders(
    right: Mapping[Cell, Reals], evaluation: str, users: UserBootstrap
) -> Iterator[Row]:
    """Yield how the accuracies of recommenders differ on the same examples, recorded states.

    Only cells of the same seed and adapter are compared. McNemar's test wants independent
    examples: it is given for the last ones alone, with Holm's correction over all comparisons.
    """
    pairs = [
        (cell, other)
        for cell in right
        for other in right
        if (cell.seed, cell.adapter) == (other.seed, other.adapter)
        and cell.recommender > other.recommender
    ]
    for cell, other in pairs:
        difference = users.difference(right[cell], right[other])
        yield cell.row(evaluation, f"{METRIC} minus {other.recommender}", difference, RECORDED)
    if evaluation == LAST:
        tests = [mcnemar(right[cell], right[other]) for cell, other in pairs]
        for (cell, other), p, adjusted in zip(pairs, tests, holm(tests), strict=True):
            for name, value in (("mcnemar", p), ("holm", adjusted)):
                found = Estimate(value, None, None, users.n)
                yield cell.row(evaluation, f"{name} p, {other.recommender}", found, RECORDED)
