"""A small Q-Former: learned queries look at the positions of a state (after arXiv 2301.12597).

Shapes: B examples, L positions of a state, D its width, Q queries, W their width, H the LLM's
width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recinterpreter.language_model.adapter import Adapter


class QFormerAdapter(Adapter):
    """Learned queries, layers of cross-attention over the positions shown, linear to H; K = Q.

    Beside the positions the queries always see a learned vector that says "nothing here", so that
    attention is defined where the mask shows no position at all.
    """

    def __init__(
        self,
        positions: int,
        width: int,
        hidden_size: int,
        scale: float,
        *,
        queries: int,
        query_width: int,
        layers: int,
        heads: int,
    ) -> None:
        """Start with soft tokens of root mean square `scale`."""
        # the last norm gives features of unit variance
        super().__init__(positions, width, query_width, hidden_size, scale / query_width**0.5)
        self.queries = nn.Parameter(torch.randn(queries, query_width))
        self.nothing = nn.Parameter(torch.randn(query_width))
        self.places = nn.Parameter(torch.randn(positions, query_width))
        self.read = nn.Linear(width, query_width)
        self.layers = nn.ModuleList(_Layer(query_width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(query_width)

    def _features(self, states: Tensor, mask: Tensor) -> Tensor:
        read = self.read(self.standard(states, mask)) + self.places
        nothing = self.nothing.expand(len(states), 1, -1)
        hidden = torch.cat([torch.zeros_like(mask[:, :1]), ~mask], dim=1)
        seen = torch.cat([nothing, read], dim=1)
        queries = self.queries.expand(len(states), -1, -1)
        for layer in self.layers:
            queries = layer(queries, seen, hidden)
        features: Tensor = self.norm(queries)
        return features


class _Layer(nn.Module):
    """Cross-attention and a small feed-forward net, each added to what the queries hold."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.query_norm, self.seen_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        # without biases: that of the keys would shift all scores alike and never get a gradient
        self.attention = nn.MultiheadAttention(width, heads, bias=False, batch_first=True)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, queries: Tensor, seen: Tensor, hidden: Tensor) -> Tensor:
        """Let queries (B, Q, W) look at what is seen (B, 1 + L, W) and not hidden (B, 1 + L)."""
        keys = self.seen_norm(seen)
        looked, _ = self.attention(
            self.query_norm(queries), keys, keys, key_padding_mask=hidden, need_weights=False
        )
        queries = queries + looked
        result: Tensor = queries + self.feed_forward(queries)
        return result
