"""Scores of the recovery task: how many items of the history are named (paper, Figure 4)?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from recinterpreter.scoring.comparison import RECORDED, Cell, Reals, Row, against_controls, share
from recinterpreter.scoring.matcher import Catalogue, Occurrence
from recinterpreter.scoring.statistics import Estimate, UserBootstrap
from recinterpreter.scoring.verdicts import judge
from recinterpreter.settings.scores import Scores

METRIC = "hits"
POPULARITY = Cell("popularity", task="recovery")
_NAMED_BY_POPULARITY = 10  # paper: "Pop" names the ten most popular items to everyone


def recovery_scores(
    cell: Cell, evaluation: str, hits: Mapping[str, Reals], users: UserBootstrap
) -> Iterator[Row]:
    """Yield the mean number of recovered items with every source, compared with the controls.

    hits: source -> (n) recovered items of each example.
    """
    for source, recovered in hits.items():
        yield cell.row(evaluation, METRIC, users.mean(recovered), source)
    yield from against_controls(cell, evaluation, METRIC, hits, users)


def distribution(
    evaluation: str, hits: Reals, history: int, users: UserBootstrap, settings: Scores
) -> Iterator[tuple[str, Estimate]]:
    """Yield metric and share: answers that recover more than 0, 1, ..., L - 1 items."""
    for k in range(history):
        more = (hits > k).astype(float)
        yield f"more than {k}", share(evaluation, more, users, settings)


def against_popularity(
    cell: Cell, evaluation: str, hits: Reals, popular: Reals, users: UserBootstrap
) -> Row:
    """Compare recorded states with naming the same most popular items to everyone."""
    difference = users.difference(hits, popular)
    return cell.row(evaluation, f"{METRIC} minus popularity", difference, RECORDED)


def training_interactions(examples: pl.DataFrame) -> dict[int, int]:
    """Return how many interactions of the train split every item has that has any.

    Every interaction of a train example's user is the target of one of his examples, but the
    first one (position 0), which has no history: it is the history of the example at position 1.
    """
    train = examples.filter(pl.col("split") == "train")
    firsts = train.filter(pl.col("position") == 1)["history"].list.first()
    counts = pl.concat([train["target"], firsts.alias("target")]).value_counts()
    return dict(counts.select("target", "count").iter_rows())


def most_popular(examples: pl.DataFrame, count: int = _NAMED_BY_POPULARITY) -> list[int]:
    """Return the items with the most interactions in the train split, most popular first."""
    counts = training_interactions(examples)
    return sorted(counts, key=lambda item: (-counts[item], -item))[:count]


def hits_of_popular(
    catalogue: Catalogue, popular: Sequence[int], histories: Sequence[Sequence[int]]
) -> Reals:
    """Return how many items of each history the popular ones recover, by titles as an answer."""
    named = [Occurrence(catalogue.title_of(item), 0, 0) for item in popular]
    return np.array([judge(catalogue, history, named).hits for history in histories], float)
