"""Where tensors live: a CUDA device if there is one, else the CPU."""

from __future__ import annotations

import os

import torch


def pick() -> torch.device:
    """Return a visible CUDA device, else the CPU (hide GPUs with CUDA_VISIBLE_DEVICES).

    The first one, but for processes that torchrun has started together: each has its own.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
