"""Greedy answers of a frozen LLM, a batch at a time.

Shapes: B examples, S slots, K soft tokens per slot, H the LLM's width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import PromptTemplate


@dataclass(frozen=True)
class Answer:
    """What the LLM wrote: its text, how many tokens, and whether it came to an end by itself."""

    text: str
    n_new_tokens: int
    finished: bool


@torch.inference_mode()
def greedy(
    llm: FrozenLanguageModel,
    template: PromptTemplate,
    soft: Tensor | None,
    n: int,
    max_new_tokens: int,
) -> list[Answer]:
    """Answer n examples greedily in one batch; soft: (n, S, K, H), or None for empty slots.

    All questions of one template are equally long, so there is no padding on their left.
    """
    question = llm.question(template, soft, n)
    end = llm.tokenizer.eos_token_id
    produced = llm.model.generate(
        inputs_embeds=question,
        attention_mask=torch.ones(question.shape[:2], dtype=torch.long, device=llm.device),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        pad_token_id=end if end is not None else 0,
        eos_token_id=end,
    ).tolist()
    return [_answer(llm, ids, end) for ids in produced]


def _answer(llm: FrozenLanguageModel, ids: list[int], end: int | None) -> Answer:
    if end is None or end not in ids:
        return Answer(llm.decode(ids).strip(), len(ids), False)
    written = ids[: ids.index(end)]
    return Answer(llm.decode(written).strip(), len(written), True)
