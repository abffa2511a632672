"""An adapter checks itself before it is trained: what is silently wrong now costs hours later.

Shapes: B examples, S slots, L positions, D width, K soft tokens, H the LLM's width.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor

from recinterpreter.errors import UserError
from recinterpreter.interpretation.shown import ShownStates
from recinterpreter.language_model.adapter import Adapter

logger = logging.getLogger("recinterpreter")

LOOKED_AT = 64  # examples
FAR = 10.0  # between the scale of soft tokens and that of the LLM's own


def check_adapter(adapter: Adapter, states: ShownStates, scale: float) -> float:
    """Show an adapter some states; return the root mean square of its soft tokens.

    scale: that of the LLM's embedding table. A factor of 10 between the two is a warning. Raises
    UserError where a state or a soft token is no number, or a state has another shape than the
    adapter, and RuntimeError, naming the parameter, where a gradient does not arrive or is none.
    """
    device = next(adapter.parameters()).device
    values, mask = states.batch(np.arange(min(LOOKED_AT, len(states))))
    values, mask = values.float().flatten(0, 1).to(device), mask.flatten(0, 1).to(device)
    if not torch.isfinite(values[mask]).all():
        raise UserError(
            "some states are not finite; wanted numbers: train the recommender again, at a lower "
            "learning rate if it diverged"
        )
    with torch.no_grad():
        soft = adapter(values, mask)
    if not torch.isfinite(soft).all():
        raise UserError(
            "the adapter makes soft tokens that are not finite out of finite states, of entries up "
            f"to {float(values[mask].abs().max()):.3g}; wanted smaller ones, or "
            "adapter.standardise: whiten or dimension"
        )
    found = float(soft.square().mean().sqrt())
    told = "soft tokens have a root mean square of %.3g, the LLM's embeddings %.3g"
    if scale / FAR < found < scale * FAR:
        logger.info(told, found, scale)
    else:
        logger.warning(
            f"{told}: far apart, so that training begins slowly; wanted adapter.standardise: "
            "whiten or dimension",
            *(found, scale),
        )
    _check_gradients(adapter, values, mask)
    return found


def _check_gradients(adapter: Adapter, values: Tensor, mask: Tensor) -> None:
    """Send a gradient back from every soft token, of states as they are and with nothing shown."""
    # some parameters speak for positions that are hidden, and these examples may hide none
    soft = adapter(torch.cat([values, values]), torch.cat([mask, torch.zeros_like(mask)]))
    # not the same everywhere, or it would cancel where a norm takes the mean away
    pull = torch.linspace(1, 2, soft.numel(), device=soft.device).reshape_as(soft).sin()
    named = dict(adapter.named_parameters())
    gradients = torch.autograd.grad((soft * pull).sum(), list(named.values()), allow_unused=True)
    for name, gradient in zip(named, gradients, strict=True):
        if gradient is None or not gradient.any():
            raise RuntimeError(f"{type(adapter).__name__}: no gradient reaches {name}")
        if not torch.isfinite(gradient).all():
            raise RuntimeError(f"{type(adapter).__name__}: the gradient of {name} is not finite")
