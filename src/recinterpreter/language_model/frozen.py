"""A causal LLM that is never trained here: loss and greedy answers with soft tokens in its prompt.

Shapes: B examples, S slots, K soft tokens per slot, T tokens, H the LLM's width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from recinterpreter import device
from recinterpreter.errors import UserError
from recinterpreter.language_model.prompts import PromptTemplate

IGNORED = -100  # label of positions without a loss, as in torch's cross_entropy


def hush() -> None:
    """Keep transformers from drawing progress bars into our own lines."""
    from transformers import logging as chatter

    chatter.set_verbosity_error()  # type: ignore[no-untyped-call]
    chatter.disable_progress_bar()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Answer:
    """What the LLM wrote: its text, how many tokens, and whether it came to an end by itself."""

    text: str
    n_new_tokens: int
    finished: bool


class LanguageModel:
    """A causal LLM with its tokenizer, asked questions with soft tokens in their slots."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.embeddings: nn.Embedding = model.get_input_embeddings()
        self.device = next(model.parameters()).device
        self._known: dict[str, list[int]] = {}

    @property
    def hidden_size(self) -> int:
        """Width H of a token's embedding, and so of a soft token."""
        return int(self.embeddings.weight.shape[1])

    def embedding_rms(self) -> float:
        """Root mean square of the embedding table's entries: the scale a soft token should have."""
        return float(self.embeddings.weight.float().square().mean().sqrt())

    def facts(self) -> dict[str, Any]:
        """Describe the model: architecture, sizes, and the commit of a model from a hub."""
        config = self.model.config
        return {
            "architecture": type(self.model).__name__,
            "parameters": sum(p.numel() for p in self.model.parameters()),
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

    def question(self, template: PromptTemplate, soft: Tensor | None, n: int) -> Tensor:
        """Embed a question for n examples: (n, T, H).

        soft: (n, S, K, H), what stands in the slots; None leaves them empty.
        """
        start = self.tokenizer.bos_token_id
        parts: list[Tensor] = []
        for i, piece in enumerate(template.pieces):
            ids = [*([start] if i == 0 and start is not None else []), *self._fixed(piece)]
            text = self.embeddings(torch.tensor(ids, dtype=torch.long, device=self.device))
            parts.append(text.expand(n, -1, -1))
            if soft is not None and i < template.slots:
                parts.append(soft[:, i].to(text.dtype))
        return torch.cat(parts, dim=1)

    def loss(
        self, template: PromptTemplate, soft: Tensor | None, answers: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor]:
        """Return (mean cross-entropy per answer token, share of answers foretold token by token).

        soft: (B, S, K, H) with gradient; answers: B lists of token ids. Padding goes right and has
        no loss; logits are computed at the answers' positions alone.
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
        logits = self.model.get_output_embeddings()(states[told]).float()
        loss = nn.functional.cross_entropy(logits, labels[told])
        wrong = torch.zeros(len(answers), device=self.device).index_add_(
            0, told.nonzero()[:, 0], (logits.argmax(-1) != labels[told]).float()
        )
        return loss, (wrong == 0).float().mean()

    @torch.inference_mode()
    def generate(
        self, template: PromptTemplate, soft: Tensor | None, n: int, max_new_tokens: int
    ) -> list[Answer]:
        """Answer n examples greedily in one batch.

        All questions of one template are equally long, so there is no padding on their left.
        """
        question = self.question(template, soft, n)
        end = self.tokenizer.eos_token_id
        produced = self.model.generate(
            inputs_embeds=question,
            attention_mask=torch.ones(question.shape[:2], dtype=torch.long, device=self.device),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            pad_token_id=end if end is not None else 0,
            eos_token_id=end,
        ).tolist()
        return [self._answer(ids, end) for ids in produced]

    def _answer(self, ids: list[int], end: int | None) -> Answer:
        if end is None or end not in ids:
            return Answer(self.decode(ids).strip(), len(ids), False)
        written = ids[: ids.index(end)]
        return Answer(self.decode(written).strip(), len(written), True)


class FrozenLanguageModel(LanguageModel):
    """A language model that is never trained: every weight frozen, dropout off."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        super().__init__(model.eval().requires_grad_(False), tokenizer)

    @classmethod
    def load(cls, source: str, revision: str | None = None) -> FrozenLanguageModel:
        """Load a folder or a Hugging Face id; safetensors only, no code of strangers.

        Raises UserError when there is no model, no tokenizer, or they do not fit together.
        """
        # imported here: transformers takes seconds, and only this function needs it
        from transformers import AutoModelForCausalLM, AutoTokenizer

        hush()
        where = device.pick()
        dtype = torch.bfloat16 if where.type == "cuda" else torch.float32
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
            model: Any = AutoModelForCausalLM.from_pretrained(
                source, revision=revision, dtype=dtype, use_safetensors=True
            )
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                f"llm.source {source}: {error}; wanted a folder with config.json, *.safetensors "
                "and a tokenizer, or a Hugging Face id"
            ) from error
        rows = model.get_input_embeddings().weight.shape[0]
        if len(tokenizer) > rows:
            raise UserError(
                f"llm.source {source}: its tokenizer has {len(tokenizer)} tokens, its embedding "
                f"table only {rows} rows; wanted a tokenizer that belongs to the model"
            )
        return cls(model.to(where), tokenizer)
