"""Scores of rankings: HR@k and NDCG@k of recommenders and baselines, and their distances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from recinterpreter.errors import UserError
from recinterpreter.scoring.comparison import ALL, LAST, VALIDATION, Cell, Reals, Row, bootstrap
from recinterpreter.settings import Scores


def ranking_scores(rankings: Mapping[Cell, pl.DataFrame], settings: Scores) -> Iterator[Row]:
    """Yield HR and NDCG of every ranking, and how far recommenders are from baselines in NDCG.

    rankings: tables RANKING of the same examples; a cell without a seed is a baseline.
    """
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
        for cell, rank in ranks.items():
            yield cell.row(evaluation, f"hr@{cutoff}", users.share(rank <= cutoff), None)
            gain = users.share(discounted_gain(rank, cutoff))
            yield cell.row(evaluation, f"ndcg@{cutoff}", gain, None)
            for baseline in ranks if cell.seed is not None else ():
                if baseline.seed is None:
                    distance = users.difference(
                        discounted_gain(rank, cutoff), discounted_gain(ranks[baseline], cutoff)
                    )
                    metric = f"ndcg@{cutoff} minus {baseline.recommender}"
                    yield cell.row(evaluation, metric, distance, None)


def discounted_gain(rank: np.ndarray, cutoff: int) -> Reals:
    """Return NDCG@k of each example: with one relevant item the ideal gain is 1."""
    gain: Reals = np.where(rank <= cutoff, 1 / np.log2(rank + 1.0), 0.0)
    return gain
