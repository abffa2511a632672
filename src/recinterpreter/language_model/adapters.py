"""The kinds of adapters: the paper's, simpler and richer ones, made by name and made again.

States come aligned to the right by the history `after`, all slots of an example alike: where two
slots are shown, the last position of `before` is outside its mask.
Shapes: B examples, L positions of a state, D its width, K soft tokens, H the LLM's width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from recinterpreter.errors import UserError
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.q_former import QFormerAdapter
from recinterpreter.settings.adapters import AdapterKind, AdapterTraining

GELU_RMS = 0.652  # root mean square of GELU(z) where z is standard normal


class ConvLinearAdapter(Adapter):
    """The paper's: a convolution L x 1 over positions, then one linear layer to H; K = 1.

    As `soft_tokens` the linear layer leads to several soft tokens at once: K = tokens.
    """

    combine: nn.Parameter

    def __init__(
        self, positions: int, width: int, hidden_size: int, scale: float, *, tokens: int = 1
    ) -> None:
        """Start with all positions alike and soft tokens of about root mean square `scale`."""
        std = scale / (positions * width) ** 0.5
        super().__init__(positions, width, width, hidden_size, std, tokens)
        self.combine = nn.Parameter(torch.ones(positions))

    def _features(self, states: Tensor, mask: Tensor) -> Tensor:
        return self.combined(states, self.combine * mask)[:, None]


class LastLinearAdapter(Adapter):
    """One linear layer on the state at the last position *that the mask shows*; K = 1.

    Where nothing is shown, the soft token is the bias alone.
    """

    def __init__(self, positions: int, width: int, hidden_size: int, scale: float) -> None:
        """Start with soft tokens of about root mean square `scale`."""
        super().__init__(positions, width, width, hidden_size, scale / width**0.5)

    def _features(self, states: Tensor, mask: Tensor) -> Tensor:
        to_come = mask.flip(1).cumsum(1).flip(1)  # positions shown from here on
        return self.combined(states, (mask & (to_come == 1)).float())[:, None]


class MLPAdapter(Adapter):
    """The paper's convolution, a hidden layer with GELU, then the linear layer to H; K = 1."""

    combine: nn.Parameter

    def __init__(
        self, positions: int, width: int, hidden_size: int, scale: float, *, hidden: int
    ) -> None:
        """Start with all positions alike and soft tokens of about root mean square `scale`."""
        std = scale / (hidden**0.5 * GELU_RMS)
        super().__init__(positions, width, hidden, hidden_size, std)
        self.combine = nn.Parameter(torch.ones(positions))
        self.widen = nn.Linear(width, hidden)
        nn.init.normal_(self.widen.weight, std=(positions * width) ** -0.5)
        nn.init.zeros_(self.widen.bias)

    def _features(self, states: Tensor, mask: Tensor) -> Tensor:
        combined = self.combined(states, self.combine * mask)
        return nn.functional.gelu(self.widen(combined))[:, None]


class PerPositionAdapter(Adapter):
    """One soft token per position by one linear layer, K = L.

    What stands for a hidden position is learned, as a state that says "nothing here".
    """

    def __init__(self, positions: int, width: int, hidden_size: int, scale: float) -> None:
        """Start with soft tokens of about root mean square `scale`, of nothing with zeros."""
        super().__init__(positions, width, width, hidden_size, scale / width**0.5)
        self.nothing = nn.Parameter(torch.zeros(width))

    def _features(self, states: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask[..., None], self.standard(states, mask), self.nothing)


KINDS: dict[AdapterKind, Callable[..., Adapter]] = {
    "conv_linear": ConvLinearAdapter,
    "last_linear": LastLinearAdapter,
    "mlp": MLPAdapter,
    "soft_tokens": ConvLinearAdapter,
    "per_position": PerPositionAdapter,
    "q_former": QFormerAdapter,
}


def build(
    settings: AdapterTraining, positions: int, width: int, hidden_size: int, scale: float
) -> Adapter:
    """Make an untrained adapter with torch's own generator; it starts at root mean square scale."""
    sizes = settings.sizes.model_dump() if settings.sizes else {}
    return KINDS[settings.adapter](positions, width, hidden_size, scale, **sizes)


def rebuild(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Adapter:
    """Make an adapter again from its checkpoint; UserError where the two do not fit together."""
    try:
        settings = AdapterTraining.model_validate(config["settings"])
    except ValidationError as error:
        raise UserError(
            f"the adapter's config.json: its settings cannot be used; train again\n{error}"
        ) from None
    positions, width = config["shape"]
    adapter = build(settings, positions, width, config["hidden_size"], scale=1.0)
    try:
        adapter.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(f"the adapter's weights do not fit its config.json: {error}") from error
    return adapter.eval()
