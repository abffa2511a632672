"""Frozen linear layers with weights of eight bits: quantised once, for both directions of a pass.

A weight w[o, i] is kept as a float8 number (e4m3: four bits of exponent, three of mantissa) times a
scale of its row o. On a GPU that has such products, what is multiplied with the weights is
rounded to float8 too, with a scale per token; elsewhere the weights are spelled out for each
product and nothing else is rounded. Only the input has a gradient.
Shapes: N tokens, I inputs, O outputs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from recinterpreter.language_model.layers import decoder_layers

FLOAT8 = torch.float8_e4m3fn
LARGEST = torch.finfo(FLOAT8).max
EDGE = 16  # the GPU's products want sizes that are multiples of it
SINCE = (8, 9)  # compute capability of the first GPUs that have them (Ada, Hopper)


def quantise(model: Any) -> None:
    """Turn every linear layer between embeddings and head into float8, in place."""
    for layer in decoder_layers(model):
        for name, part in list(layer.named_modules()):
            if type(part) is nn.Linear:
                layer.set_submodule(name, Float8Linear(part))


def by_rows(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Round numbers (R, C) to float8; returns them with the scales (R, 1) to multiply them with."""
    # a row of zeros stays one
    scales = numbers.float().abs().amax(1, keepdim=True).clamp_min(1e-12) / LARGEST
    return (numbers.float() / scales).to(FLOAT8), scales


class Float8Linear(nn.Module):
    """A frozen linear layer whose weights are float8."""

    scale: Tensor
    turned: Tensor | None

    def __init__(self, linear: nn.Linear) -> None:
        """Take over the weights of a linear layer, rounded."""
        super().__init__()
        weight, scale = by_rows(linear.weight.detach())
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.register_buffer("scale", scale)
        # The GPU's product wants both operands in rows of what is summed over. For the way back
        # that is the weights' other edge: the same numbers once more, turned.
        turned = weight.t().contiguous() if _has_products(weight) else None
        self.register_buffer("turned", turned, persistent=False)
        self.bias = linear.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (..., I) to (..., O)."""
        rows = inputs.reshape(-1, inputs.shape[-1])
        product: Tensor = _Product.apply(  # type: ignore[no-untyped-call]
            rows, self.weight, self.scale, self.turned
        )
        product = product.view(*inputs.shape[:-1], -1)
        return product if self.bias is None else product + self.bias


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, scale: Tensor, turned: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(weight, scale, turned)
        if turned is None:
            return rows @ spelled_out(weight, scale, rows.dtype).t()
        return scaled_product(rows, weight, scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        weight, scale, turned = ctx.saved_tensors
        if turned is None:
            back = gradient @ spelled_out(weight, scale, gradient.dtype)
        else:
            # the scales belong to what is summed over here, so they go with the other operand
            none = torch.ones_like(turned[:, :1], dtype=torch.float32)
            back = scaled_product(gradient.float() * scale.t(), turned, none).to(gradient.dtype)
        return back, None, None, None


def spelled_out(weight: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the numbers (O, I) that float8 weights and their scales stand for."""
    return weight.to(dtype) * scale.to(dtype)


def scaled_product(rows: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """Multiply rows (N, I), rounded to float8, with weights (O, I) and scales (O, 1): (N, O)."""
    rounded, scales = by_rows(rows)
    # the product of rows with scales of their own comes in bfloat16
    product: Tensor = torch._scaled_mm(
        rounded, weight.t(), scale_a=scales, scale_b=scale.t(), out_dtype=torch.bfloat16
    )
    return product.to(rows.dtype)


def _has_products(weight: Tensor) -> bool:
    """Whether this device multiplies float8 matrices of this shape."""
    fits = all(size % EDGE == 0 for size in weight.shape)
    return weight.is_cuda and fits and torch.cuda.get_device_capability(weight.device) >= SINCE
