"""A judge of the generated data set, who knows how it was made and reads nothing but the prompt.

He sees titles, not users. So he weighs all planted tastes by how well they explain the history
(Bayes), and takes the option that the generator would most likely go on with: one that often
follows the last item, or is to the taste of such a person.
Shapes: U users, I items.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from recinterpreter.data.demo import FOLLOWS
from recinterpreter.judge.prompts import read_question
from recinterpreter.scoring.matcher import canonical


class PlantedJudge:
    """Answers questions about the generated data set.

    titles: item id -> title; preferences: (U, I) the planted tastes, a distribution each;
    follows: (I, I) probability of each next item after the last; position_bias: share of questions
    in which the first option is taken, whatever it is.
    """

    def __init__(
        self,
        titles: Mapping[int, str],
        preferences: np.ndarray,
        follows: np.ndarray,
        position_bias: float,
    ) -> None:
        self._column = {canonical(title): item - 1 for item, title in titles.items()}
        self._preferences = preferences
        self._log = np.log(preferences)
        self._follows = follows
        self._bias = position_bias

    def answer(self, prompt: str) -> str:
        """Reply to one question; the same one always gets the same reply."""
        history, options = read_question(prompt)
        if _chance(prompt) < self._bias:
            return _said(options[0])
        known = [self._column[title] for title in map(canonical, history) if title in self._column]
        worth = self._worth(known)
        # a title of no film is worth nothing
        columns = [self._column.get(canonical(title)) for title in options]
        worths = [-1.0 if column is None else worth[column] for column in columns]
        return _said(options[int(np.argmax(worths))])

    def _worth(self, history: Sequence[int]) -> np.ndarray:
        """Probability of each next item (I,) after these, mixed over all planted tastes."""
        explains = self._log[:, list(history)].sum(axis=1)
        weight = np.exp(explains - explains.max())
        taste: np.ndarray = weight @ self._preferences / weight.sum()
        if not history:
            return taste
        mixed: np.ndarray = FOLLOWS * self._follows[history[-1]] + (1 - FOLLOWS) * taste
        return mixed


def _chance(prompt: str) -> float:
    """Return a number in [0, 1) that is drawn by the prompt, so that no order of asking counts."""
    return int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:7], "big") / 2**56


def _said(title: str) -> str:
    return f"I would pick {title}."
