"""What the engine is timed on: prompts, answers and states of real lengths, random LLaMAs.

Needs torch, transformers and numpy alone, so that it runs on a borrowed machine with a GPU. Speed
does not depend on the values of weights and states, so these are drawn. Lengths are real where
MovieLens-100K and the LLaMA tokenizer are at hand: the last ten films of every user at every time,
as the training examples are; else stand-ins of about the same lengths, and the table says so.
Shapes: N examples, S slots, L positions, D width, H the LLM's width.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import PromptTemplate, templates

VOCABULARY = 32_000
POSITIONS, WIDTH = 10, 64
TASKS = ("recovery", "residual")
EXAMPLES = 82_354  # training examples of ML-100K, split by sequence
DATA = Path(__file__).parents[4] / "shared" / "data"
WINDOW = 32  # batches among which answers are sorted by length, as in training


@dataclass(frozen=True)
class Work:
    """Examples of one task: what is asked, the titles to be named, states (N, S, L, D)."""

    template: PromptTemplate
    titles: list[list[str]]
    states: Tensor

    def __len__(self) -> int:
        return len(self.titles)


class StandIn:
    """A tokenizer by words and marks, for machines without the real one."""

    bos_token_id, eos_token_id = 1, 2

    def __len__(self) -> int:
        return VOCABULARY

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        assert not add_special_tokens
        words = re.findall(r"\w{1,5}|[^\w\s]", text)
        return [3 + int(hashlib.md5(w.encode()).hexdigest(), 16) % (VOCABULARY - 3) for w in words]

    def decode(self, ids: list[int], **_: Any) -> str:
        return " ".join(map(str, ids))


def tokenizer(data: Path) -> Any:
    """The LLaMA tokenizer if it is there, else the stand-in."""
    folder = data / "models" / "llama_tokenizer"
    if not folder.is_dir():
        return StandIn()
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def histories(data: Path, n: int, seed: int = 0) -> list[list[str]]:
    """Draw n histories of ten titles, those of MovieLens-100K where it is there."""
    random = np.random.default_rng(seed)
    folder = data / "movielens" / "ml-100k"
    if not folder.is_dir():
        words = [
            "Night",
            "Return of",
            "The Secret",
            "Summer",
            "Heart",
            "of Glass",
            "Blue",
            "Kingdom",
        ]
        made = [" ".join(random.choice(words, random.integers(1, 4))) for _ in range(999)]
        return [list(random.choice(made, POSITIONS)) for _ in range(n)]
    lines = (folder / "u.item").read_text(encoding="latin-1").splitlines()
    raw = {int(line.split("|")[0]): line.split("|")[1] for line in lines}
    titles = {item: re.sub(r"(, (The|A|An))? \(\d{4}\)$", "", title) for item, title in raw.items()}
    events = np.loadtxt(folder / "u.data", dtype=np.int64)
    events = events[np.lexsort((events[:, 3], events[:, 0]))]
    ends = np.flatnonzero(events[POSITIONS:, 0] == events[:-POSITIONS, 0]) + POSITIONS
    return [
        [titles[i] for i in events[e - POSITIONS : e, 1]] for e in random.choice(ends, n, False)
    ]


def work(task: str, data: Path, n: int, seed: int = 0) -> Work:
    """Make n examples of a task, in the paper's phrasing."""
    template = templates(task, "movies")[0]  # type: ignore[arg-type]
    named = histories(data, n, seed)
    if task == "residual":
        named = [titles[-1:] for titles in named]
    draw = torch.Generator().manual_seed(seed)
    states = torch.randn(n, template.slots, POSITIONS, WIDTH, generator=draw)
    return Work(template, named, states)


def random_llama(
    hidden: int, layers: int, tokens: Any, dtype: torch.dtype, device: str
) -> FrozenLanguageModel:
    """A LLaMA of these sizes with the vocabulary and head width of the real ones."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=11_008 if hidden == 4096 else 8 * hidden // 3,
        num_hidden_layers=layers,
        num_attention_heads=max(1, hidden // 128),
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    return FrozenLanguageModel(model, tokens)


class PaperAdapter(nn.Module):
    """The paper's adapter: positions combined, then one linear layer. (N, L, D) -> (N, 1, H)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.combine = nn.Parameter(torch.ones(POSITIONS))
        self.project = nn.Linear(WIDTH, hidden)

    def forward(self, states: Tensor) -> Tensor:
        soft: Tensor = self.project(torch.einsum("l,nld->nd", self.combine, states))
        return soft[:, None]


def soft_tokens(adapter: PaperAdapter, states: Tensor) -> Tensor:
    """Turn states (N, S, L, D) into soft tokens (N, S, 1, H)."""
    return adapter(states.flatten(0, 1)).reshape(*states.shape[:2], 1, -1)


def batches(lengths: np.ndarray, size: int, by_length: bool, seed: int = 0) -> list[np.ndarray]:
    """Deal examples into batches: as drawn, or those of like length together as in training."""
    random = np.random.default_rng(seed)
    rows = random.permutation(len(lengths))
    if by_length:
        window = WINDOW * size
        parts = [rows[a : a + window] for a in range(0, len(rows), window)]
        rows = np.concatenate([part[np.argsort(-lengths[part])] for part in parts])
    return [rows[a : a + size] for a in range(0, len(rows), size)]


def spread(dealt: list[np.ndarray], lengths: np.ndarray, n: int) -> list[np.ndarray]:
    """Choose n batches that stand for all: evenly from the shortest to the longest."""
    order = sorted(dealt, key=lambda rows: float(lengths[rows].mean()))
    return [order[int((i + 0.5) * len(order) / n)] for i in range(n)]
