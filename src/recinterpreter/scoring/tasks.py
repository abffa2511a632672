"""Scores of all answers: verdicts grouped into cells, each scored by its task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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
    against_untrained,
    bootstrap,
)
from recinterpreter.scoring.matcher import OUTSIDE, Catalogue
from recinterpreter.scoring.statistics import UserBootstrap
from recinterpreter.settings.scores import Scores

Sources = Mapping[str, pl.DataFrame]

# What of a verdict is compared, and how its mean is called.
_COLUMNS = {"residual": ("correct", residual.METRIC), "recovery": ("hits", recovery.METRIC)}


def task_scores(
    verdicts: pl.DataFrame,
    catalogue: Catalogue,
    popular: Sequence[int],
    history: int,
    settings: Scores,
) -> Iterator[Row]:
    """Yield the scores of a table VERDICTS, for the last example of each user and for all.

    popular: what the baseline names to everyone; history: the length L of a full history.
    """
    for evaluation in (LAST, ALL):
        chosen = verdicts.filter(pl.col("last")) if evaluation == LAST else verdicts
        cells = _cells(chosen)
        yield from _learned(cells, evaluation, settings)
        for cell, sources in cells.items():
            users = bootstrap(sources[RECORDED]["user_id"].to_numpy(), settings)
            yield from _of_the_wording(cell, evaluation, sources, catalogue, users)
            if cell.task == "residual":
                correct = {s: _numbers(t, "correct") for s, t in sources.items()}
                yield from residual.residual_scores(cell, evaluation, correct, users, settings)
        recoveries = {c: s for c, s in cells.items() if c.task == "recovery"}
        yield from _recovery(recoveries, evaluation, catalogue, popular, history, settings)
        residuals = {
            c: s[RECORDED] for c, s in cells.items() if c.task == "residual" and not c.is_untrained
        }
        yield from _between(residuals, evaluation, settings)


def _recovery(
    cells: Mapping[Cell, Sources],
    evaluation: str,
    catalogue: Catalogue,
    popular: Sequence[int],
    history: int,
    settings: Scores,
) -> Iterator[Row]:
    """Score the recovery cells and, once, the baseline on the examples they all answer."""
    for i, (cell, sources) in enumerate(cells.items()):
        recorded = sources[RECORDED]
        users = bootstrap(recorded["user_id"].to_numpy(), settings)
        hits = {source: _numbers(table, "hits") for source, table in sources.items()}
        known = recovery.hits_of_popular(catalogue, popular, recorded["expected"].to_list())
        yield from recovery.recovery_scores(cell, evaluation, hits, users)
        yield recovery.against_popularity(cell, evaluation, hits[RECORDED], known, users)
        spread: list[tuple[Cell, str | None, Reals]] = [(cell, s, h) for s, h in hits.items()]
        if i == 0:
            spread.append((recovery.POPULARITY, None, known))
            yield recovery.POPULARITY.row(evaluation, recovery.METRIC, users.mean(known), None)
        for owner, source, values in spread:
            for metric, part in recovery.distribution(evaluation, values, history, users, settings):
                yield owner.row(evaluation, metric, part, source)


def _learned(cells: Mapping[Cell, Sources], evaluation: str, settings: Scores) -> Iterator[Row]:
    """Compare trained with untrained encoders; all cells answer the same examples."""
    for task, (column, metric) in _COLUMNS.items():
        answered = {c: sources for c, sources in cells.items() if c.task == task}
        if answered:
            some = next(iter(answered.values()))[RECORDED]
            users = bootstrap(some["user_id"].to_numpy(), settings)
            values = {
                cell: {source: _numbers(table, column) for source, table in sources.items()}
                for cell, sources in answered.items()
            }
            yield from against_untrained(values, evaluation, metric, users)


def _between(
    residuals: Mapping[Cell, pl.DataFrame], evaluation: str, settings: Scores
) -> Iterator[Row]:
    """Compare the recommenders' residual accuracies; all cells answer the same examples."""
    if len(residuals) > 1:
        some = next(iter(residuals.values()))
        users = bootstrap(some["user_id"].to_numpy(), settings)
        right = {cell: _numbers(table, "correct") for cell, table in residuals.items()}
        yield from residual.between_recommenders(right, evaluation, users)


def _numbers(table: pl.DataFrame, column: str) -> Reals:
    return table[column].cast(pl.Float64).to_numpy()


def _cells(verdicts: pl.DataFrame) -> dict[Cell, Sources]:
    """Verdicts by cell and source, in order of example; recorded states come first."""
    keys = ["recommender", "seed", "task", "adapter"]
    cells: dict[Cell, Sources] = {}
    for key, rows in verdicts.group_by(keys, maintain_order=True):
        cell = Cell(*key)
        sources = {
            str(name): table.sort("example_id")
            for (name,), table in rows.group_by("source", maintain_order=True)
        }
        if RECORDED not in sources:
            raise UserError(f"{cell}: no answers to the recorded states among the verdicts")
        sources = {RECORDED: sources.pop(RECORDED), **sources}
        for name, table in sources.items():
            if not table["example_id"].equals(sources[RECORDED]["example_id"]):
                raise UserError(
                    f"{cell}: the answers to {name} are of other examples than those to the "
                    "recorded states; delete the answers of this cell and run again"
                )
        cells[cell] = sources
    return cells


def _of_the_wording(
    cell: Cell, evaluation: str, sources: Sources, catalogue: Catalogue, users: UserBootstrap
) -> Iterator[Row]:
    """How often titles are made up, and how often repeated: means of each answer's share.

    An answer that names nothing at all counts as outside the catalogue.
    """
    for source, table in sources.items():
        titles = [[catalogue.title_of(i) for i in named] for named in table["named"].to_list()]
        outside = [t.count(OUTSIDE) / len(t) if t else 1.0 for t in titles]
        repeated = [_repeated(t) / len(t) if t else 0.0 for t in titles]
        yield cell.row(evaluation, "out of catalogue", users.share(outside), source)
        yield cell.row(evaluation, "repetition", users.share(repeated), source)


def _repeated(titles: Sequence[int]) -> int:
    inside = [t for t in titles if t != OUTSIDE]
    return len(inside) - len(set(inside))
