"""A causal LLM with its tokenizer, asked questions with soft tokens in their slots.

Shapes: B examples, S slots, K soft tokens per slot, T tokens, H the LLM's width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recinterpreter.language_model.prompts import PromptTemplate

Tokens = Sequence[int] | np.ndarray

IGNORED = -100  # label of positions without a loss, as in torch's cross_entropy

TOKENISED_AT_A_TIME = 8192


def hush() -> None:
    """Keep transformers from drawing progress bars into our own lines."""
    from transformers import logging as chatter

    chatter.set_verbosity_error()  # type: ignore[no-untyped-call]
    chatter.disable_progress_bar()  # type: ignore[no-untyped-call]


class LanguageModel:
    """A causal LLM with its tokenizer, asked questions with soft tokens in their slots."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.embeddings: nn.Embedding = model.get_input_embeddings()
        self.device = self.embeddings.weight.device
        self._known: dict[str, list[int]] = {}

    @property
    def hidden_size(self) -> int:
        """Width H of a token's embedding, and so of a soft token."""
        return int(self.embeddings.weight.shape[1])

    @property
    def dtype(self) -> torch.dtype:
        """What the LLM computes in."""
        return self.embeddings.weight.dtype

    @property
    def vocabulary(self) -> int:
        """Number of rows of the embedding table, V; a tokenizer may use fewer."""
        return int(self.embeddings.weight.shape[0])

    def embedding_rms(self) -> float:
        """Root mean square of embedded tokens' entries: the scale a soft token should have.

        Of what the embedding layer gives, which in some models is more than its table's rows.
        """
        with torch.no_grad():
            every = torch.arange(self.vocabulary, device=self.device)
            squares = [
                self.embeddings(ids).float().square().mean(-1)
                for ids in torch.split(every, 8192)  # a whole table twice may be too much
            ]
        return float(torch.cat(squares).mean().sqrt())

    def facts(self) -> dict[str, Any]:
        """Describe the model: architecture, sizes, and the commit of a model from a hub."""
        config = self.model.config
        return {
            "architecture": type(self.model).__name__,
            "parameters": self.model.num_parameters(),  # packed ones counted one by one
            "hidden_size": self.hidden_size,
            "layers": config.num_hidden_layers,
            "vocabulary": len(self.tokenizer),
            "commit": getattr(config, "_commit_hash", None),
        }

    def tokens(self, text: str) -> list[int]:
        """Return the ids of a text, without any special token."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def _fixed(self, piece: str) -> list[int]:
        """Return the ids of a text that is asked for again and again."""
        if piece not in self._known:
            self._known[piece] = self.tokens(piece)
        return self._known[piece]

    def spell(self, text: str) -> str:
        """Return what is left of a text once it has been through the tokenizer."""
        return self.decode(self.tokens(text))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, special tokens left out."""
        return str(
            self.tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def answer_tokens(self, template: PromptTemplate, titles: Sequence[str]) -> list[int]:
        """Return the ids of an answer, the end of the sequence included."""
        end = self.tokenizer.eos_token_id
        return [*self.tokens(template.answer(titles)), *([] if end is None else [end])]

    def answers_tokens(
        self, template: PromptTemplate, titles: Iterable[Sequence[str]]
    ) -> Iterator[list[int]]:
        """Yield the ids of many answers, as `answer_tokens` returns for each, but faster."""
        end = self.tokenizer.eos_token_id
        sentences = (template.answer(named) for named in titles)
        while some := list(islice(sentences, TOKENISED_AT_A_TIME)):
            for ids in self.tokenizer(some, add_special_tokens=False)["input_ids"]:
                yield [*ids, *([] if end is None else [end])]

    def embed(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Embed equally long lists of token ids: (B, T, H)."""
        ids = torch.tensor(rows, dtype=torch.long, device=self.device).reshape(len(rows), -1)
        embedded: Tensor = self.embeddings(ids)
        return embedded

    def head(self, states: Tensor) -> Tensor:
        """Return the logits (..., V) of last hidden states (..., H), as the model itself would."""
        config = self.model.config
        logits: Tensor = self.model.get_output_embeddings()(states)
        scale = getattr(config, "logit_scale", 1) / getattr(config, "logits_scaling", 1)
        if scale != 1:  # a pass over all logits costs as much as a layer of a small model
            logits = logits * scale
        cap = getattr(config, "final_logit_softcapping", None)
        logits = logits if cap is None else cap * torch.tanh(logits / cap)
        # of a model that is spread over devices a tied head may be on the first of them
        return logits.to(states.device)

    def opening(self, template: PromptTemplate) -> list[int]:
        """Return the ids of what stands before the first slot, the sequence's start included."""
        start = self.tokenizer.bos_token_id
        return [*([] if start is None else [start]), *self._fixed(template.pieces[0])]

    def rest_of_question(self, template: PromptTemplate, soft: Tensor | None, n: int) -> Tensor:
        """Embed a question from its first slot on, for n examples: (n, T, H).

        soft: (n, S, K, H), what stands in the slots; None leaves them empty.
        """
        parts: list[Tensor] = []
        for i, piece in enumerate(template.pieces[1:]):
            text = self.embed([self._fixed(piece)])
            if soft is not None:
                parts.append(soft[:, i].to(text))
            parts.append(text.expand(n, -1, -1))
        return torch.cat(parts, dim=1)

    def question(self, template: PromptTemplate, soft: Tensor | None, n: int) -> Tensor:
        """Embed a whole question for n examples: (n, T, H); soft as in `rest_of_question`."""
        opening = self.embed([self.opening(template)])
        rest = self.rest_of_question(template, soft, n)
        return torch.cat([opening.expand(n, -1, -1), rest], dim=1)

    def loss(
        self, template: PromptTemplate, soft: Tensor | None, answers: Sequence[Tokens]
    ) -> tuple[Tensor, Tensor]:
        """Return (mean cross-entropy per answer token, share of answers foretold token by token).

        soft: (B, S, K, H) with gradient, which reaches the weights too; answers: B lists of token
        ids. Padding goes right and has no loss; logits are computed at answers' positions alone.
        """
        question = self.question(template, soft, len(answers))
        labels = nn.utils.rnn.pad_sequence(
            [torch.tensor(a, dtype=torch.long) for a in answers],
            batch_first=True,
            padding_value=IGNORED,
        ).to(self.device)
        written = self.embeddings(labels.clamp_min(0))
        states = self.model.base_model(
            inputs_embeds=torch.cat([question, written], dim=1), use_cache=False
        ).last_hidden_state
        # the state before a token foretells it, that of the question's end foretells the first
        states = states[:, question.shape[1] - 1 : -1]
        told = labels != IGNORED
        logits = self.head(states[told]).float()
        loss = nn.functional.cross_entropy(logits, labels[told])
        wrong = torch.zeros(len(answers), device=self.device).index_add_(
            0, told.nonzero()[:, 0], (logits.argmax(-1) != labels[told]).float()
        )
        return loss, (wrong == 0).float().mean()
