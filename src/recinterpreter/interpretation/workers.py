"""Several processes that train one adapter together, each on its share of every batch.

Started by torchrun, one process per GPU (or several on a CPU); alone without it. Only what the
adapter has learned from a batch is exchanged: its gradient, summed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, distributed, nn


class Workers:
    """This process among all that train together: number `rank` of `count`."""

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank, self.count = rank, count

    @classmethod
    def join(cls) -> Workers:
        """Meet the others if torchrun has started some: NCCL between GPUs, gloo between CPUs."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count == 1:
            return cls()
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return cls(distributed.get_rank(), count)

    def leave(self) -> None:
        """Part from the others when all of them are done; the process is to `end` thereafter."""
        if self.count > 1:
            distributed.barrier()

    @property
    def leads(self) -> bool:
        """Whether this is the process that reports and writes."""
        return self.rank == 0

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Return this process's rows: every count-th, so that long and short ones are dealt out."""
        return rows[self.rank :: self.count]

    def total(self, figures: Tensor) -> Tensor:
        """Sum figures over all processes, in place."""
        if self.count > 1:
            distributed.all_reduce(figures)
        return figures

    def total_gradient(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum the gradients of all processes, in one exchange; none counts as zero."""
        if self.count == 1:
            return
        held = list(parameters)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in held]
        summed = self.total(torch.cat([gradient.flatten() for gradient in gradients]))
        for parameter, part in zip(
            held, torch.split(summed, [p.numel() for p in held]), strict=True
        ):
            parameter.grad = part.view_as(parameter)

    def agree(self, module: nn.Module) -> None:
        """Give every process the weights and statistics of the one that leads."""
        if self.count > 1:
            for tensor in module.state_dict().values():
                distributed.broadcast(tensor, 0)
