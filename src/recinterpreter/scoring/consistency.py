"""Scores of decoded histories: does the recommender do with them what it does with real ones?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from recinterpreter.scoring.comparison import ALL, LAST, RECORDED, Cell, Row, bootstrap
from recinterpreter.settings.scores import Scores

# column of CONSISTENCY -> metric
METRICS = {
    "cosine": "decoded cosine",
    "overlap": "decoded overlap",
    "same_first": "decoded same first",
}
_CONTROL = "another_user"


def consistency_scores(measured: Mapping[Cell, pl.DataFrame], settings: Scores) -> Iterator[Row]:
    """Yield how alike the behaviour is, as with another user's answer, and minus that.

    measured: CONSISTENCY of each recommender and seed.
    """
    for of, table in measured.items():
        for (adapter,), rows in table.group_by("adapter", maintain_order=True):
            cell = Cell(of.recommender, of.seed, "recovery", str(adapter))
            yield from _evaluation(cell, LAST, rows.filter("last"), settings)
            yield from _evaluation(cell, ALL, rows, settings)


def _evaluation(cell: Cell, evaluation: str, rows: pl.DataFrame, settings: Scores) -> Iterator[Row]:
    sources = {
        str(name): part.sort("example_id")
        for (name,), part in rows.group_by("source", maintain_order=True)
    }
    users = bootstrap(sources[RECORDED]["user_id"].to_numpy(), settings)
    for column, metric in METRICS.items():
        values = {s: part[column].cast(pl.Float64).to_numpy() for s, part in sources.items()}
        for source, alike in values.items():
            # a cosine is no share, it may be negative
            found = users.mean(alike) if column == "cosine" else users.share(alike)
            yield cell.row(evaluation, metric, found, source)
        if _CONTROL in values:
            margin = users.difference(values[RECORDED], values[_CONTROL])
            yield cell.row(evaluation, f"{metric} minus {_CONTROL}", margin, RECORDED)
    nothing = (sources[RECORDED]["named"] == 0).cast(pl.Float64).to_numpy()
    yield cell.row(evaluation, "decoded nothing", users.share(nothing), RECORDED)
