"""Normal noise that belongs to an example: a function of (seed, example, draw), not of the batch.

A generator with a counter (as Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011):
every number is a hash of its place, so that any part can be drawn by itself, in any order, on any
device, for all examples at once. The hash is the finaliser of SplitMix64 (Steele et al., 2014).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_STEP = -7046029254386353131  # 2^64 / golden ratio, as a signed number
_MIX = (-4658895280553007687, -7723592293110705685)
_HALF = 2**32


def normal(seed: int, example_ids: Tensor, draw: int, width: int) -> Tensor:
    """Return standard normal noise (B, width) of the examples (B,) int64; `draw` counts from 0."""
    keys = _hash(_hash(example_ids + _hash_of(seed)) + _signed(draw * _STEP))
    pairs = torch.arange((width + 1) // 2, device=example_ids.device)
    bits = _hash(keys[:, None] + pairs * _STEP)
    # Box and Muller: two uniform numbers of 32 bits, the first above 0, give two normal ones
    radius = (((_shift(bits, 32) + 1).float() / _HALF).log() * -2).sqrt()
    angle = (bits & (_HALF - 1)).float() * (2 * math.pi / _HALF)
    return torch.cat([radius * angle.cos(), radius * angle.sin()], 1)[:, :width]


def _hash(x: Tensor) -> Tensor:
    """Mix the bits of 64-bit integers; multiplication wraps around."""
    x = (x ^ _shift(x, 30)) * _MIX[0]
    x = (x ^ _shift(x, 27)) * _MIX[1]
    mixed: Tensor = x ^ _shift(x, 31)
    return mixed


def _shift(x: Tensor, places: int) -> Tensor:
    """Shift to the right and fill with zeros; that of PyTorch fills with the sign."""
    shifted: Tensor = (x >> places) & (2 ** (64 - places) - 1)
    return shifted


def _hash_of(seed: int) -> int:
    return int(_hash(torch.tensor(_signed((seed + 1) * _STEP))).item())


def _signed(x: int) -> int:
    """Wrap a whole number into the range of a signed 64-bit one."""
    return (x + 2**63) % 2**64 - 2**63
