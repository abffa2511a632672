"""What a frozen LLM reads in states, as a ranking of the catalogue's titles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import torch

from recinterpreter import tables
from recinterpreter.checkpoint import Progress
from recinterpreter.interpretation.shown import ShownStates, fingerprints, soft_tokens
from recinterpreter.kept import Kept
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.batching import Batches
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.likelihood import AnswerLikelihoods
from recinterpreter.language_model.prompts import PromptTemplate


def _kept(titles: int) -> pa.Schema:
    """Schema of what is kept; key: the fingerprint of the states that were shown."""
    likely = pa.list_(pa.field("element", pa.float32(), nullable=False), titles)
    return pa.schema(
        [
            pa.field("key", pa.binary(), nullable=False),
            pa.field("likely", likely, nullable=False),
        ]
    )


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
        progress: Progress | None = None,
    ) -> None:
        """Take what asks; titles: of the catalogue, in any order.

        progress: where likelihoods are kept, and found again after a death.
        """
        distinct = list(dict.fromkeys(titles))
        self._place = {title: i for i, title in enumerate(distinct)}
        self._adapter, self._llm = adapter, llm
        self._answers = AnswerLikelihoods(llm, template, distinct)
        self._batches = Batches(batch_size)
        self._likely: dict[bytes, np.ndarray] = {}
        self._kept = Kept(progress or Progress(None), _kept(len(distinct)))
        for table in self._kept.earlier():
            found = tables.matrix(table["likely"], 1)[:, 0]
            self._likely |= dict(zip(table["key"].to_pylist(), found, strict=True))

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
            told = {keys[row]: likely for row, likely in zip(new[rows], found, strict=True)}
            self._likely |= told
            self._kept.add({"key": [*told], "likely": np.stack(found)})
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
