"""What training an adapter asks of the LLM, counted from the data and the tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recinterpreter.interpretation.ragged import Ragged
from recinterpreter.language_model.causal import LanguageModel
from recinterpreter.language_model.cost import Sizes
from recinterpreter.language_model.prompts import templates
from recinterpreter.settings.adapters import AdapterTraining

SAMPLED = 2000  # examples whose answers' tokens are counted


@dataclass(frozen=True)
class Workload:
    """What is asked of the LLM: examples of an epoch and of its validation, and tokens of each.

    prefix, tokens, targets: tokens read once for all, read after them, and foretold: means.
    """

    examples: int
    validated: int
    prefix: float
    tokens: float
    targets: float

    def training(self, sizes: Sizes) -> float:
        """Count the operations that training takes for an example."""
        return sizes.training(self.tokens, self.prefix, self.targets)

    def reading(self, sizes: Sizes) -> float:
        """Count the operations that validation takes for an example."""
        return sizes.forward(self.tokens, self.prefix, self.targets)


def workload(
    llm: LanguageModel,
    settings: AdapterTraining,
    titles: Sequence[str],
    named: Sequence[Sequence[int]] | Ragged,
    soft: int,
    available: tuple[int, int],
) -> Workload:
    """Count tokens; named: of the examples, the items to be named; soft: soft tokens per slot.

    titles: by item id, index 0 unused; available: how many examples there are to train and to
    validate on.
    """
    phrasings = templates(settings.task, settings.domain)
    rest = [sum(len(llm.tokens(p)) for p in t.pieces[1:]) + t.slots * soft for t in phrasings]
    rows = np.random.default_rng(0).permutation(len(named))[:SAMPLED]
    targets = float(np.mean(answer_lengths(llm, settings, titles, [named[row] for row in rows])))
    return Workload(
        examples=min(available[0], settings.examples_per_epoch or available[0]),
        validated=available[1],
        prefix=float(np.mean([len(llm.opening(t)) for t in phrasings])),
        # the last token of an answer is foretold and foretells nothing
        tokens=float(np.mean(rest)) + targets - 1,
        targets=targets,
    )


def answer_lengths(
    llm: LanguageModel,
    settings: AdapterTraining,
    titles: Sequence[str],
    named: Iterable[Sequence[int] | np.ndarray],
) -> np.ndarray:
    """Count the tokens of answers (N,)."""
    template = templates(settings.task, settings.domain)[0]
    answers = llm.answers_tokens(template, ([titles[item] for item in items] for items in named))
    return np.array([len(tokens) for tokens in answers])
