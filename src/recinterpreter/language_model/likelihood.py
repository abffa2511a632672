"""How likely an LLM is to give each of many answers, what they share computed once.

The question is read once per example. Answers are a trie; so many of its nodes at a time are read
in a single pass, side by side, each of them seeing the question and the nodes it comes after: the
mask says so. `plain.loss` of one answer after another gives the same numbers; the first of them is
compared, for a model may not heed such a mask.
Shapes: B examples, S slots, K soft tokens per slot, H the LLM's width, V its vocabulary, A answers,
N nodes read in one pass, Q tokens of a question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from recinterpreter.errors import UserError
from recinterpreter.language_model import plain
from recinterpreter.language_model.buffers import buffers, rewind
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import PromptTemplate
from recinterpreter.language_model.target_loss import CHUNK
from recinterpreter.language_model.trie import Trie, groups

NODES = 256  # of a trie that are read in one pass; all of them see each other's keys, in vain
# Of a log-likelihood, relative: rounding of half precision stays below, a mask not heeded above.
TOLERANCE = 0.02


@dataclass(frozen=True)
class _Part:
    """Some of the answers as a trie of which N nodes are read; the others are only foretold.

    read: (N,) tokens; depths: (N,) from 1; sees: (N, N) whether a node comes after another or is
    it; foretold: (E,) every token of the trie, by the position that foretells it: positions (E,),
    0 the question's end, i + 1 node i; answers, steps: which of the foretold tokens make up which
    answer, pair by pair.
    """

    read: Tensor
    depths: Tensor
    sees: Tensor
    foretold: Tensor
    positions: Tensor
    answers: Tensor
    steps: Tensor


class AnswerLikelihoods:
    """Log-likelihoods of the answers that name one title each, of a frozen LLM and a template."""

    def __init__(
        self, llm: FrozenLanguageModel, template: PromptTemplate, titles: Sequence[str]
    ) -> None:
        self._llm, self._template, self._titles = llm, template, titles
        answers = list(llm.answers_tokens(template, ([title] for title in titles)))
        self._parts = [_part(answers, group) for group in groups(answers, NODES)]
        self._compared = False

    def __len__(self) -> int:
        return len(self._titles)

    @torch.inference_mode()
    def of(self, soft: Tensor | None, n: int) -> Tensor:
        """Return the log-likelihoods (n, A) of whole answers, their end included.

        soft: (n, S, K, H), or None for empty slots. Raises UserError where the model does not heed
        the mask.
        """
        base = self._llm.model.base_model
        question = self._llm.rest_of_question(self._template, soft, n)
        most = max(len(part.read) for part in self._parts)
        cache = buffers(self._llm.prefix(self._template), n, question.shape[1] + most)
        end = base(inputs_embeds=question, past_key_values=cache, use_cache=True).last_hidden_state[
            :, -1:
        ]
        asked = cache.get_seq_length()
        found = torch.zeros(n, len(self), device=end.device)
        for part in self._parts:
            states = end
            if len(part.read):
                states = torch.cat([end, self._read(part, cache, n)], dim=1)
                rewind(cache, asked)
            told = self._foretold(part, states)
            found.index_add_(1, part.answers.to(end.device), told[:, part.steps.to(end.device)])
        if not self._compared:
            self._compare(found, soft)
        return found

    def _read(self, part: _Part, cache: Cache, n: int) -> Tensor:
        """Return the states (B, N, H) after the nodes of a part."""
        llm, asked = self._llm, cache.get_seq_length()
        embedded = llm.embeddings(part.read.to(llm.device))
        unseen = torch.zeros(len(part.read), asked + len(part.read), dtype=embedded.dtype)
        unseen[:, asked:].masked_fill_(~part.sees, torch.finfo(embedded.dtype).min)
        states: Tensor = llm.model.base_model(
            inputs_embeds=embedded.expand(n, -1, -1),
            attention_mask=unseen[None, None].to(llm.device),
            position_ids=(asked - 1 + part.depths)[None].to(llm.device),
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        return states

    def _foretold(self, part: _Part, states: Tensor) -> Tensor:
        """Return the log-probabilities (B, E) of the tokens of a part, from states (B, N + 1, H).

        As many positions at a time as logits may be held.
        """
        told = torch.empty(len(states), len(part.foretold), device=states.device)
        most = CHUNK.get(states.device.type, CHUNK["cuda"])
        width = max(1, most // (len(states) * self._llm.vocabulary))
        for start in range(0, states.shape[1], width):
            logits = self._llm.head(states[:, start : start + width]).float()
            here = (part.positions >= start) & (part.positions < start + width)
            edges = here.nonzero()[:, 0]
            rows = (part.positions[edges] - start).to(states.device)
            tokens = part.foretold[edges].to(states.device)
            told[:, edges.to(states.device)] = (
                logits[:, rows, tokens] - logits.logsumexp(-1)[:, rows]
            )
        return told

    def _compare(self, found: Tensor, soft: Tensor | None) -> None:
        """Hold the first answer's figure against that of the plain way; the last one's as well."""
        for i in {0, len(self) - 1} if soft is not None else ():
            assert soft is not None
            named = [self._titles[i]]
            tokens = len(self._llm.answer_tokens(self._template, named))
            wanted = -tokens * plain.loss(self._llm, self._template, soft[:1], [named])
            if not abs(float(found[0, i]) - float(wanted)) <= TOLERANCE * abs(float(wanted)) + 1e-3:
                raise UserError(
                    f"{type(self._llm.model).__name__} does not take answers side by side: a "
                    f"log-likelihood of {float(found[0, i]):.4f} where {float(wanted):.4f} was "
                    "wanted; take the task out of answers.rank_titles or another llm.source"
                )
        self._compared = True


def _part(answers: Sequence[Sequence[int]], group: Sequence[int]) -> _Part:
    trie = Trie([answers[i] for i in group])
    inner = [node for node in range(1, len(trie)) if trie.children[node]]
    place = {node: i for i, node in enumerate(inner)}
    sees = torch.eye(len(inner), dtype=torch.bool)
    for i, node in enumerate(inner):
        if trie.parents[node]:
            sees[i] |= sees[place[trie.parents[node]]]
    ends = zip(group, trie.ends, strict=True)
    pairs = [(answer, node - 1) for answer, end in ends for node in trie.path(end)]
    whose, steps = zip(*pairs, strict=True)
    return _Part(
        read=torch.tensor([trie.tokens[node] for node in inner], dtype=torch.long),
        depths=torch.tensor([trie.depths[node] for node in inner], dtype=torch.long),
        sees=sees,
        foretold=torch.tensor(trie.tokens[1:]),
        positions=torch.tensor([place.get(parent, -1) + 1 for parent in trie.parents[1:]]),
        answers=torch.tensor(whose),
        steps=torch.tensor(steps),
    )
