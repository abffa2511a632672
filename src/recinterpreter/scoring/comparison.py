"""Rows of the scores table, and how recorded states compare with controls.

Two verdicts, each by a paired interval (users drawn again) that lies above 0. "Reads the state":
the mean with the recorded states, minus the best control's. "Reads what was learned": the mean with
a trained encoder's states, minus the best of its controls and of the untrained encoders, for which
adapters were trained as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recinterpreter.scoring.statistics import Estimate, UserBootstrap, wilson
from recinterpreter.settings.recommenders import UNTRAINED
from recinterpreter.settings.scores import Scores

RECORDED = "recorded"
LAST = "last"
ALL = "all"
VALIDATION = "validation"

Row = dict[str, Any]
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """What a score is of: a recommender (or baseline) and, where it applies, a task's adapter.

    seed: None for a baseline, and for a mean over several seeds, which says over how many.
    """

    recommender: str
    seed: int | None = None
    task: str | None = None
    adapter: str | None = None
    averaged: int = 0

    @property
    def n_seeds(self) -> int:
        """How many seeds the score is a mean over: 1 of a single one, 0 of a baseline."""
        return self.averaged or int(self.seed is not None)

    @property
    def is_untrained(self) -> bool:
        """Whether its encoder was left as it was drawn."""
        return self.recommender.startswith(UNTRAINED)

    @property
    def is_baseline(self) -> bool:
        """Whether it has no seed at all."""
        return not self.n_seeds

    def row(self, evaluation: str, metric: str, estimate: Estimate, source: str | None) -> Row:
        """Return one row of SCORES."""
        return {
            "recommender": self.recommender,
            "seed": self.seed,
            "n_seeds": self.n_seeds,
            "task": self.task,
            "adapter": self.adapter,
            "source": source,
            "evaluation": evaluation,
            "metric": metric,
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "n": estimate.n,
        }


def bootstrap(users: NDArray[np.int64], settings: Scores) -> UserBootstrap:
    """Return the bootstrap over these users, as the settings want it."""
    return UserBootstrap(users, settings.confidence, settings.resamples, settings.seed)


def share(evaluation: str, marks: Reals, users: UserBootstrap, settings: Scores) -> Estimate:
    """Estimate a share of examples: (n) marks, 0.0 or 1.0.

    The last examples are one per user, so independent: Wilson's interval. Those of other
    evaluations are not: users are drawn again.
    """
    if evaluation == LAST:
        return wilson(int(marks.sum()), len(marks), settings.confidence)
    return users.share(marks)


def against_controls(
    cell: Cell, evaluation: str, metric: str, values: Mapping[str, Reals], users: UserBootstrap
) -> Iterator[Row]:
    """Compare recorded states with every control, and give the verdict.

    values: source -> (n) the metric of each example, the same examples in every source.
    """
    recorded = values[RECORDED]
    controls = {source: v for source, v in values.items() if source != RECORDED}
    for source, others in controls.items():
        difference = users.difference(recorded, others)
        yield cell.row(evaluation, f"{metric} minus {source}", difference, RECORDED)
    if controls:
        best = users.difference_to_best(recorded, np.stack(list(controls.values())))
        yield cell.row(evaluation, f"{metric} minus best control", best, RECORDED)
        reads = Estimate(float(best.low is not None and best.low > 0), None, None, best.n)
        yield cell.row(evaluation, "reads the state", reads, RECORDED)


def against_untrained(
    values: Mapping[Cell, Mapping[str, Reals]], evaluation: str, metric: str, users: UserBootstrap
) -> Iterator[Row]:
    """Compare trained encoders with the untrained ones of their task, and give the verdict.

    values: cell -> source -> (n) the metric of each example, the same examples everywhere. Above an
    untrained encoder, whose adapter guesses otherwise, a guess can be too: to read what was learned
    is to be above the cell's own controls as well.
    """
    for cell, sources in values.items():
        others = [
            floor[RECORDED]
            for other, floor in values.items()
            if other.is_untrained
            and (other.task, other.adapter, other.seed) == (cell.task, cell.adapter, cell.seed)
        ]
        if others and not cell.is_untrained:
            recorded = sources[RECORDED]
            difference = users.difference_to_best(recorded, np.stack(others))
            yield cell.row(evaluation, f"{metric} minus best untrained", difference, RECORDED)
            controls = [found for source, found in sources.items() if source != RECORDED]
            best = users.difference_to_best(recorded, np.stack([*others, *controls]))
            learned = Estimate(float(best.low is not None and best.low > 0), None, None, best.n)
            yield cell.row(evaluation, "reads what was learned", learned, RECORDED)
