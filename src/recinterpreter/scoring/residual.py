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
from recinterpreter.scoring.statistics import Estimate, UserBootstrap, mcnemar
from recinterpreter.settings import Scores

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
    examples: it is given for the last ones alone.
    """
    for cell, values in right.items():
        for other, others in right.items():
            if (cell.seed, cell.adapter) != (other.seed, other.adapter):
                continue
            if cell.recommender <= other.recommender:
                continue
            difference = users.difference(values, others)
            metric = f"{METRIC} minus {other.recommender}"
            yield cell.row(evaluation, metric, difference, RECORDED)
            if evaluation == LAST:
                p = Estimate(mcnemar(values, others), None, None, len(values))
                yield cell.row(evaluation, f"mcnemar p, {other.recommender}", p, RECORDED)
