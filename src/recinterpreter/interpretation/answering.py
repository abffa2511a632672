"""Show states to the frozen LLM through a trained adapter and collect its answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from recinterpreter.checkpoint import Progress
from recinterpreter.interpretation.shown import ShownStates, fingerprints, soft_tokens
from recinterpreter.kept import Kept
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.batching import Batches
from recinterpreter.language_model.decoding import Answer, greedy
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.grammar import TitleGrammar
from recinterpreter.language_model.prompts import PromptTemplate

# key: the fingerprint of the states that were shown
_KEPT = pa.schema(
    pa.field(name, kind, nullable=False)
    for name, kind in {
        "key": pa.binary(),
        "text": pa.string(),
        "n_new_tokens": pa.int32(),
        "finished": pa.bool_(),
    }.items()
)


class Interview:
    """One question of a frozen LLM about any number of states, none of them shown to it twice.

    What it says of a state is kept: the control of another user shows states that were shown
    before, the mean state is one for all histories of a length, and an empty slot is always the
    same.
    """

    def __init__(
        self,
        adapter: Adapter,
        llm: FrozenLanguageModel,
        template: PromptTemplate,
        batch_size: int,
        max_new_tokens: int,
        grammar: TitleGrammar | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Take what asks and how; grammar: what answers are held to, None leaves them free.

        progress: where answers are kept, and found again after a death.
        """
        self._adapter, self._llm, self._template = adapter, llm, template
        self._batches = Batches(batch_size)
        self._max_new_tokens, self._grammar = max_new_tokens, grammar
        self._said: dict[bytes, Answer] = {}
        self._kept = Kept(progress or Progress(None), _KEPT)
        for table in self._kept.earlier():
            self._said |= {row.pop("key"): Answer(**row) for row in table.to_pylist()}

    def ask(self, states: ShownStates) -> Iterator[int]:
        """Ask about the states not asked about before; yield how many of all are answered."""
        keys = fingerprints(states)
        first = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self._said}
        new = np.array(sorted(first.values()), np.int64)

        def answers(rows: np.ndarray) -> list[Answer]:
            with torch.inference_mode():
                soft = soft_tokens(self._adapter, states, new[rows], self._llm.device)
            return greedy(
                self._llm, self._template, soft, len(rows), self._max_new_tokens, self._grammar
            )

        for rows, said in self._batches.over(len(new), answers):
            told = {keys[row]: answer for row, answer in zip(new[rows], said, strict=True)}
            self._said |= told
            columns = zip(*map(astuple, said), strict=True)
            self._kept.add(dict(zip(_KEPT.names, ([*told], *columns), strict=True)))
            yield len(states) - len(new) + int(rows[-1]) + 1

    def rows(self, states: ShownStates) -> list[dict[str, Any]]:
        """Return the rows of ANSWERS of states that were asked about, in their order."""
        return [
            {
                "example_id": int(example),
                "template": self._template.name,
                "text": answer.text,
                "n_new_tokens": answer.n_new_tokens,
                "finished": answer.finished,
            }
            for example, answer in zip(
                states.example_ids, map(self._said.__getitem__, fingerprints(states)), strict=True
            )
        ]
