"""An adapter: from a recommender's hidden state to soft tokens, the only part that is trained.

Every kind (`adapters`) turns states into features and ends in one linear layer, `project`.
Shapes: B examples, L positions of a state, D its width, P features that are projected, each F
wide, K soft tokens, H the LLM's width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from recinterpreter.errors import UserError
from recinterpreter.settings.adapters import Standardise

# A linear adapter is an associative memory: below about 20 numbers per item (D * H / items) it
# cannot keep the titles of a catalogue apart (measured with probes, with and without an LLM).
WANTED_CAPACITY = 20.0
RIDGE = 1e-4  # variance added to every direction, relative to the mean variance


def capacity(width: int, hidden_size: int, n_items: int) -> float:
    """Return D * H / items, to be compared with WANTED_CAPACITY."""
    return width * hidden_size / n_items


class Adapter(nn.Module, ABC):
    """What all kinds share: standardised states, `features` of them, a linear map to soft tokens.

    States are first standardised with statistics of the training states, which belong to the
    checkpoint (`fit_statistics`). Positions outside the mask have no say.
    combine: weights of the positions (L,) in the kinds that begin with a sum over them.
    """

    combine: nn.Parameter | None
    mean: Tensor
    standardise: Tensor

    def __init__(
        self, positions: int, width: int, features: int, hidden_size: int, std: float, each: int = 1
    ) -> None:
        """Make the last layer, F features -> `each` soft tokens, of entries with deviation std."""
        super().__init__()
        self.positions, self.width, self.hidden_size = positions, width, hidden_size
        self.project = nn.Linear(features, each * hidden_size)
        nn.init.normal_(self.project.weight, std=std)
        nn.init.zeros_(self.project.bias)
        self.register_parameter("combine", None)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("standardise", torch.eye(width))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Map states (B, L, D) with their mask (B, L) to soft tokens (B, K, H); see `features`."""
        soft: Tensor = self.project(self.features(states, mask))
        return soft.reshape(len(states), -1, self.hidden_size)

    def features(self, states: Tensor, mask: Tensor) -> Tensor:
        """Turn states (B, L, D) with their mask (B, L) into what is projected: (B, P, F).

        Raises UserError for states of another shape than the adapter was made for.
        """
        if states.shape[1:] != (self.positions, self.width):
            raise UserError(
                f"states are {tuple(states.shape[1:])} (positions, width), the adapter was made "
                f"for {(self.positions, self.width)}; train it on states of this shape"
            )
        return self._features(states.float(), mask)

    @abstractmethod
    def _features(self, states: Tensor, mask: Tensor) -> Tensor:
        """Do what `features` promises, each kind in its own way."""

    def standard(self, states: Tensor, mask: Tensor) -> Tensor:
        """Standardise states (B, L, D); zeros where the mask (B, L) hides them."""
        standard = (states - self.mean) @ self.standardise
        return standard.masked_fill(~mask[..., None], 0.0)

    def combined(self, states: Tensor, weights: Tensor) -> Tensor:
        """Standardise and sum over positions, each with its weight (B, L): (B, D).

        All of it is linear, so the positions are combined before the wide product.
        """
        return torch.einsum("bl,bld->bd", weights, states - self.mean) @ self.standardise

    @torch.no_grad()
    def fit_statistics(self, batches: Iterable[tuple[Tensor, Tensor]], how: Standardise) -> None:
        """Fit the standardisation to batches of states (B, L, D) with their masks (B, L).

        dimension: mean 0 and variance 1 in each dimension; whiten: in every direction. What names
        an item may lie in directions of little variance: the linear layer could stretch them by
        itself, but gradient descent takes very long to.
        """
        if how == "none":
            return
        width = len(self.mean)
        count, total = 0, torch.zeros(width, dtype=torch.float64)
        products = torch.zeros(width, width, dtype=torch.float64)
        for states, mask in batches:
            held = states[mask].double()
            count, total, products = (
                count + len(held),
                total + held.sum(0),
                products + held.T @ held,
            )
        mean = total / count
        covariance = products / count - torch.outer(mean, mean)
        if how == "dimension":
            covariance = torch.diag(covariance.diagonal())
        variances, directions = torch.linalg.eigh(covariance)
        # the small term: what does not vary is noise and must not be blown up
        spread = (variances.clamp_min(0) + RIDGE * variances.mean()).sqrt().clamp_min(1e-12)
        self.mean.copy_(mean)
        self.standardise.copy_((directions / spread) @ directions.T)
