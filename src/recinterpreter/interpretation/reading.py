"""What a frozen LLM reads in states, as a ranking of the catalogue's titles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from recinterpreter.interpretation.shown import ShownStates, soft_tokens
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.batching import Batches
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.likelihood import AnswerLikelihoods
from recinterpreter.language_model.prompts import PromptTemplate


def rank_titles(
    adapter: Adapter,
    llm: FrozenLanguageModel,
    template: PromptTemplate,
    states: ShownStates,
    wanted: Sequence[str],
    titles: Sequence[str],
    batch_size: int,
) -> Iterator[np.ndarray]:
    """Yield the ranks of the wanted titles, 1 the best, a batch of the states at a time, in order.

    wanted: the title to be named for each of the states; titles: of the catalogue. A title counts
    by the log-likelihood of the whole answer that names it. One that several items bear is one
    candidate, and all are: the item to be named is among those its user has met. A title as likely
    as the wanted one stands before it.
    """
    distinct = list(dict.fromkeys(titles))
    place = {title: i for i, title in enumerate(distinct)}
    targets = torch.tensor([place[title] for title in wanted])
    answers = AnswerLikelihoods(llm, template, distinct)

    @torch.inference_mode()
    def ranks(rows: np.ndarray) -> np.ndarray:
        soft = soft_tokens(adapter, states, rows, llm.device)
        likely = answers.of(soft, len(rows)).cpu()
        own = likely.gather(1, targets[rows][:, None])
        found: np.ndarray = (~(likely < own)).sum(1).numpy().astype(np.int32)
        return found

    for _, found in Batches(batch_size).over(len(states), ranks):
        yield found
