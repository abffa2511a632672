"""The adapter: from a recommender's hidden state to soft tokens, the only part that is trained.

Shapes: B examples, L positions of a state, D its width, K soft tokens, H the LLM's width.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from recinterpreter.errors import UserError
from recinterpreter.settings import Standardise

# A linear adapter is an associative memory: below about 20 numbers per item (D * H / items) it
# cannot keep the titles of a catalogue apart (measured with probes, with and without an LLM).
WANTED_CAPACITY = 20.0
RIDGE = 1e-4  # variance added to every direction, relative to the mean variance


def capacity(width: int, hidden_size: int, n_items: int) -> float:
    """Return D * H / items, to be compared with WANTED_CAPACITY."""
    return width * hidden_size / n_items


class ConvLinearAdapter(nn.Module):
    """The paper's adapter: a convolution L x 1 over positions, then one linear layer to H; K = 1.

    States are first standardised with statistics of the training states, which belong to the
    checkpoint (`fit_statistics`). Positions outside the mask weigh nothing.
    """

    mean: Tensor
    standardise: Tensor

    def __init__(self, positions: int, width: int, hidden_size: int, scale: float) -> None:
        """Start with all positions alike and soft tokens of about root mean square `scale`."""
        super().__init__()
        self.combine = nn.Parameter(torch.ones(positions))
        self.project = nn.Linear(width, hidden_size)
        nn.init.normal_(self.project.weight, std=scale / (positions * width) ** 0.5)
        nn.init.zeros_(self.project.bias)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("standardise", torch.eye(width))

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

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Map states (B, L, D) with their mask (B, L) to soft tokens (B, K = 1, H)."""
        if states.shape[1:] != (len(self.combine), len(self.mean)):
            raise UserError(
                f"states are {tuple(states.shape[1:])} (positions, width), the adapter was made "
                f"for {(len(self.combine), len(self.mean))}; train it on states of this shape"
            )
        # all of it is linear, so the positions are combined before the wide products
        combined = torch.einsum("bl,bld->bd", self.combine * mask, states.float() - self.mean)
        soft: Tensor = self.project(combined @ self.standardise)
        return soft[:, None]
