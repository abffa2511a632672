"""A causal LLM that is never trained here: the loss of answers, as fast as exactness allows.

What is known beforehand is used: the prompt up to its first slot is read once (`prefix`), no
weight has a gradient, and logits exist at answer positions alone (`target_loss`). `plain` is the
same in the obvious way; tests hold the two together.
Shapes: B examples, S slots, K soft tokens per slot, T tokens, H the LLM's width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache

from recinterpreter.errors import UserError
from recinterpreter.language_model.causal import IGNORED, LanguageModel, Tokens
from recinterpreter.language_model.prefix import insist_on_keys, shared_prefix
from recinterpreter.language_model.prompts import PromptTemplate
from recinterpreter.language_model.target_loss import target_loss

# Of logits, relative to their largest: rounding of half precision stays below, a wrong head above.
HEAD_TOLERANCE = 0.05


@dataclass(frozen=True)
class Told:
    """How answers were foretold: summed loss, tokens, and which answers (B,) token by token.

    positions: how many the layers have computed, padding included.
    """

    loss: Tensor
    n_tokens: int
    right: Tensor
    positions: int


class FrozenLanguageModel(LanguageModel):
    """A language model that is never trained: every weight frozen, dropout off."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """Take a transformers model; UserError where it is not of the kind that is known here."""
        super().__init__(model.eval().requires_grad_(False), tokenizer)
        self._prefixes: dict[tuple[int, ...], Cache | None] = {}
        insist_on_keys(self.model)
        self._insist_on_head()

    def prefix(self, template: PromptTemplate) -> Cache | None:
        """Return the keys and values of what stands before a template's first slot."""
        ids = self.opening(template)
        key = tuple(ids)
        if key not in self._prefixes:
            self._prefixes[key] = shared_prefix(self.model.base_model, self.embed([ids]))
        return self._prefixes[key]

    def told(
        self, template: PromptTemplate, soft: Tensor | None, answers: Sequence[Tokens]
    ) -> Told:
        """Ask for answers (B lists of token ids) and say how they were foretold.

        soft: (B, S, K, H) with gradient. Answers are padded on the right, where causality keeps
        padding from being seen; it has no loss.
        """
        question = self.rest_of_question(template, soft, len(answers))
        labels = nn.utils.rnn.pad_sequence(
            [torch.tensor(a, dtype=torch.long) for a in answers],
            batch_first=True,
            padding_value=IGNORED,
        )
        # found where the lists are, so that no device is waited for
        rows, places = (labels != IGNORED).nonzero(as_tuple=True)
        # the last token of an answer is foretold and foretells nothing
        written = self.embeddings(labels[:, :-1].clamp_min(0).to(self.device, non_blocking=True))
        states = self.model.base_model(
            inputs_embeds=torch.cat([question, written], dim=1),
            past_key_values=self.prefix(template),
            use_cache=False,
        ).last_hidden_state[:, question.shape[1] - 1 :]
        where = states.device  # of the last layer, where a model is spread over devices
        labels = labels[rows, places].to(where, non_blocking=True)
        rows, places = rows.to(where, non_blocking=True), places.to(where, non_blocking=True)
        loss, right = target_loss(states[rows, places], labels, self.head, self.vocabulary)
        wrong = torch.zeros(len(answers), device=where).index_add_(0, rows, (~right).float())
        return Told(
            loss, len(labels), wrong == 0, states.shape[0] * (question.shape[1] + written.shape[1])
        )

    def loss(
        self, template: PromptTemplate, soft: Tensor | None, answers: Sequence[Tokens]
    ) -> tuple[Tensor, Tensor]:
        """Return (mean cross-entropy per answer token, share of answers foretold), see `told`."""
        told = self.told(template, soft, answers)
        return told.loss / told.n_tokens, told.right.float().mean()

    def _insist_on_head(self) -> None:
        ids = torch.arange(1, min(4, self.vocabulary), device=self.device)[None]
        with torch.no_grad():
            ours = self.head(self.model.base_model(inputs_embeds=self.embeddings(ids))[0])
            logits = self.model(inputs_embeds=self.embeddings(ids)).logits.to(ours.device)
        if (ours - logits).abs().max() > HEAD_TOLERANCE * logits.abs().max():
            raise UserError(
                f"{type(self.model).__name__} does more to its logits than its output layer, and "
                "than the scaling and capping known here; wanted another model"
            )
