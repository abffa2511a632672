"""The verdict on one answer: which of the expected items it names, one to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recinterpreter.errors import UserError
from recinterpreter.scoring.matcher import OUTSIDE, Catalogue, Occurrence


@dataclass(frozen=True)
class Verdict:
    """What an answer names.

    named: for every title of the answer one item that bears it, 0 outside the catalogue; spans:
    where it stands, (start, end) for each of `named` in turn; hits: expected items that were
    named, one to one; correct: all of the expected were named and nothing else.
    """

    expected: list[int]
    named: list[int]
    spans: list[int]
    hits: int
    correct: bool


def expected_items(task: str, history: Sequence[int]) -> list[int]:
    """Return what a task's answer is to name: the whole history, or its last item (residual)."""
    if task == "recovery":
        return list(history)
    if task == "residual":
        return list(history[-1:])
    raise UserError(f"answers of task {task!r}: wanted recovery or residual")


def judge(catalogue: Catalogue, expected: Sequence[int], found: Sequence[Occurrence]) -> Verdict:
    """Give the verdict on the titles found in an answer.

    One naming of a title is one hit: of two expected items with the same title (or one item that
    stands in a history twice) both are hit only if the answer names the title twice, as the
    target text does. The order of the titles does not matter.
    """
    open_items = list(expected)
    named: list[int] = []
    for occurrence in found:
        bearers = catalogue.items_of(occurrence.title)
        item = next((i for i in open_items if i in bearers), None)
        if item is not None:
            open_items.remove(item)
        named.append(item if item is not None else bearers[0] if bearers else OUTSIDE)
    hits = len(expected) - len(open_items)
    return Verdict(
        expected=list(expected),
        named=named,
        spans=[place for o in found for place in (o.start, o.end)],
        hits=hits,
        correct=hits == len(expected) == len(named),
    )
