"""What a training needs to go on exactly: weights and Adam moments as named tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Name all tensors of a training: model/<name>, adam/<number of parameter>/<moment>."""
    named = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    for number, moments in optimizer.state_dict()["state"].items():
        named |= {f"adam/{number}/{name}": tensor for name, tensor in moments.items()}
    return named


def restore(
    model: nn.Module, optimizer: torch.optim.Optimizer, named: Mapping[str, Tensor]
) -> None:
    """Put model and optimizer where `tensors` found them; other names are left alone."""
    moments: dict[int, dict[str, Tensor]] = {}
    weights: dict[str, Tensor] = {}
    for name, tensor in named.items():
        part, _, rest = name.partition("/")
        if part == "model":
            weights[rest] = tensor
        elif part == "adam":
            number, moment = rest.split("/")
            moments.setdefault(int(number), {})[moment] = tensor
    model.load_state_dict(weights)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
