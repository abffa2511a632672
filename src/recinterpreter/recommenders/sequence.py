"""The contract of a sequential recommender: states apart from what is compared with items.

Shapes: B examples, L positions of a history, D width of item embeddings and states.
Histories are aligned to the left: items stand at positions 0..m-1, oldest first, padding after
them. Which positions hold items is said by lengths and masks, never read from the ids.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from recinterpreter.errors import UserError

INIT_STD = 0.02


@dataclass(frozen=True)
class SequenceBatch:
    """Histories of B examples and what follows their items.

    item_ids: (B, L) int64, 0 after the history; lengths: (B,) items in each history, >= 1;
    targets: (B, L) the item that follows each position, 0 where nothing is to be predicted;
    example_ids: (B,).
    """

    item_ids: Tensor
    lengths: Tensor
    targets: Tensor
    example_ids: Tensor

    def __post_init__(self) -> None:
        rows = self.item_ids.shape[:1]
        if self.item_ids.ndim != 2 or self.targets.shape != self.item_ids.shape:
            raise ValueError(
                f"item_ids {tuple(self.item_ids.shape)} and targets {tuple(self.targets.shape)}; "
                "wanted both (B, L)"
            )
        if self.lengths.shape != rows or self.example_ids.shape != rows:
            raise ValueError(
                f"lengths {tuple(self.lengths.shape)} and example_ids "
                f"{tuple(self.example_ids.shape)}; wanted both ({rows[0]},)"
            )


class SequentialRecommender(nn.Module, ABC):
    """A recommender that reads a history of embedded items into states, and predicts from them.

    A model defines `encode`, and where its states are not themselves compared with items,
    `predictions`. The item table serves input and scores alike (tied), its row 0 is padding:
    zeros, never trained, never a candidate.
    """

    def __init__(self, n_items: int, positions: int, width: int) -> None:
        super().__init__()
        self.n_items, self.positions, self.width = n_items, positions, width
        self.item_table = nn.Embedding(n_items + 1, width, padding_idx=0)

    @property
    def state_shape(self) -> tuple[int, int]:
        """Positions and width of the hidden states of one history."""
        return self.positions, self.width

    @abstractmethod
    def encode(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Turn embedded items (B, L, D) into states; zeros where mask (B, L) is false.

        Takes embedded items, not ids, so that a vector that is no item can be read like one.
        """

    def state_mask(self, lengths: Tensor) -> Tensor:
        """Say which of the states of histories of so many items (B,) are of an item."""
        positions, _ = self.state_shape
        return torch.arange(positions, device=lengths.device) < lengths[:, None]

    def embed(self, item_ids: Tensor) -> Tensor:
        """Look up items (B, L) in the table: (B, L, D)."""
        embedded: Tensor = self.item_table(item_ids)
        return embedded

    def states(self, item_ids: Tensor, lengths: Tensor) -> Tensor:
        """Encode the first `lengths` (B,) items of each row of item_ids (B, L)."""
        return self.encode(*self._read(item_ids, lengths))

    def predictions(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Return what is compared with items, at every position: (B, L, D).

        That of a position has read the items up to it and no later one.
        """
        return self.encode(embedded, mask)

    def predict(self, batch: SequenceBatch) -> Tensor:
        """Return the predictions of a batch, (B, L, D); every history must hold an item."""
        if int(batch.lengths.min()) < 1:
            raise UserError("a history is padding only; wanted at least one item in each")
        return self.predictions(*self._read(batch.item_ids, batch.lengths))

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Score every item as the next one: (B, n_items + 1), padding -inf."""
        scores = last(self.predict(batch), batch.lengths) @ self.item_table.weight.T
        return without_padding(scores)

    def loss(self, batch: SequenceBatch) -> Tensor:
        """Mean cross-entropy over the whole catalogue, at every position that has a target."""
        wanted = batch.targets > 0
        found = self.predict(batch)[wanted]
        logits = found @ self.item_table.weight[1:].T
        return functional.cross_entropy(logits, batch.targets[wanted] - 1)

    def _read(self, item_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Embed histories: (B, L, D) and the mask of their items (B, L)."""
        length = item_ids.shape[1]
        if length > self.positions:
            raise UserError(
                f"histories of {length} items; this model reads {self.positions}: shorten them, or "
                "train it with split.history of that length"
            )
        lowest, highest = (int(x) for x in item_ids.aminmax())
        if lowest < 0 or highest > self.n_items:
            raise UserError(
                f"item ids from {lowest} to {highest}; this model knows 1 to {self.n_items}: take "
                "the examples it was trained with, or train it again"
            )
        positions = torch.arange(length, device=item_ids.device)
        return self.embed(item_ids), positions < lengths[:, None]


def last(values: Tensor, lengths: Tensor) -> Tensor:
    """Take from values (B, L, D) what stands at the last of `lengths` (B,) positions: (B, D)."""
    return values[torch.arange(len(values), device=values.device), lengths - 1]


def without_padding(scores: Tensor) -> Tensor:
    """Set the scores (B, n_items + 1) of padding to -inf."""
    padding = torch.zeros(1, dtype=torch.long, device=scores.device)
    return scores.index_fill(1, padding, -torch.inf)


def initialise(model: SequentialRecommender) -> None:
    """Draw all tables and weight matrices from N(0, 0.02); biases and the padding row are 0."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=INIT_STD)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    with torch.no_grad():
        model.item_table.weight[0].zero_()
