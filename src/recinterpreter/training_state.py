"""What a training needs to go on exactly: weights and Adam moments as named tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn


def tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Name all tensors of a training: model/<name>, adam/<number of parameter>/<moment>.

    Parameters only, tied ones once: buffers are not trained here.
    """
    named = {f"model/{name}": tensor.detach() for name, tensor in model.named_parameters()}
    for number, moments in optimizer.state_dict()["state"].items():
        named |= {f"adam/{number}/{name}": tensor for name, tensor in moments.items()}
    return named


def restore(
    model: nn.Module, optimizer: torch.optim.Optimizer, named: Mapping[str, Tensor]
) -> None:
    """Put model and optimizer where `tensors` found them; other names are left alone."""
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in named.items():
        part, _, rest = name.partition("/")
        if part == "adam":
            number, moment = rest.split("/")
            moments.setdefault(int(number), {})[moment] = tensor
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(named[f"model/{name}"])
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def following(averaging: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Average weights over about 1 / (1 - averaging) steps, over fewer in the beginning."""

    def follow(average: Tensor, weights: Tensor, steps: Tensor | int) -> Tensor:
        kept = min(averaging, (1 + int(steps)) / (10 + int(steps)))
        return average.lerp(weights, 1 - kept)

    return follow
