"""Does the text change where a history was edited, and only there?

An answer *follows* an edit that gives it another title to name where it names that title; of a
dropped item, named before, where it names it no more; of two items that changed places, both named
before and after, where it names them in their new order. It *stays* in so far as the untouched
titles it named before are named still. A reader of states does both; one that says the same to
everyone only stays, and one that says something else each time only seems to follow.

So each has a chance to be held against, of the same example where that can be:
- of a new title, or a new order: the answer to the unedited history, by the same criterion;
- of a dropped one: how often it is gone from the answers to other edits, which left it alone;
- of staying: how many of the same titles the answers to other users' edits name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from recinterpreter.scoring.comparison import LAST, Cell, Row, bootstrap
from recinterpreter.scoring.matcher import OUTSIDE
from recinterpreter.scoring.statistics import Estimate, mcnemar
from recinterpreter.settings.scores import Scores

POOLED = "edits"
"""What stands as source where the edits of all kinds are taken together."""

VERDICT = "follows the edits"

Titles = Sequence[int]
Pair = tuple[float, float] | None


@dataclass(frozen=True)
class Wanted:
    """What an edit asks of the answer to it, in title ids.

    arrived: titles to be named that were not before it; left: the other way round; kept: those it
    does not touch; moved: two that changed places, in their new order, where the answer tells of
    order (recovery), else empty.
    """

    arrived: frozenset[int]
    left: frozenset[int]
    kept: frozenset[int]
    moved: tuple[int, ...] = ()


class Marks(NamedTuple):
    """How one answer follows, and how it stays: (as it does, as it would by chance), each 0 to 1.

    None where the edit asks for no such thing of this answer.
    """

    follows: Pair
    stays: Pair


def wanted_of(task: str, was: Titles, now: Titles, positions: Titles) -> Wanted:
    """Say what a task's answer is to make of a history that was edited at some positions.

    was, now: the titles of the history before and after the edit. Recovery asks for all of them,
    residual for the last.
    """
    if task == "residual":
        was, now = was[-1:], now[-1:]
    before, after = frozenset(was), frozenset(now)
    moved: tuple[int, ...] = ()
    if before == after and len(was) > 1:
        moved = tuple(now[place] for place in positions)
    return Wanted(after - before, before - after, (before & after) - set(moved), moved)


def said(task: str, titles: Titles) -> tuple[int, ...]:
    """Return the titles that an answer counts as naming, once each, in its order.

    An answer to residual that names several things names none.
    """
    if task == "residual" and len(titles) != 1:
        return ()
    return tuple(t for t in dict.fromkeys(titles) if t != OUTSIDE)


def marks(
    wanted: Mapping[str, Mapping[int, Wanted]],
    before: Mapping[int, Titles],
    after: Mapping[str, Mapping[int, Titles]],
) -> Iterator[tuple[str, int, Marks]]:
    """Yield the marks of every answer to an edit: (kind, example, marks).

    wanted, after: kind -> example -> what is asked for, and what is said (see `said`); before:
    example -> what is said of the unedited history.
    """
    for kind, answers in after.items():
        named = Counter(title for answer in answers.values() for title in set(answer))
        for example, answer in answers.items():
            asked = wanted[kind][example]
            others = [
                after[other][example]
                for other, known in wanted.items()
                if other != kind and example in known and asked.left <= known[example].kept
            ]
            follows = _follows(asked, before[example], answer, others)
            stays = _stays(asked, before[example], answer, named, len(answers) - 1)
            yield kind, example, Marks(follows, stays)


def _follows(asked: Wanted, before: Titles, after: Titles, others: Sequence[Titles]) -> Pair:
    if asked.moved:
        if not all(t in before and t in after for t in asked.moved):
            return None
        first, second = asked.moved
        does, did = (answer.index(first) < answer.index(second) for answer in (after, before))
        return float(does), float(did)
    if asked.arrived:
        return _share(asked.arrived, after), _share(asked.arrived, before)
    known = asked.left & set(before)
    if not known or not others:
        return None
    return 1 - _share(known, after), 1 - float(np.mean([_share(known, o) for o in others]))


def _stays(
    asked: Wanted, before: Titles, after: Titles, named: Mapping[int, int], n_others: int
) -> Pair:
    """named: how many answers name a title, this one among them; n_others: of other users."""
    known = asked.kept & set(before)
    if not known or not n_others:
        return None
    elsewhere = sum(named[title] - (title in after) for title in known)
    return _share(known, after), elsewhere / (len(known) * n_others)


def _share(titles: frozenset[int], answer: Titles) -> float:
    return len(titles & set(answer)) / len(titles)


def edit_scores(checked: pl.DataFrame, settings: Scores) -> Iterator[Row]:
    """Yield how the answers of each cell follow edits and stay, by kind and of all kinds together.

    checked: a table EDIT_VERDICTS. Users are drawn again with all their edits. The verdict, on all
    kinds together: both are above chance, by their intervals and by a sign test over users. Where
    few answers follow, an interval from resamples alone is too sure.
    """
    keys = ["recommender", "seed", "task", "adapter"]
    for key, rows in checked.group_by(keys, maintain_order=True):
        cell, shown = Cell(*key), []
        for metric in ("follows", "stays"):
            for (source,), part in rows.group_by("source", maintain_order=True):
                yield from _against_chance(cell, str(source), metric, part, settings)
            together = list(_against_chance(cell, POOLED, metric, rows, settings))
            yield from together
            if together:  # who names no title that should stay has shown nothing
                p = _sign_test(metric, rows)
                yield cell.row(LAST, f"{metric} sign test p", p, POOLED)
                shown.append(together[-1]["low"] > 0 and p.value < 1 - settings.confidence)
        verdict = float(len(shown) == 2 and all(shown))
        yield cell.row(LAST, VERDICT, Estimate(verdict, None, None, len(rows)), POOLED)


def _against_chance(
    cell: Cell, source: str, metric: str, rows: pl.DataFrame, settings: Scores
) -> Iterator[Row]:
    """Yield the metric, its chance, and last the difference; nothing where no answer was asked."""
    known = rows.drop_nulls([metric, f"{metric}_by_chance"])
    if not len(known):
        return
    users = bootstrap(known["user_id"].to_numpy(), settings)
    values, chance = known[metric].to_numpy(), known[f"{metric}_by_chance"].to_numpy()
    yield cell.row(LAST, metric, users.share(values), source)
    yield cell.row(LAST, f"{metric} by chance", users.share(chance), source)
    yield cell.row(LAST, f"{metric} minus chance", users.difference(values, chance), source)


def _sign_test(metric: str, rows: pl.DataFrame) -> Estimate:
    """Return the exact two-sided p of as many users above chance as below it; n: of users."""
    margin = pl.col(metric) - pl.col(f"{metric}_by_chance")
    of_user = rows.group_by("user_id").agg(margin.mean().alias("margin"))["margin"].drop_nulls()
    return Estimate(mcnemar(of_user > 0, of_user < 0), None, None, len(of_user))
