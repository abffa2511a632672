"""The layers of a transformers model, computed twice where memory is short.

transformers' own gradient checkpointing wants a model in training mode and drops the keys and
values of a prefix; here the model is frozen and the prefix is shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from recinterpreter.errors import UserError


def decoder_layers(model: Any) -> nn.ModuleList:
    """Return a causal LLM's layers, from the first to the last; UserError where there are none."""
    wanted = model.config.get_text_config().num_hidden_layers
    for part in model.base_model.modules():
        if isinstance(part, nn.ModuleList) and len(part) == wanted:
            return part
    raise UserError(
        f"{type(model).__name__} has no list of {wanted} layers; wanted a model whose layers stand "
        "one after another, or that nothing is done to them (llm.compile: false)"
    )


def checkpoint_layers(model: Any, on: bool) -> None:
    """Let every layer keep its input alone, and compute the rest again for its gradient, or not.

    Losses and gradients stay what they were. It costs one more forward pass and saves most of the
    memory: less than a tenth of what layers keep otherwise.
    """
    for layer in decoder_layers(model):
        forward: Any = layer.forward
        if on and not isinstance(forward, _Recomputed):
            layer.forward = _Recomputed(forward)
        elif not on and isinstance(forward, _Recomputed):
            layer.forward = forward.forward


class _Recomputed:
    """The forward of a layer whose activations are not kept."""

    def __init__(self, forward: Callable[..., Any]) -> None:
        self.forward = forward

    def __call__(self, *given: Any, **named: Any) -> Any:
        if not torch.is_grad_enabled():
            return self.forward(*given, **named)
        # a frozen model draws nothing at random, so no generator's state must be kept
        return checkpoint(
            self.forward, *given, use_reentrant=False, preserve_rng_state=False, **named
        )
