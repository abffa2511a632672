"""Where tensors live: a CUDA device if there is one, else the CPU."""

from __future__ import annotations

import torch


def pick() -> torch.device:
    """Return the first visible CUDA device, else the CPU (hide GPUs with CUDA_VISIBLE_DEVICES)."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
