"""Cross-entropy at target positions only, a few rows at a time: no (B, T, V) tensor ever is.

The head is frozen, so the gradient with respect to the states is known as soon as the logits of
a chunk are; it is kept instead of them, and nothing is computed twice.
Shapes: N target positions, H width of a state, V size of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Head = Callable[[Tensor], Tensor]

# Logits held at a time: enough rows for a product to be fast, few enough to be no matter.
CHUNK = {"cpu": 2**23, "cuda": 2**27}


def target_loss(
    states: Tensor, labels: Tensor, head: Head, vocabulary: int
) -> tuple[Tensor, Tensor]:
    """Return (summed cross-entropy, which tokens are foretold (N,)) of states (N, H).

    labels: (N,) token ids; head: (n, H) -> logits (n, V). The loss is differentiable once with
    respect to the states; no gradient goes to the head.
    """
    rows = max(1, CHUNK.get(states.device.type, CHUNK["cuda"]) // vocabulary)
    loss, right = _TargetLoss.apply(states, labels, head, rows)  # type: ignore[no-untyped-call]
    return loss, right


class _TargetLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, labels: Tensor, head: Head, rows: int
    ) -> tuple[Tensor, Tensor]:
        wanted = ctx.needs_input_grad[0]
        total = torch.zeros((), device=states.device)
        gradient = torch.empty_like(states) if wanted else None
        right = torch.empty(len(states), dtype=torch.bool, device=states.device)
        for start in range(0, len(states), rows):
            part = slice(start, start + rows)
            with torch.set_grad_enabled(wanted):
                chunk = states[part].detach().requires_grad_(wanted)
                logits = head(chunk)
            loss, right[part], slope = _cross_entropy(logits.detach().float(), labels[part])
            total += loss
            if gradient is not None:
                (gradient[part],) = torch.autograd.grad(logits, chunk, slope.to(logits))
        if gradient is not None:
            ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(right)
        return total, right

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0], None, None, None


def _cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return (summed loss, which are foretold, derivative by the logits) of logits (n, V).

    The logits are overwritten: on a CPU a pass over them costs as much as much of the model.
    """
    each = torch.arange(len(labels), device=logits.device)
    largest, foretold = logits.max(-1)
    told = logits[each, labels] - largest
    slope = logits.sub_(largest[:, None]).exp_()
    total = slope.sum(-1)
    slope.div_(total[:, None])[each, labels] -= 1
    return (total.log() - told).sum(), foretold == labels, slope
