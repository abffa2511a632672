"""Where in a history the titles of an answer belong: their order, place and recency.

Counts of each answer, found and asked, which a bootstrap over users makes shares of.
Shapes: L places of a history, oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from recinterpreter.scoring.matcher import OUTSIDE, Catalogue


def hit_places(expected: Sequence[int], named: Sequence[int]) -> list[int]:
    """Return the places of the history that an answer hits, in the order in which it does.

    expected, named: as in a verdict. An item that stands twice is hit at its older place first.
    """
    still_open = dict(enumerate(expected))
    places = []
    for item in named:
        place = next((p for p, other in still_open.items() if other == item), None)
        if place is not None:
            del still_open[place]
            places.append(place)
    return places


def pairs_in_order(places: Sequence[int]) -> tuple[float, float]:
    """Return the share of pairs of hits that are named in the history's order, and 1; or 0, 0.

    It is (1 + tau) / 2 with Kendall's tau of the answer's and the history's order, so one half by
    chance. An answer of less than two hits has no order.
    """
    pairs = list(combinations(places, 2))
    if not pairs:
        return 0.0, 0.0
    return sum(first < second for first, second in pairs) / len(pairs), 1.0


def at_their_place(
    catalogue: Catalogue, expected: Sequence[int], named: Sequence[int]
) -> tuple[float, float]:
    """Count the places of a history whose title is the answer's title of the same number, and L."""
    wanted, said = (list(map(catalogue.title_of, items)) for items in (expected, named))
    own = sum(a == b != OUTSIDE for a, b in zip(wanted, said, strict=False))
    return float(own), float(len(expected))


def from_the_end(expected: Sequence[int], places: Sequence[int], k: int) -> tuple[float, float]:
    """Say whether the k-th item from the end of the history is hit, and whether there is one."""
    asked = len(expected) >= k
    return float(asked and len(expected) - k in places), float(asked)
