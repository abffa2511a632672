"""What a pass through a frozen LLM costs, counted from its configuration alone: no weight is made.

One multiplication and one addition are two operations. The weights have no gradient, so going
back through a matrix costs what going forward did; the products of attention have two operands
that depend on the soft tokens, so going back through them costs twice as much.
Shapes: P tokens of the shared prefix, T tokens after it, N target positions, H width, V vocabulary.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

# Edge of the square matrices whose product is timed: a few of them fill the time on either device.
EDGE = {"cpu": 1024, "cuda": 8192}


@dataclass(frozen=True)
class Sizes:
    """The sizes of a decoder from which its cost follows.

    parameters: all of them, tied ones once; matrices: entries of those matrices inside the layers
    that every token is multiplied with (of experts, as many as a token meets); attention: layers
    times heads times width of a head; head: entries of the output layer, H * V.
    """

    parameters: int
    layers: int
    matrices: float
    attention: int
    head: int

    def forward(self, tokens: float, prefix: float, targets: float) -> float:
        """Count the operations of reading T tokens after P and foretelling N of them."""
        return self._linear(tokens, targets) + self._attention(tokens, prefix)

    def training(self, tokens: float, prefix: float, targets: float) -> float:
        """Count forward and backward operations, back to the tokens' embeddings."""
        return 2 * self._linear(tokens, targets) + 3 * self._attention(tokens, prefix)

    def _linear(self, tokens: float, targets: float) -> float:
        return 2 * (self.matrices * tokens + self.head * targets)

    def _attention(self, tokens: float, prefix: float) -> float:
        """Scores and sums of values, all (T, P + T) of them: what causality hides is computed."""
        return 4 * self.attention * tokens * (prefix + tokens)


def sizes(config: Any) -> Sizes:
    """Read the sizes of a decoder-only model off a transformers configuration."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):  # shapes without content
        model: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    text = config.get_text_config()
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return Sizes(
        parameters=model.num_parameters(),
        layers=text.num_hidden_layers,
        matrices=_matrices(model.base_model, text),
        attention=text.num_hidden_layers * text.num_attention_heads * width,
        head=model.get_output_embeddings().weight.numel(),
    )


def _matrices(decoder: nn.Module, config: Any) -> float:
    """Count the entries of matrices that a token is multiplied with; tables are looked up."""
    met = 0.0
    for module in decoder.modules():
        if isinstance(module, nn.Embedding):
            continue
        for weight in module.parameters(recurse=False):
            if weight.ndim == 2:
                met += weight.numel()
            elif weight.ndim == 3:  # a stack of experts, of which a token meets a few
                met += weight.numel() * config.num_experts_per_tok / len(weight)
    return met


@torch.inference_mode()
def gemm_rate(device: torch.device, dtype: torch.dtype, seconds: float = 0.3) -> float:
    """Measure how many operations per second a large matrix product does here, at its best."""
    edge = EDGE.get(device.type, EDGE["cuda"])
    draw = torch.Generator(device).manual_seed(0)  # not the one that others draw from
    left, right = (
        torch.randn(edge, edge, device=device, generator=draw).to(dtype) for _ in range(2)
    )
    best, began = float("inf"), time.perf_counter()
    _timed_product(left, right)  # the first one wakes the library up
    while time.perf_counter() - began < seconds or best == float("inf"):
        best = min(best, _timed_product(left, right))
    return 2 * edge**3 / best


def _timed_product(left: torch.Tensor, right: torch.Tensor) -> float:
    began = time.perf_counter()
    left @ right
    if left.device.type == "cuda":
        torch.cuda.synchronize(left.device)
    return time.perf_counter() - began
