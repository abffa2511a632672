"""Words of an answer that nearly name a title: reported apart, never a hit."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from recinterpreter.scoring.matcher import canonical


class NearTitles:
    """The canonical titles of a catalogue, and what is like one of them.

    similarity: 1 - edits / length of the longer, in canonical form, from which on words count as
    near to a title.
    """

    def __init__(self, titles: Iterable[str], similarity: float) -> None:
        self._titles = sorted({canonical(title) for title in titles})
        self._similarity = similarity
        self._known: dict[str, bool] = {}

    def near(self, words: str) -> bool:
        """Say whether words outside the catalogue are near to one title of it, and only one.

        Words that could be either of two titles name neither.
        """
        form = canonical(words)
        if form not in self._known:
            likely = process.extract(
                form,
                self._titles,
                scorer=Levenshtein.normalized_similarity,
                score_cutoff=self._similarity,
                limit=2,
            )
            self._known[form] = len(likely) == 1
        return self._known[form]
