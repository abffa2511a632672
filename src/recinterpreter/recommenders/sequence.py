"""The contract of a sequential recommender: a state at every position, and scores from the last.

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
    """A recommender that reads a history of embedded items and gives a state per position.

    A model defines `encode`; the item table serves input and scores alike (tied), its row 0 is
    padding: zeros, never trained, never a candidate.
    """

    def __init__(self, n_items: int, positions: int, width: int) -> None:
        super().__init__()
        self.n_items, self.positions, self.width = n_items, positions, width
        self.item_table = nn.Embedding(n_items + 1, width, padding_idx=0)

    @abstractmethod
    def encode(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Turn embedded items (B, L, D) into states (B, L, D); zeros where mask (B, L) is false.

        Takes embedded items, not ids, so that a vector that is no item can be read like one.
        """

    def embed(self, item_ids: Tensor) -> Tensor:
        """Look up items (B, L) in the table: (B, L, D)."""
        embedded: Tensor = self.item_table(item_ids)
        return embedded

    def states(self, item_ids: Tensor, lengths: Tensor) -> Tensor:
        """Encode the first `lengths` (B,) items of each row of item_ids (B, L): (B, L, D)."""
        positions = torch.arange(item_ids.shape[1], device=item_ids.device)
        return self.encode(self.embed(item_ids), positions < lengths[:, None])

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Score every item as the next one from the last state: (B, n_items + 1), padding -inf."""
        states = self.states(batch.item_ids, batch.lengths)
        last = states[torch.arange(len(states), device=states.device), batch.lengths - 1]
        scores = last @ self.item_table.weight.T
        return scores.index_fill(
            1, torch.zeros(1, dtype=torch.long, device=scores.device), -torch.inf
        )

    def loss(self, batch: SequenceBatch) -> Tensor:
        """Mean cross-entropy over the whole catalogue, at every position that has a target."""
        wanted = batch.targets > 0
        states = self.states(batch.item_ids, batch.lengths)[wanted]
        logits = states @ self.item_table.weight[1:].T
        return functional.cross_entropy(logits, batch.targets[wanted] - 1)


def initialise(model: SequentialRecommender) -> None:
    """Draw all tables and weight matrices from N(0, 0.02); biases and the padding row are 0."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=INIT_STD)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    with torch.no_grad():
        model.item_table.weight[0].zero_()
