"""What judges decide: the titles that three sources offer to one user, shuffled, then rotated.

A case that offers one title twice shows it once; who picks it picks both of its sources. DreamRec
may offer nothing (an answer without words); then there are two titles and it cannot be preferred.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recinterpreter.judge.prompts import shown
from recinterpreter.scoring.judge import SHARED
from recinterpreter.scoring.matcher import OUTSIDE, Catalogue


@dataclass(frozen=True)
class Offer:
    """Titles, in the order of rotation 0, and for each who offers it: one source, or two."""

    titles: list[str]
    offered_by: list[str]


def offer(named: Mapping[str, str], rng: np.random.Generator) -> Offer:
    """Shuffle the titles that sources name; equal titles become one, an empty one is left out.

    named: source -> title. Titles are equal as answers are: in their canonical form.
    """
    wordy = {source: title for source, title in named.items() if _has_words(title)}
    catalogue = Catalogue(dict(enumerate(wordy.values(), start=1)))
    sources: dict[int, list[str]] = {}
    for number, source in enumerate(wordy, start=1):
        sources.setdefault(catalogue.title_of(number), []).append(source)
    groups = [list(sources.values())[i] for i in rng.permutation(len(sources))]
    return Offer([wordy[group[0]] for group in groups], [SHARED.join(group) for group in groups])


def _has_words(title: str) -> bool:
    return any(character.isalnum() for character in title)


def rotations(n: int) -> Iterator[list[int]]:
    """Yield the n orders in which n options are shown: each stands once in every position."""
    for first in range(n):
        yield [(first + step) % n for step in range(n)]


def picked(reply: str, options: Sequence[str], history: Sequence[str]) -> int | None:
    """Return which option a reply names, by its title; None (unclear) for none or several of them.

    The history's titles are known too: "Alien" is not picked by a reply that speaks of "Alien 3".
    """
    titles = [*options, *history]
    catalogue = Catalogue({i: shown(title) for i, title in enumerate(titles, start=1)})
    found = {
        catalogue.items_of(occurrence.title)[0] - 1
        for occurrence in catalogue.find(reply)
        if occurrence.title != OUTSIDE
    }
    chosen = [option for option in found if option < len(options)]
    return chosen[0] if len(chosen) == 1 else None
