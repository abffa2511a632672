"""Scores of judgements: whose title is preferred (paper, Table 3), and how sound judges are.

A case is one unit, whatever its number of rotations: its value is the mean over them, so that every
title has stood in every place. A shared title counts half for each of its two sources.
Shapes: n cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import polars as pl
from scipy.stats import binomtest, norm

from recinterpreter.scoring.comparison import LAST, Cell, Row, bootstrap
from recinterpreter.scoring.statistics import Estimate, wilson
from recinterpreter.settings.scores import Scores

RANDOM, SASREC, DREAMREC = "random", "sasrec", "dreamrec"
SOURCES = (RANDOM, SASREC, DREAMREC)
SHARED = "+"
"""Stands between the names of two sources that offer the same title."""
UNCLEAR = "unclear"
TASK = "judge"
JUDGE = "judge"
"""Stands for the judge himself where a recommender is named: scores of how he judges."""

TABLE_3: dict[str, tuple[int, dict[str, int]]] = {
    "ml-100k": (95, {RANDOM: 13, SASREC: 34, DREAMREC: 48}),
    "steam": (131, {RANDOM: 1, SASREC: 67, DREAMREC: 63}),
}
"""Data set -> cases, and how many of them each source's title was preferred in: the paper's shares,
13.68 / 35.79 / 50.53 and 0.76 / 51.15 / 48.09 %, are these counts."""


def judge_scores(judgements: pl.DataFrame, settings: Scores) -> Iterator[Row]:
    """Yield the scores of a table JUDGEMENTS, for every seed and adapter and every judge."""
    for (seed, adapter), cell in judgements.group_by(["seed", "adapter"], maintain_order=True):
        verdicts: dict[str, pl.DataFrame] = {}
        for (judge,), rows in cell.group_by("judge", maintain_order=True):
            whole = Cell(JUDGE, int(str(seed)), TASK, str(adapter))
            verdicts[str(judge)] = _cases(rows)
            yield from _preferences(whole, str(judge), verdicts[str(judge)], settings)
            yield from _places(whole, str(judge), rows, settings)
        for judge, other in combinations(verdicts, 2):
            pair = verdicts[judge]["verdict"].to_list(), verdicts[other]["verdict"].to_list()
            for metric, found in _agreement(*pair, settings):
                yield whole.row(LAST, f"{metric} with {other}", found, judge)


def published_judgements(settings: Scores) -> Iterator[Row]:
    """Yield the paper's Table 3 with intervals, and whether DreamRec differs from SASRec in it.

    The evaluation is "paper, <data set>". The sign test asks it of the cases that preferred either.
    """
    for dataset, (n, preferred) in TABLE_3.items():
        evaluation = f"paper, {dataset}"
        for source, count in preferred.items():
            found = wilson(count, n, settings.confidence)
            yield Cell(source, task=TASK).row(evaluation, "preferred", found, None)
        either = preferred[SASREC] + preferred[DREAMREC]
        p = float(binomtest(preferred[DREAMREC], either).pvalue)
        sign = Estimate(p, None, None, either)
        yield Cell(DREAMREC, task=TASK).row(evaluation, f"sign p, {SASREC}", sign, None)


def _cases(rows: pl.DataFrame) -> pl.DataFrame:
    """One judge's view of every case: user_id, a share per source, unclear, consistent, verdict.

    verdict: what he picked in more than half of the rotations, or unclear.
    """
    sources = pl.col("picked").str.split(SHARED)
    credits = {name: sources.list.contains(name) / sources.list.len() for name in SOURCES}
    marked = rows.with_columns(**credits, unclear=(pl.col("picked") == UNCLEAR).cast(pl.Float64))
    often = pl.col("picked").mode().sort().first()
    return (
        marked.group_by("case_id")
        .agg(
            pl.col("user_id").first(),
            pl.col("offered_by").first(),
            pl.col(*SOURCES, "unclear").mean(),
            consistent=(pl.col("picked").n_unique() == 1) & (pl.col("picked") != UNCLEAR).all(),
            verdict=pl.when((pl.col("picked") == often).mean() > 0.5)
            .then(often)
            .otherwise(pl.lit(UNCLEAR)),
        )
        .sort("case_id")
    )


def _preferences(whole: Cell, judge: str, cases: pl.DataFrame, settings: Scores) -> Iterator[Row]:
    users = bootstrap(cases["user_id"].to_numpy(), settings)
    values = {name: cases[name].to_numpy() for name in SOURCES}
    cells = {name: Cell(name, whole.seed, TASK, whole.adapter) for name in SOURCES}
    for name in SOURCES:
        yield cells[name].row(LAST, "preferred", users.share(values[name]), judge)
    for name, other in ((SASREC, RANDOM), (DREAMREC, RANDOM), (DREAMREC, SASREC)):
        margin = users.difference(values[name], values[other])
        yield cells[name].row(LAST, f"preferred minus {other}", margin, judge)
    offered = cases["offered_by"].list.join(SHARED).str.split(SHARED)
    marks = {
        "unclear": cases["unclear"],
        "consistent": cases["consistent"],
        "same title": cases["offered_by"].list.contains(f"{SASREC}{SHARED}{DREAMREC}"),
        "no oracle title": ~offered.list.contains(DREAMREC),
    }
    for metric, marked in marks.items():
        found = users.share(marked.cast(pl.Float64).to_numpy())
        yield whole.row(LAST, metric, found, judge)


def _places(whole: Cell, judge: str, rows: pl.DataFrame, settings: Scores) -> Iterator[Row]:
    """How often each of three places is picked: a third each, unless places themselves count."""
    clear = rows.filter((pl.col("options") == len(SOURCES)) & (pl.col("place") > 0))
    if not len(clear):
        return
    users = bootstrap(clear["user_id"].to_numpy(), settings)
    for place in range(1, len(SOURCES) + 1):
        picked = (clear["place"] == place).cast(pl.Float64).to_numpy()
        yield whole.row(LAST, f"place {place}", users.share(picked), judge)


def _agreement(
    verdicts: Sequence[str], others: Sequence[str], settings: Scores
) -> Iterator[tuple[str, Estimate]]:
    """Compare two judges' verdicts on the same cases: how often they agree, and Cohen's kappa.

    Kappa has the interval of its asymptotic deviation; it is left out where both judges always say
    the same one thing, since there it is not defined.
    """
    from statsmodels.stats.inter_rater import cohens_kappa

    n = len(verdicts)
    same = sum(a == b for a, b in zip(verdicts, others, strict=True))
    yield "agreement", wilson(same, n, settings.confidence)
    said = sorted({*verdicts, *others})
    if len(said) > 1:
        table = np.zeros((len(said), len(said)))
        for a, b in zip(verdicts, others, strict=True):
            table[said.index(a), said.index(b)] += 1
        found = cohens_kappa(table)
        reach = float(norm.ppf((1 + settings.confidence) / 2) * found.std_kappa)
        value = float(found.kappa)
        yield "kappa", Estimate(value, max(value - reach, -1.0), min(value + reach, 1.0), n)
