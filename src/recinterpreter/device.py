"""Where tensors live: a CUDA device if there is one, else the CPU."""

from __future__ import annotations

import os

import torch

from recinterpreter import gpus


def pick(*, all_gpus: bool = False) -> torch.device:
    """Return a CUDA device of this process's own, else the CPU (see `gpus.claim`).

    The first one to be seen, but for processes that torchrun has started together: they see the
    same ones, and each has its own. With `all_gpus` no other job is on any of them.
    """
    gpus.claim(None if all_gpus else 1)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
