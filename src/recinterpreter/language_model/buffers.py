"""Keys and values of a batch that grows token by token: memory taken once, written in place.

Nothing is joined anew with each token, as a growing cache would, and rows that have ended can be
dropped so that those still being written are all that is computed.
Shapes: B rows, P tokens of the shared prefix, T tokens after it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin


class _BufferLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Keys and values (B, heads, P + T at most, width) of one layer.

    Every token stays in its place, so a sliding window is left to the model's own mask.
    """

    is_sliding = False

    def __init__(
        self, rows: int, room: int, keys: Tensor | None = None, values: Tensor | None = None
    ) -> None:
        """Make room for so many tokens after the prefix, whose keys are (1, heads, P, width)."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._rows, self._room, self._length = rows, room, 0
        if keys is not None and values is not None:
            self._room += keys.shape[-2]
            self.update(keys, values)

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Take memory for states of this kind."""
        _, heads, _, width = key_states.shape
        self.keys = key_states.new_empty(self._rows, heads, self._room, width)
        _, heads, _, width = value_states.shape
        self.values = value_states.new_empty(self._rows, heads, self._room, width)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write keys and values (B, heads, T, width) behind what is there; return views of all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        end = self._length + key_states.shape[-2]
        self.keys[:, :, self._length : end] = key_states
        self.values[:, :, self._length : end] = value_states
        self._length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def keep(self, rows: Tensor) -> None:
        """Move the given rows to the front and forget all others."""
        for name in ("keys", "values"):
            whole = getattr(self, name)
            held = whole[:, :, : self._length]
            held[: len(rows)] = held[rows.to(held.device)]
            setattr(self, name, whole[: len(rows)])

    def rewind(self, length: int) -> None:
        """Forget all but so many tokens of every row."""
        self._length = length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many keys a query of this length sees at most, and the first one's place."""
        return self._length + query_length, 0

    def get_seq_length(self) -> int:
        """Return how many tokens there are."""
        return self._length

    def get_max_length(self) -> int:
        """Return how many there can be."""
        return self._room


def buffers(prefix: Cache | None, rows: int, room: int) -> Cache:
    """Return a cache of B rows that begin with the prefix and have room for T tokens after it."""
    if prefix is None:
        layer: Any = partial(_BufferLayer, rows, room)
        return Cache(layer_class_to_replicate=layer)
    shared: list[Any] = prefix.layers
    return Cache(layers=[_BufferLayer(rows, room, layer.keys, layer.values) for layer in shared])


def keep(cache: Cache, rows: Tensor) -> None:
    """Keep the given rows (n,) of a cache made by `buffers`, in this order, and no others."""
    layers: list[Any] = cache.layers
    for layer in layers:
        layer.keep(rows)


def rewind(cache: Cache, length: int) -> None:
    """Keep the first tokens of every row of a cache made by `buffers`, so many of them."""
    layers: list[Any] = cache.layers
    for layer in layers:
        layer.rewind(length)
