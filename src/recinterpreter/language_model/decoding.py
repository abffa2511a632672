"""Greedy answers of a frozen LLM, a batch at a time.

What every prompt begins with is read once for all batches, the rest of the question once per
batch; then every token costs one pass over itself. Rows that have ended leave the batch. Each
answer is what `plain.answer` writes (of two tokens that are alike to the last bit of rounding
another one may be taken).
Shapes: B examples, S slots, K soft tokens per slot, H the LLM's width, V its vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from recinterpreter.errors import UserError
from recinterpreter.language_model.buffers import buffers, keep
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.grammar import Follow, TitleGrammar, follow
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
    grammar: TitleGrammar | None = None,
) -> list[Answer]:
    """Answer n examples greedily in one batch; soft: (n, S, K, H), or None for empty slots.

    grammar: what answers are held to; None lets them be anything. All questions of one template
    are equally long, so there is no padding on their left.
    """
    begun = None if grammar is None else _beginning(grammar, max_new_tokens)
    drafts = [_Draft(llm.tokenizer.eos_token_id, max_new_tokens, begun) for _ in range(n)]
    running = list(drafts)  # the answer of each row of the batch
    read = llm.rest_of_question(template, soft, n)
    cache = buffers(llm.prefix(template), n, read.shape[1] + max_new_tokens - 1)
    for _ in range(max_new_tokens):
        states = llm.model.base_model(
            inputs_embeds=read, past_key_values=cache, use_cache=True
        ).last_hidden_state[:, -1]
        logits = llm.head(states)
        if grammar is not None:
            logits = _only(logits, [draft.allowed for draft in running])
        tokens = logits.argmax(-1)
        for draft, token in zip(running, tokens.tolist(), strict=True):
            draft.write(token)
        rows = [row for row, draft in enumerate(running) if not draft.finished]
        if not rows:
            break
        if len(rows) <= (1 - ENDED) * len(running):
            chosen = torch.tensor(rows, device=tokens.device)
            keep(cache, chosen)
            tokens, running = tokens[chosen], [running[row] for row in rows]
        read = llm.embeddings(tokens.to(llm.device))[:, None]
    return [
        Answer(llm.decode(draft.ids).strip(), len(draft.ids), draft.finished) for draft in drafts
    ]


class _Draft:
    """An answer while it is written."""

    def __init__(self, end: int | None, room: int, may: Follow | None) -> None:
        self.ids: list[int] = []
        self.finished = False
        self._end, self._room, self._may = end, room, may

    @property
    def allowed(self) -> list[int]:
        """The tokens that may come next; any one, of an answer that has ended."""
        return list(self._may or [0])

    def write(self, token: int) -> None:
        """Add a token, unless the answer has ended."""
        if self.finished:
            return
        if token == self._end:
            self.finished = True
            return
        self.ids.append(token)
        if self._may is not None:
            self._may = follow(self._may[token], self._room - len(self.ids))
            self.finished = not self._may  # so a model without an end comes to one


def _beginning(grammar: TitleGrammar, room: int) -> Follow:
    may = follow(grammar.start(), room)
    if not may:
        raise UserError(
            f"answers.max_new_tokens is {room}, and no title of the catalogue can be named in so "
            "many tokens; raise it"
        )
    return may


def _only(logits: Tensor, allowed: Sequence[Sequence[int]]) -> Tensor:
    """Leave of the logits (B, V) those of the tokens allowed in each row."""
    rows = [row for row, tokens in enumerate(allowed) for _ in tokens]
    columns = [token for tokens in allowed for token in tokens]
    where = (torch.tensor(rows, device=logits.device), torch.tensor(columns, device=logits.device))
    only = torch.full_like(logits, -torch.inf)
    only[where] = logits[where]
    return only
