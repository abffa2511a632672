"""Show states to the frozen LLM through a trained adapter and collect its answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from recinterpreter.interpretation.shown import ShownStates, soft_tokens
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.decoding import greedy
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import PromptTemplate


@torch.inference_mode()
def answer_states(
    adapter: Adapter,
    llm: FrozenLanguageModel,
    template: PromptTemplate,
    states: ShownStates,
    batch_size: int,
    max_new_tokens: int,
) -> Iterator[list[dict[str, Any]]]:
    """Yield rows of ANSWERS, a batch at a time, in the order of the states."""
    for start in range(0, len(states), batch_size):
        rows = np.arange(start, min(start + batch_size, len(states)))
        soft = soft_tokens(adapter, states, rows, llm.device)
        answers = greedy(llm, template, soft, len(rows), max_new_tokens)
        yield [
            {
                "example_id": int(states.example_ids[row]),
                "template": template.name,
                "text": answer.text,
                "n_new_tokens": answer.n_new_tokens,
                "finished": answer.finished,
            }
            for row, answer in zip(rows, answers, strict=True)
        ]
