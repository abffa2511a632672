"""Scores of readings: rankings of the catalogue's titles that a frozen LLM gives for states.

HR@k and NDCG@k for every source of states, the two verdicts on NDCG, and for preference what
stands around it: the recommender's own ranking above, popularity below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from recinterpreter.errors import UserError
from recinterpreter.scoring.comparison import (
    ALL,
    LAST,
    RECORDED,
    Cell,
    Reals,
    Row,
    against_controls,
    against_untrained,
    bootstrap,
)
from recinterpreter.scoring.ranking import discounted_gain, estimates
from recinterpreter.scoring.statistics import UserBootstrap
from recinterpreter.settings.scores import Scores

POPULARITY = Cell("popularity")
Readings = Mapping[Cell, Mapping[str, pl.DataFrame]]


def reading_scores(
    readings: Readings, rankings: Mapping[Cell, pl.DataFrame], settings: Scores
) -> Iterator[Row]:
    """Yield the scores of tables RANKING by cell and source; rankings: of the recommenders.

    Raises UserError where a reading lacks the recorded states or is of other examples.
    """
    for evaluation in (LAST, ALL):
        for task in sorted({str(cell.task) for cell in readings}):
            cells = {
                cell: {s: _evaluated(t, evaluation) for s, t in sources.items()}
                for cell, sources in readings.items()
                if cell.task == task
            }
            yield from _of_task(cells, rankings, evaluation, settings)


def _evaluated(table: pl.DataFrame, evaluation: str) -> pl.DataFrame:
    chosen = table.filter("last") if evaluation == LAST else table
    return chosen.sort("example_id")


def _of_task(
    cells: Readings, rankings: Mapping[Cell, pl.DataFrame], evaluation: str, settings: Scores
) -> Iterator[Row]:
    first = next(iter(cells.values()))[RECORDED]
    for cell, sources in cells.items():
        for source, table in sources.items():
            if not table["example_id"].equals(first["example_id"]):
                raise UserError(
                    f"{cell}: what was read in {source} is of other examples; delete the readings "
                    "of this cell and run again"
                )
    users = bootstrap(first["user_id"].to_numpy(), settings)
    ranks = {c: {s: t["rank"].to_numpy() for s, t in tables.items()} for c, tables in cells.items()}
    for cutoff in settings.cutoffs:
        for metric, figure in (("hr", _hit), ("ndcg", discounted_gain)):
            values = {c: {s: figure(r, cutoff) for s, r in of.items()} for c, of in ranks.items()}
            for source in dict.fromkeys(source for of in values.values() for source in of):
                shown = {c: of[source] for c, of in values.items() if source in of}
                yield from estimates(evaluation, f"{metric}@{cutoff}", shown, users, source)
    cutoff = settings.verdict_cutoff
    metric = f"ndcg@{cutoff}"
    gains = {c: {s: discounted_gain(r, cutoff) for s, r in of.items()} for c, of in ranks.items()}
    for cell, of_cell in gains.items():
        yield from against_controls(cell, evaluation, metric, of_cell, users)
    yield from against_untrained(gains, evaluation, metric, users)
    if next(iter(cells)).task == "preference":
        known = {cell: _of_examples(table, first) for cell, table in rankings.items()}
        recorded = {cell: of_cell[RECORDED] for cell, of_cell in ranks.items()}
        yield from _in_proportion(recorded, known, evaluation, cutoff, users)


def _in_proportion(
    ranks: Mapping[Cell, np.ndarray],
    known: Mapping[Cell, np.ndarray],
    evaluation: str,
    cutoff: int,
    users: UserBootstrap,
) -> Iterator[Row]:
    """Set readings beside popularity and beside the recommender's own ranking of the examples."""
    for cell, rank in ranks.items():
        if POPULARITY in known:
            gains = (discounted_gain(r, cutoff) for r in (rank, known[POPULARITY]))
            distance = users.difference(*gains)
            yield cell.row(evaluation, f"ndcg@{cutoff} minus popularity", distance, RECORDED)
        own = known.get(Cell(cell.recommender, cell.seed))
        if own is not None:
            itself = _hit(own, cutoff)
            yield cell.row(evaluation, f"own hr@{cutoff}", users.share(itself), RECORDED)
            share = users.ratio_to_best(_hit(rank, cutoff), itself[None])
            # of next to nothing a share says nothing
            if share is not None and not cell.is_untrained:
                yield cell.row(evaluation, f"share of own hr@{cutoff}", share, RECORDED)


def _of_examples(table: pl.DataFrame, examples: pl.DataFrame) -> np.ndarray:
    """Return the ranks that a recommender gives the targets of some examples."""
    ranks = examples.select("example_id").join(
        table.select("example_id", "rank"), on="example_id", how="left", maintain_order="left"
    )["rank"]
    if ranks.null_count():
        raise UserError("the rankings lack examples that were read; delete them and run again")
    return ranks.to_numpy()


def _hit(rank: np.ndarray, cutoff: int) -> Reals:
    return (rank <= cutoff).astype(float)
