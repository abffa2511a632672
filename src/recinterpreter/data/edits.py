"""Edits of histories: one item dropped, swapped, replaced or appended, to see if the text follows.

Titles, not items, are what an LLM says: items of one title count as one item here, `alike` numbers
their titles. An edit touches titles that stand in a history once, so that a title taken out is out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recinterpreter.settings.evidence import EditKind

# What draws of one seed are told apart by; a kind keeps its number whatever others are wanted.
_NUMBERS: dict[EditKind, int] = {"drop": 0, "swap": 1, "replace": 2, "append": 3}


@dataclass(frozen=True)
class Edit:
    """What became of a history.

    positions: the places that were touched, counted from 0: in the history as it was, or, of an
    item appended, in the edited one; taken: the item that is out, put: the item that is in, None
    where there is none; history: the edited one, oldest first.
    """

    kind: EditKind
    positions: list[int]
    taken: int | None
    put: int | None
    history: list[int]


def edit_history(
    kind: EditKind,
    history: Sequence[int],
    strangers: Sequence[int],
    alike: Mapping[int, int],
    longest: int,
    random: np.random.Generator,
) -> Edit | None:
    """Edit one item of a history of at most `longest` items; None where it cannot be done.

    strangers: the items that may be put in, none of them of a title its user has met. A coin says
    whether the last item is touched, by which the residual task asks: of all edits about half.
    Of a full history with an item appended the oldest leaves.
    """
    items = list(history)
    if kind == "append":
        return _appended(items, strangers, longest, random) if strangers else None
    titles = [alike[item] for item in items]
    single = [place for place, title in enumerate(titles) if titles.count(title) == 1]
    places = _places(single, len(items) - 1, 2 if kind == "swap" else 1, random)
    if places is None or (kind == "drop" and len(items) < 2):
        return None
    place = places[0]
    taken = put = None
    if kind == "swap":
        items[place], items[places[1]] = items[places[1]], items[place]
    elif kind == "drop":
        taken = items.pop(place)
    elif not strangers:
        return None
    else:
        put = _drawn(strangers, random)
        taken, items[place] = items[place], put
    return Edit(kind, places, taken, put, items)


def edits_of(
    kind: EditKind,
    histories: Mapping[int, Sequence[int]],
    strangers: Mapping[int, Sequence[int]],
    alike: Mapping[int, int],
    longest: int,
    seed: int,
) -> dict[int, Edit]:
    """Edit the histories of examples, by id; those that cannot be edited are left out.

    An example's edit depends on the seed and on its own, not on which others are edited with it.
    """
    found = {}
    for example, history in histories.items():
        random = np.random.default_rng([seed, _NUMBERS[kind], example])
        edit = edit_history(kind, history, strangers[example], alike, longest, random)
        if edit is not None:
            found[example] = edit
    return found


def _appended(
    items: list[int], strangers: Sequence[int], longest: int, random: np.random.Generator
) -> Edit:
    put = _drawn(strangers, random)
    taken = items[0] if len(items) == longest else None
    edited = [*items, put][-longest:]
    return Edit("append", [len(edited) - 1], taken, put, edited)


def _places(
    single: list[int], last: int, count: int, random: np.random.Generator
) -> list[int] | None:
    """Draw one or two of the places, ascending; the last among them by a coin, where it may be."""
    at_last = bool(random.integers(2))
    others = [place for place in single if place != last]
    n_others = count - (at_last and last in single)
    if len(others) < n_others and last in single and not at_last:
        at_last, n_others = True, count - 1
    if len(others) < n_others:
        return None
    drawn = sorted(int(p) for p in random.choice(others, n_others, replace=False)) if others else []
    return [*drawn, last] if n_others < count else drawn


def _drawn(items: Sequence[int], random: np.random.Generator) -> int:
    return items[int(random.integers(len(items)))]
