"""Scores of oracle items: is what DreamRec dreams up the target, and what does the LLM call it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from recinterpreter.scoring.comparison import ALL, LAST, Cell, Row, bootstrap, share
from recinterpreter.scoring.matcher import OUTSIDE
from recinterpreter.settings.scores import Scores

ORACLE = "oracle"


def oracle_scores(dreams: Mapping[Cell, pl.DataFrame], settings: Scores) -> Iterator[Row]:
    """Yield HR of the targets by their cosine to the dreams, and what the dreams are near to.

    dreams: ORACLE_ITEMS of each cell; all of them are of examples that are answered.
    """
    for cell, table in dreams.items():
        for evaluation, chosen in ((LAST, table.filter("last")), (ALL, table)):
            users = bootstrap(chosen["user_id"].to_numpy(), settings)
            marks = {f"oracle hr@{k}": chosen["rank"] <= k for k in settings.cutoffs}
            for metric, marked in {**marks, "oracle nearest seen": chosen["seen"]}.items():
                found = share(evaluation, marked.cast(pl.Float64).to_numpy(), users, settings)
                yield cell.row(evaluation, metric, found, None)
            cosine = users.mean(chosen["cosine"].to_numpy())
            yield cell.row(evaluation, "oracle nearest cosine", cosine, None)


def oracle_word_scores(verdicts: pl.DataFrame, settings: Scores) -> Iterator[Row]:
    """Yield where the words for dreams lie: outside the catalogue, or on the nearest item.

    verdicts: VERDICTS of answers to oracle items, expected the item nearest to the dream (paper,
    section 4.3: 28.13 % outside on MovieLens, 48.67 % on Steam). Agreement counts all answers.
    """
    keys = ["recommender", "seed", "task", "adapter"]
    for key, table in verdicts.group_by(keys, maintain_order=True):
        cell = Cell(*key)
        for evaluation, chosen in ((LAST, table.filter("last")), (ALL, table)):
            users = bootstrap(chosen["user_id"].to_numpy(), settings)
            first = chosen["named"].list.first().fill_null(OUTSIDE)
            for metric, marked in (
                ("out of catalogue", first == OUTSIDE),
                ("agrees with nearest", chosen["correct"]),
            ):
                found = share(evaluation, marked.cast(pl.Float64).to_numpy(), users, settings)
                yield cell.row(evaluation, metric, found, ORACLE)
