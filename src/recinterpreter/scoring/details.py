"""What answers hold beside their headline score, from the same verdicts.

Near titles and the authors' matching, for every task. Of recovery: the order and place of what is
named, and what is recovered by recency and popularity; of residual: accuracy by popularity, and how
small a difference could be seen.
Shapes: n answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from recinterpreter.scoring import legacy, places
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
from recinterpreter.scoring.fuzzy import NearTitles
from recinterpreter.scoring.matcher import OUTSIDE, Catalogue
from recinterpreter.scoring.published import TABLE_2
from recinterpreter.scoring.significance import detectable_difference
from recinterpreter.scoring.statistics import Estimate, UserBootstrap, wilson
from recinterpreter.scoring.strata import STRATA, within
from recinterpreter.settings.scores import Scores

Answer = Mapping[str, Any]
Counts = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Knowledge:
    """What is known of the items: titles by item, the same as a catalogue, and popularity."""

    titles: Mapping[int, str]
    catalogue: Catalogue
    strata: Mapping[int, str]


def detail_scores(
    verdicts: pl.DataFrame, known: Knowledge, history: int, settings: Scores
) -> Iterator[Row]:
    """Yield all of it for every cell and source of a table VERDICTS.

    history: the length L of a full history.
    """
    near = NearTitles(known.titles.values(), settings.similarity)
    for evaluation in (LAST, ALL):
        chosen = verdicts.filter(pl.col("last")) if evaluation == LAST else verdicts
        keys = ["recommender", "seed", "task", "adapter"]
        for key, rows in chosen.group_by(keys, maintain_order=True):
            cell = Cell(*key)
            users = None
            for (source,), table in rows.group_by("source", maintain_order=True):
                answers = table.sort("example_id")
                # all sources answer the same examples, so one drawing serves them
                users = users or bootstrap(answers["user_id"].to_numpy(), settings)
                part = _Part(cell, evaluation, str(source), answers.to_dicts(), users, settings)
                yield from part.near_titles(near)
                yield from part.by_legacy(known.titles)
                yield from part.by_place(known, history)
                yield from part.detectable()


@dataclass(frozen=True)
class _Part:
    """The answers of one cell to one source of states."""

    cell: Cell
    evaluation: str
    source: str
    answers: list[dict[str, Any]]
    users: UserBootstrap
    settings: Scores

    def near_titles(self, near: NearTitles) -> Iterator[Row]:
        """What share of an answer's titles are outside the catalogue, but near to one title."""
        shares = [_nearly_named(answer, near) for answer in self.answers]
        yield self._row("fuzzy", self.users.share(shares))

    def by_legacy(self, titles: Mapping[int, str]) -> Iterator[Row]:
        """The score as the authors' matching gives it, and its distance to ours."""
        counted = [
            sum(legacy.found(titles[item], answer["text"]) for item in answer["expected"])
            for answer in self.answers
        ]
        theirs: Reals = np.array(counted, float)
        if self.cell.task == "residual":
            metric, column = "accuracy", "correct"
            found = share(self.evaluation, theirs, self.users, self.settings)
        else:
            metric, column = "hits", "hits"
            found = self.users.mean(theirs)
        yield self._row(f"legacy {metric}", found)
        if self.source == RECORDED:
            ours = [float(answer[column]) for answer in self.answers]
            yield self._row(f"legacy {metric} minus ours", self.users.difference(theirs, ours))

    def by_place(self, known: Knowledge, history: int) -> Iterator[Row]:
        """Which places of the history are hit: in order, by recency, by popularity."""
        asked = [answer["expected"] for answer in self.answers]
        hit = [places.hit_places(a["expected"], a["named"]) for a in self.answers]
        if self.cell.task == "residual":
            # an answer that names more than it should is wrong, whatever it hits
            right = [p if a["correct"] else [] for a, p in zip(self.answers, hit, strict=True)]
            for stratum in STRATA:
                counts = [
                    within(stratum, known.strata, e, p) for e, p in zip(asked, right, strict=True)
                ]
                yield from self._shares(f"accuracy, {stratum}", counts)
            return
        yield from self._shares("pairs in order", [places.pairs_in_order(p) for p in hit])
        own = [
            places.at_their_place(known.catalogue, a["expected"], a["named"]) for a in self.answers
        ]
        yield from self._shares("at their place", own)
        for k in range(1, history + 1):
            late = [places.from_the_end(e, p, k) for e, p in zip(asked, hit, strict=True)]
            yield from self._shares(f"recovered, {k} from the end", late)
        for stratum in STRATA:
            part = [within(stratum, known.strata, e, p) for e, p in zip(asked, hit, strict=True)]
            yield from self._shares(f"recovered, {stratum}", part)

    def detectable(self) -> Iterator[Row]:
        """The least difference of accuracies that as many users can show, and the paper's 95.

        Of last examples alone, which are independent.
        """
        if (self.cell.task, self.evaluation, self.source) != ("residual", LAST, RECORDED):
            return
        right = float(np.mean([answer["correct"] for answer in self.answers]))
        papers = TABLE_2["ml-100k"][0]
        for metric, n in (
            ("detectable difference", len(self.answers)),
            ("detectable difference at the paper's n", papers),
        ):
            least = detectable_difference(right, n, self.settings.confidence, self.settings.power)
            yield self._row(metric, Estimate(least, None, None, n))

    def _shares(self, metric: str, counts: Counts) -> Iterator[Row]:
        """Yield the share of what was asked that was found; nothing where nothing was asked."""
        found, asked = np.array(counts, float).T
        if not asked.any():
            return
        single = asked.max() == 1 and np.isin(found, (0.0, 1.0)).all()
        if self.evaluation == LAST and single:
            # one question to a user at most: independent
            confidence = self.settings.confidence
            yield self._row(metric, wilson(int(found.sum()), int(asked.sum()), confidence))
        else:
            yield self._row(metric, self.users.ratio(found, asked))

    def _row(self, metric: str, estimate: Estimate) -> Row:
        return self.cell.row(self.evaluation, metric, estimate, self.source)


def _nearly_named(answer: Answer, near: NearTitles) -> float:
    """Share of the titles of an answer that are near to a title and none."""
    spans = zip(answer["spans"][::2], answer["spans"][1::2], strict=True)
    words = [
        answer["text"][start:end]
        for item, (start, end) in zip(answer["named"], spans, strict=True)
        if item == OUTSIDE
    ]
    return sum(map(near.near, words)) / len(answer["named"]) if answer["named"] else 0.0


def catalogue_scores(known: Knowledge) -> Iterator[Row]:
    """Yield how many titles of a catalogue each way of matching fails to tell from each other.

    Counts, of so many distinct titles; evaluation "titles".
    """
    distinct = sorted(set(known.titles.values()))
    own = {title: known.catalogue.title_of(item) for item, title in known.titles.items()}
    found = {title: {o.title for o in known.catalogue.find(title)} for title in distinct}
    elsewhere = {other for title in distinct for other in found[title] - {own[title], OUTSIDE}}
    counts = {
        "ours, lost": sum(own[title] not in found[title] for title in distinct),
        "ours, in others": len(elsewhere),
        "legacy, lost": sum(not legacy.found(title, title) for title in distinct),
        "legacy, in others": len(legacy.found_elsewhere(distinct)),
        "legacy, taken literally": sum(map(legacy.taken_literally, distinct)),
    }
    for metric, count in counts.items():
        estimate = Estimate(float(count), None, None, len(distinct))
        yield Cell("catalogue").row("titles", metric, estimate, None)
