"""What every prompt of a template begins with: its keys and values, computed once and shared.

Nothing before the first soft token depends on an example, and nothing there is ever trained, so
the frozen LLM reads it once and all rows of all batches attend to the same keys and values.
Shapes: B rows, P tokens of the prefix, T tokens after it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import (
    Cache,
    CacheLayerMixin,
    DynamicCache,
    DynamicLayer,
    DynamicSlidingWindowLayer,
)

from recinterpreter.errors import UserError


class _SharedLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Keys and values (1, heads, P, width) of one layer; what comes after them is not kept.

    As it never changes, the same object serves any number of passes, and a layer that is
    computed again for its gradient finds what it found before.
    """

    is_sliding = False

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.keys, self.values = keys, values
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing to do: it is made with what it holds."""

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Return the prefix before the given keys and values (B, heads, T, width)."""
        assert self.keys is not None
        assert self.values is not None
        rows = (len(key_states), -1, -1, -1)
        return (
            torch.cat([self.keys.expand(rows), key_states], dim=-2),
            torch.cat([self.values.expand(rows), value_states], dim=-2),
        )

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many keys a query of this length sees at most, and the first one's place."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """Return P."""
        assert self.keys is not None
        return int(self.keys.shape[-2])

    def get_max_length(self) -> int:
        """Say that there is no limit."""
        return -1


def shared_prefix(model: Any, embedded: Tensor) -> Cache | None:
    """Read a prefix (1, P, H) with a frozen model's layers; None where it is empty."""
    if not embedded.shape[1]:
        return None
    # made without the model's configuration it keeps every key; where a layer sees a window alone
    # its mask says so, and the first of the tokens that follow still sees far into the prefix
    read: Any = DynamicCache()
    with torch.no_grad():
        model(inputs_embeds=embedded, past_key_values=read, use_cache=True)
    return Cache(layers=[_SharedLayer(layer.keys, layer.values) for layer in read.layers])


def insist_on_keys(model: Any) -> None:
    """Raise UserError for a model whose memory of what was read is more than keys and values."""
    kinds = {type(layer) for layer in DynamicCache(config=model.config).layers}
    if strange := kinds - {DynamicLayer, DynamicSlidingWindowLayer}:
        raise UserError(
            f"{type(model).__name__} remembers what it read as "
            f"{', '.join(sorted(kind.__name__ for kind in strange))}; wanted a model all of whose "
            "layers attend to keys and values (no recurrent or hybrid one)"
        )
