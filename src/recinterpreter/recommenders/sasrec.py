"""SASRec: a causal transformer over the history (Kang and McAuley, arXiv 1808.09781).

Shapes: B examples, L positions, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from recinterpreter.recommenders.sequence import SequentialRecommender, initialise


class SASRec(SequentialRecommender):
    """Learned positions, pre-norm self-attention blocks, a norm before and after, tied item table.

    Without the first norm the items, drawn with a deviation of 0.02, would be lost beside what
    the blocks add to them. `plain` leaves it out, and the dropout of attention, and keeps the
    feed-forward nets as narrow as the states.
    """

    def __init__(
        self,
        n_items: int,
        positions: int,
        width: int,
        layers: int,
        heads: int,
        dropout: float,
        plain: bool = False,
    ) -> None:
        super().__init__(n_items, positions, width)
        self.position_table = nn.Embedding(positions, width)
        self.input_norm = nn.Identity() if plain else nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout, plain) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        initialise(self)

    def encode(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Let every item attend to itself and the items before it: (B, L, D)."""
        length = embedded.shape[1]
        x = self.dropout(self.input_norm(embedded + self.position_table.weight[:length]))
        causal = torch.ones(length, length, dtype=torch.bool, device=mask.device).tril()
        # A padded position still sees itself: a softmax over nothing would be NaN.
        itself = torch.eye(length, dtype=torch.bool, device=mask.device)
        visible = (causal & mask[:, None, :]) | itself
        for block in self.blocks:
            x = block(x, visible)
        states: Tensor = self.norm(x) * mask[..., None]
        return states


class Block(nn.Module):
    """Self-attention and a pointwise feed-forward net, each on its normed input, each residual."""

    def __init__(self, width: int, heads: int, dropout: float, plain: bool) -> None:
        super().__init__()
        self.heads, inner = heads, width if plain else 4 * width
        self.attention_dropout = 0.0 if plain else dropout
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.feed_in = nn.Linear(width, inner)
        self.feed_out = nn.Linear(inner, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        """Map x (B, L, D) to (B, L, D); visible (B, L, L) says which keys a query may see."""
        x = x + self.dropout(self.attend(self.attention_norm(x), visible))
        hidden = self.dropout(functional.gelu(self.feed_in(self.feed_norm(x))))
        out: Tensor = x + self.dropout(self.feed_out(hidden))
        return out

    def attend(self, x: Tensor, visible: Tensor) -> Tensor:
        """Multi-head attention of x (B, L, D) to itself."""
        rows, length, width = x.shape
        query, key, value = (
            part.view(rows, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.query_key_value(x).chunk(3, dim=-1)
        )
        dropped = self.attention_dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(
            query, key, value, visible[:, None], dropout_p=dropped
        )
        out: Tensor = self.attention_out(mixed.transpose(1, 2).reshape(rows, length, width))
        return out
