"""Answers over several seeds: a recommender's mean, how the seeds differ, and who is ahead.

As rankings are: the mean is taken example by example, so its interval tells how other users would
change it, and the deviation how another seed would. Shapes: S seeds, n examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recinterpreter.scoring import recovery, residual
from recinterpreter.scoring.comparison import (
    ALL,
    LAST,
    RECORDED,
    Cell,
    Reals,
    Row,
    against_controls,
    bootstrap,
)
from recinterpreter.scoring.ranking import over_seeds
from recinterpreter.scoring.statistics import Estimate, UserBootstrap
from recinterpreter.settings.scores import Scores

_COLUMNS = {"residual": "correct", "recovery": "hits"}
_METRICS = {"residual": residual.METRIC, "recovery": recovery.METRIC}


def seed_scores(verdicts: pl.DataFrame, settings: Scores) -> Iterator[Row]:
    """Yield scores of the means over several seeds, and how recommenders differ.

    verdicts: a table VERDICTS; all its cells and sources answer the same examples. How recommenders
    of one seed differ in the residual task is told by `residual`, with its test.
    """
    for evaluation in (LAST, ALL):
        chosen = verdicts.filter(pl.col("last")) if evaluation == LAST else verdicts
        for (name,), rows in chosen.group_by("task", maintain_order=True):
            task, metric = str(name), _METRICS[str(name)]
            values = _by_source(rows, _COLUMNS[task])
            users = bootstrap(_users(rows), settings)
            means = {source: over_seeds(cells) for source, cells in values.items()}
            for cell in means[RECORDED]:
                of_cell = {source: stacked[cell] for source, stacked in means.items()}
                yield from _of_mean(cell, evaluation, metric, of_cell, users)
            compared = {cell: stacked.mean(axis=0) for cell, stacked in means[RECORDED].items()}
            if task == "recovery":
                compared |= values[RECORDED]
            yield from _between(compared, evaluation, metric, users)


def _by_source(rows: pl.DataFrame, column: str) -> dict[str, dict[Cell, Reals]]:
    """Values of every cell, (n) in order of example, by source; recorded states come first."""
    found: dict[str, dict[Cell, Reals]] = {RECORDED: {}}
    keys = ["source", "recommender", "seed", "task", "adapter"]
    for (source, *cell), table in rows.sort("example_id").group_by(keys, maintain_order=True):
        values = table[column].cast(pl.Float64).to_numpy()
        found.setdefault(str(source), {})[Cell(*cell)] = values
    return found


def _users(rows: pl.DataFrame) -> NDArray[np.int64]:
    """Return the users of the examples, in order of example."""
    return rows.unique("example_id").sort("example_id")["user_id"].to_numpy()


def _of_mean(
    cell: Cell, evaluation: str, metric: str, values: Mapping[str, Reals], users: UserBootstrap
) -> Iterator[Row]:
    """Yield a mean over seeds, its deviation from seed to seed, and what controls leave of it.

    values: source -> (S, n).
    """
    means = {source: stacked.mean(axis=0) for source, stacked in values.items()}
    # hits are counts, so a mean of exactly one of them is nothing special
    estimate = users.share if metric == residual.METRIC else users.mean
    for source, stacked in values.items():
        yield cell.row(evaluation, metric, estimate(means[source]), source)
        deviation = Estimate(float(stacked.mean(axis=1).std(ddof=1)), None, None, users.n)
        yield cell.row(evaluation, f"{metric} sd over seeds", deviation, source)
    yield from against_controls(cell, evaluation, metric, means, users)


def _between(
    values: Mapping[Cell, Reals], evaluation: str, metric: str, users: UserBootstrap
) -> Iterator[Row]:
    """Yield how recommenders of the same adapter and seed, or number of seeds, differ: (n) each."""
    for cell, own in values.items():
        for other, others in values.items():
            alike = (cell.adapter, cell.seed, cell.averaged) == (
                other.adapter,
                other.seed,
                other.averaged,
            )
            if alike and cell.recommender > other.recommender:
                difference = users.difference(own, others)
                name = f"{metric} minus {other.recommender}"
                yield cell.row(evaluation, name, difference, RECORDED)
