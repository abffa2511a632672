"""What a frozen LLM reads in states, as a ranking of the catalogue's titles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from recinterpreter.interpretation.shown import ShownStates, fingerprints, soft_tokens
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.batching import Batches
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.likelihood import AnswerLikelihoods
from recinterpreter.language_model.prompts import PromptTemplate


class Reading:
    """The titles of a catalogue by the likelihood of the answers that name them.

    A title that several items bear is one candidate. No states are shown to the LLM twice: what it
    makes of them is kept, a number for each title (see `answering.Interview`).
    """

    def __init__(
        self,
        adapter: Adapter,
        llm: FrozenLanguageModel,
        template: PromptTemplate,
        titles: Sequence[str],
        batch_size: int,
    ) -> None:
        """Take what asks; titles: of the catalogue, in any order."""
        distinct = list(dict.fromkeys(titles))
        self._place = {title: i for i, title in enumerate(distinct)}
        self._adapter, self._llm = adapter, llm
        self._answers = AnswerLikelihoods(llm, template, distinct)
        self._batches = Batches(batch_size)
        self._likely: dict[bytes, np.ndarray] = {}

    def ask(self, states: ShownStates) -> Iterator[int]:
        """Ask about the states not asked about before; yield how many of all are read."""
        keys = fingerprints(states)
        places = ((key, row) for row, key in reversed(list(enumerate(keys))))
        first = {key: row for key, row in places if key not in self._likely}
        new = np.array(sorted(first.values()), np.int64)

        @torch.inference_mode()
        def likelihoods(rows: np.ndarray) -> list[np.ndarray]:
            soft = soft_tokens(self._adapter, states, new[rows], self._llm.device)
            return list(self._answers.of(soft, len(rows)).cpu().numpy())

        for rows, found in self._batches.over(len(new), likelihoods):
            self._likely.update(zip((keys[row] for row in new[rows]), found, strict=True))
            yield len(states) - len(new) + int(rows[-1]) + 1

    def ranks(
        self, states: ShownStates, wanted: Sequence[str], barred: Sequence[Sequence[str]]
    ) -> np.ndarray:
        """Return the rank of the title wanted of each of the states, 1 the best: (N,).

        barred: titles that are no candidates, for each of the states; the wanted one always is. A
        title as likely as the wanted one stands before it.
        """
        found = np.empty(len(states), np.int32)
        for row, key in enumerate(fingerprints(states)):
            likely, own = self._likely[key], self._place[wanted[row]]
            stands = ~(likely < likely[own])
            stands[[self._place[title] for title in barred[row]]] = False
            stands[own] = True
            found[row] = stands.sum()
        return found
