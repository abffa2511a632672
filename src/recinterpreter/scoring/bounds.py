"""Scores of decoders without an LLM, and how much of what they find the LLM reads.

What the best decoder finds is a lower bound on what is in the states: a better decoder may exist.
So an LLM's share of it, the *read-out efficiency*, may exceed 1; then the decoders are the weaker.
Shapes: n examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from recinterpreter.errors import UserError
from recinterpreter.scoring import recovery, residual
from recinterpreter.scoring.comparison import (
    ALL,
    LAST,
    RECORDED,
    Cell,
    Reals,
    Row,
    bootstrap,
    share,
)
from recinterpreter.scoring.ranking import discounted_gain
from recinterpreter.scoring.statistics import Estimate, UserBootstrap
from recinterpreter.settings.scores import Scores

BEST = "best bound"
EFFICIENCY = "efficiency"


def bound_scores(
    probes: Mapping[Cell, pl.DataFrame], read: Mapping[Cell, pl.DataFrame], settings: Scores
) -> Iterator[Row]:
    """Yield every decoder's figures, the best of them, and the LLM's shares of that.

    probes: PROBES of each recommender and seed; read: what the LLM reads in the recorded states,
    VERDICTS or RANKING of each cell, in the tasks that the decoders were asked.
    """
    for owner, table in probes.items():
        for (task,), replies in table.group_by("task", maintain_order=True):
            cell = Cell(owner.recommender, owner.seed, str(task))
            readings = {
                c: t
                for c, t in read.items()
                if (c.recommender, c.seed, c.task) == (cell.recommender, cell.seed, cell.task)
            }
            for evaluation in (LAST, ALL):
                yield from _of_task(cell, evaluation, replies, readings, settings)


def recorded_cells(verdicts: pl.DataFrame) -> dict[Cell, pl.DataFrame]:
    """Cut VERDICTS into cells, of the answers to the recorded states alone."""
    keys = ["recommender", "seed", "task", "adapter"]
    recorded = verdicts.filter(pl.col("source") == RECORDED)
    return {Cell(*key): rows for key, rows in recorded.group_by(keys, maintain_order=True)}


def _of_task(
    cell: Cell,
    evaluation: str,
    replies: pl.DataFrame,
    readings: Mapping[Cell, pl.DataFrame],
    settings: Scores,
) -> Iterator[Row]:
    """Score the decoders in one task on one choice of examples, and relate the LLM to them."""
    decoders = {
        str(name): _chosen(table, evaluation)
        for (name,), table in replies.group_by("probe", maintain_order=True)
    }
    first = next(iter(decoders.values()))
    users = bootstrap(first["user_id"].to_numpy(), settings)
    found = {name: _values(cell, table, settings.cutoffs) for name, table in decoders.items()}
    for metric in next(iter(found.values())):
        values = {name: numbers[metric] for name, numbers in found.items()}
        estimates = {
            n: _estimate(metric, evaluation, v, users, settings) for n, v in values.items()
        }
        for name, estimate in estimates.items():
            yield cell.row(evaluation, f"{name} {metric}", estimate, RECORDED)
        best = max(estimates.values(), key=lambda estimate: estimate.value)
        yield cell.row(evaluation, f"{BEST} {metric}", best, RECORDED)
        for reader, table in readings.items():
            asked = _chosen(table, evaluation)
            if not asked["example_id"].equals(first["example_id"]):
                raise UserError(
                    f"{reader}: what was read is of other examples than what decoders were asked; "
                    "delete probes.parquet of this recommender and run again"
                )
            numbers = _values(reader, asked, settings.cutoffs)[metric]
            ratio = users.ratio_to_best(numbers, np.stack(list(values.values())))
            if ratio is not None:
                yield reader.row(evaluation, f"{EFFICIENCY} {metric}", ratio, RECORDED)


def _chosen(table: pl.DataFrame, evaluation: str) -> pl.DataFrame:
    kept = table.filter(pl.col("last")) if evaluation == LAST else table
    return kept.sort("example_id")


def _values(cell: Cell, table: pl.DataFrame, cutoffs: Sequence[int]) -> dict[str, Reals]:
    """Return the metrics of a task, (n) a number for each example."""
    if cell.task == "residual":
        return {residual.METRIC: table["correct"].cast(pl.Float64).to_numpy()}
    if cell.task == "recovery":
        return {recovery.METRIC: table["hits"].cast(pl.Float64).to_numpy()}
    rank = table["rank"].to_numpy()
    hits = {f"hr@{k}": (rank <= k).astype(float) for k in cutoffs}
    return hits | {f"ndcg@{k}": discounted_gain(rank, k) for k in cutoffs}


def _estimate(
    metric: str, evaluation: str, values: Reals, users: UserBootstrap, settings: Scores
) -> Estimate:
    """Give a metric the interval that its kind has elsewhere on the page."""
    if metric == residual.METRIC:
        return share(evaluation, values, users, settings)
    return users.mean(values) if metric == recovery.METRIC else users.share(values)
