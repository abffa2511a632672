"""How popular an item is: a third of the training interactions to each stratum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

STRATA = ("popular", "middling", "rare")


def popularity_strata(items: Iterable[int], interactions: Mapping[int, int]) -> dict[int, str]:
    """Return the stratum of every item.

    interactions: how many an item has in training; without any it is rare. Thirds of the
    interactions and not of the items, so that about as much is asked of each: the popular items are
    few. An item at a border belongs where its first interaction does.
    """
    ranked = sorted(items, key=lambda item: (-interactions.get(item, 0), item))
    total = sum(interactions.values())
    strata: dict[int, str] = {}
    before = 0
    for item in ranked:
        third = 3 * before // total if total else 2
        strata[item] = STRATA[min(third, 2)]
        before += interactions.get(item, 0)
    return strata


def within(
    stratum: str, strata: Mapping[int, str], expected: Sequence[int], places: Iterable[int]
) -> tuple[float, float]:
    """Count the expected items of a stratum that are hit, and all of them.

    places: those of `expected` that are hit.
    """
    asked = [place for place, item in enumerate(expected) if strata[item] == stratum]
    return float(len(set(asked).intersection(places))), float(len(asked))
