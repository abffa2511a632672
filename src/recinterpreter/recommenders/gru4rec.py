"""GRU4Rec: a recurrent net over the history (Hidasi et al., arXiv 1511.06939).

Shapes: B examples, L positions, D width.
"""

from __future__ import annotations

from torch import Tensor, nn

from recinterpreter.recommenders.sequence import SequentialRecommender, initialise


class GRU4Rec(SequentialRecommender):
    """Dropout on the embedded items and on the states, gated recurrent layers, tied item table."""

    def __init__(
        self, n_items: int, positions: int, width: int, layers: int, dropout: float
    ) -> None:
        super().__init__(n_items, positions, width)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = nn.GRU(
            width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0
        )
        initialise(self)

    def encode(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Read the items in order: (B, L, D); padding stands after them and reaches no state."""
        states, _ = self.recurrent(self.dropout(embedded))
        kept: Tensor = self.dropout(states) * mask[..., None]
        return kept
