"""Scores of rankings: HR@k and NDCG@k of recommenders and baselines, and their distances.

Shapes: n examples, S seeds of a recommender.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from recinterpreter.errors import UserError
from recinterpreter.scoring.comparison import (
    ALL,
    LAST,
    VALIDATION,
    Cell,
    Reals,
    Row,
    bootstrap,
)
from recinterpreter.scoring.statistics import Estimate, UserBootstrap
from recinterpreter.settings.scores import Scores


def ranking_scores(rankings: Mapping[Cell, pl.DataFrame], settings: Scores) -> Iterator[Row]:
    """Yield HR and NDCG of every ranking, and how far recommenders are from baselines in NDCG.

    rankings: tables RANKING of the same examples; a cell without a seed is a baseline. Where a
    recommender has several seeds, also the same of its mean over them, and how the seeds differ.
    """
    if not rankings:
        return
    evaluations = {
        LAST: (pl.col("split") == "test") & pl.col("last"),
        ALL: pl.col("split") == "test",
        VALIDATION: pl.col("split") == "validation",
    }
    for evaluation, chosen in evaluations.items():
        tables = {cell: table.filter(chosen).sort("example_id") for cell, table in rankings.items()}
        yield from _evaluation(evaluation, tables, settings)


def _evaluation(
    evaluation: str, tables: Mapping[Cell, pl.DataFrame], settings: Scores
) -> Iterator[Row]:
    first = next(iter(tables.values()))
    for cell, table in tables.items():
        if not table["example_id"].equals(first["example_id"]):
            raise UserError(
                f"the ranking of {cell.recommender} (seed {cell.seed}) covers other {evaluation} "
                "examples than the first one; delete the ranking.parquet files and run again"
            )
    if first.is_empty():
        return
    users = bootstrap(first["user_id"].to_numpy(), settings)
    ranks = {cell: table["rank"].to_numpy() for cell, table in tables.items()}
    for cutoff in settings.cutoffs:
        hits = {cell: (rank <= cutoff).astype(float) for cell, rank in ranks.items()}
        gains = {cell: discounted_gain(rank, cutoff) for cell, rank in ranks.items()}
        yield from estimates(evaluation, f"hr@{cutoff}", hits, users)
        yield from estimates(evaluation, f"ndcg@{cutoff}", gains, users)
        yield from _distances(evaluation, f"ndcg@{cutoff}", gains, users)


def estimates(
    evaluation: str,
    metric: str,
    values: Mapping[Cell, Reals],
    users: UserBootstrap,
    source: str | None = None,
) -> Iterator[Row]:
    """Estimate the metric of every cell, (n) its value of each example, and of means over seeds.

    source: of the states that an LLM was shown, None where none were.
    """
    for cell, numbers in values.items():
        yield cell.row(evaluation, metric, users.share(numbers), source)
    for cell, rows in over_seeds(values).items():
        yield cell.row(evaluation, metric, users.share(rows.mean(axis=0)), source)
        deviation = Estimate(float(rows.mean(axis=1).std(ddof=1)), None, None, users.n)
        yield cell.row(evaluation, f"{metric} sd over seeds", deviation, source)


def _distances(
    evaluation: str, metric: str, values: Mapping[Cell, Reals], users: UserBootstrap
) -> Iterator[Row]:
    """Estimate how far every recommender, and its mean over seeds, is from every baseline."""
    baselines = {cell: numbers for cell, numbers in values.items() if cell.is_baseline}
    trained = {cell: numbers for cell, numbers in values.items() if not cell.is_baseline}
    means = {cell: rows.mean(axis=0) for cell, rows in over_seeds(values).items()}
    for cell, numbers in (trained | means).items():
        for baseline, others in baselines.items():
            distance = users.difference(numbers, others)
            yield cell.row(evaluation, f"{metric} minus {baseline.recommender}", distance, None)


def over_seeds(values: Mapping[Cell, Reals]) -> dict[Cell, Reals]:
    """Stack the values of every recommender that has several seeds: cell of its mean -> (S, n)."""
    by_mean: dict[Cell, list[Reals]] = {}
    for cell, numbers in values.items():
        if not cell.is_baseline:
            by_mean.setdefault(replace(cell, seed=None), []).append(numbers)
    return {
        replace(mean, averaged=len(rows)): np.stack(rows)
        for mean, rows in by_mean.items()
        if len(rows) > 1
    }


def discounted_gain(rank: np.ndarray, cutoff: int) -> Reals:
    """Return NDCG@k of each example: with one relevant item the ideal gain is 1."""
    gain: Reals = np.where(rank <= cutoff, 1 / np.log2(rank + 1.0), 0.0)
    return gain
