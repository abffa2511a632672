"""Caser: convolutions over the history as over an image (Tang and Wang, arXiv 1809.07426).

Shapes: B examples, L positions, D width, F filters of each of S sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from recinterpreter.recommenders.sequence import SequentialRecommender, initialise


class Caser(SequentialRecommender):
    """A vertical filter, horizontal ones with a maximum over time, a linear layer, tied table.

    Its hidden state is one vector of D + S * F: what the filters found in the history. The filters
    look back only, so that a history of any length has one and padding cannot be seen; and one
    pass over a history gives the vector of each of its beginnings, which is what is trained on.
    Without the user embedding of the paper: users of the test split are new. What is compared with
    items is normed, as in SASRec: else a training starts so small that it stands still for epochs.
    """

    def __init__(
        self,
        n_items: int,
        positions: int,
        width: int,
        filters: int,
        sizes: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__(n_items, positions, width)
        # weights[d] is that of the item d places before the last one
        self.vertical = nn.Parameter(torch.full((positions,), 1 / positions))
        self.horizontal = nn.ModuleList(nn.Conv1d(width, filters, size) for size in sizes)
        self.sizes = tuple(sizes)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width + filters * len(sizes), width)
        self.norm = nn.LayerNorm(width)
        initialise(self)

    @property
    def state_shape(self) -> tuple[int, int]:
        """One vector, as wide as all that the filters find."""
        return 1, self.out.in_features

    def encode(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Return what the filters find in the whole history: (B, 1, D + S * F)."""
        end = (mask.sum(1) - 1).clamp(min=0)
        found = self.found(embedded, mask)
        rows = torch.arange(len(found), device=found.device)
        state: Tensor = found[rows, end][:, None] * mask.any(1)[:, None, None]
        return state

    def predictions(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Turn what the filters find in each beginning of the history into (B, L, D)."""
        out: Tensor = self.norm(self.out(self.dropout(self.found(embedded, mask))))
        return out

    def found(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Return what the filters find up to each position: (B, L, D + S * F)."""
        length = embedded.shape[1]
        items = embedded * mask[..., None]
        distance = torch.arange(length, device=items.device)
        distance = distance[:, None] - distance
        weights = self.vertical[distance.clamp(min=0)].tril()
        columns = items.transpose(1, 2)
        parts = [weights @ items]
        for size, convolution in zip(self.sizes, self.horizontal, strict=True):
            heard = functional.relu(convolution(functional.pad(columns, (size - 1, 0))))
            parts.append(heard.cummax(2).values.transpose(1, 2))
        return torch.cat(parts, 2)
