"""Greedy answers of a frozen LLM, a batch at a time.

What every prompt begins with is read once for all batches, the rest of the question once per
batch; then every token costs one pass over itself. Rows that have ended leave the batch. Each
answer is what `plain.answer` writes (of two tokens that are alike to the last bit of rounding
another one may be taken).
Shapes: B examples, S slots, K soft tokens per slot, H the LLM's width, V its vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recinterpreter.language_model.buffers import buffers, keep
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import PromptTemplate

# The batch is packed when this share of it has ended: packing copies all keys and values once,
# about what two more tokens of every row cost.
ENDED = 0.25


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
    end = llm.tokenizer.eos_token_id
    written: list[list[int]] = [[] for _ in range(n)]
    finished = [False] * n
    running = list(range(n))  # whose answer each row of the batch is
    read = llm.rest_of_question(template, soft, n)
    cache = buffers(llm.prefix(template), n, read.shape[1] + max_new_tokens - 1)
    for _ in range(max_new_tokens):
        states = llm.model.base_model(
            inputs_embeds=read, past_key_values=cache, use_cache=True
        ).last_hidden_state[:, -1]
        tokens = llm.head(states).argmax(-1)
        for example, token in zip(running, tokens.tolist(), strict=True):
            if token == end:
                finished[example] = True
            elif not finished[example]:
                written[example].append(token)
        rows = [row for row, example in enumerate(running) if not finished[example]]
        if not rows:
            break
        if len(rows) <= (1 - ENDED) * len(running):
            chosen = torch.tensor(rows, device=tokens.device)
            keep(cache, chosen)
            tokens, running = tokens[chosen], [running[row] for row in rows]
        read = llm.embeddings(tokens.to(llm.device))[:, None]
    return [
        Answer(llm.decode(ids).strip(), len(ids), ended)
        for ids, ended in zip(written, finished, strict=True)
    ]
