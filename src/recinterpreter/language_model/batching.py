"""Batches as large as memory allows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch

from recinterpreter.errors import UserError

logger = logging.getLogger("recinterpreter")

Result = TypeVar("Result")


class Batches:
    """So many rows at a time, and half as many from then on where those do not fit in memory.

    For work whose results do not depend on the batch.
    """

    def __init__(self, size: int) -> None:
        self._size = size

    def over(
        self, n: int, work: Callable[[np.ndarray], Result]
    ) -> Iterator[tuple[np.ndarray, Result]]:
        """Yield (rows, work(rows)) for all of n rows, in order.

        Raises UserError when a single row does not fit.
        """
        start = 0
        while start < n:
            rows = np.arange(start, min(start + self._size, n))
            try:
                result = work(rows)
            except torch.OutOfMemoryError:
                fits = False
            else:
                fits = True
            # outside of "except", where the traceback would still hold on to what is too much
            if not fits:
                self._halve(len(rows))
                continue
            yield rows, result
            start += len(rows)

    def _halve(self, tried: int) -> None:
        if tried == 1:
            raise UserError(
                "a single prompt does not fit into the GPU's memory; wanted a smaller llm.source "
                "or a GPU that nobody else uses (CUDA_VISIBLE_DEVICES)"
            )
        self._size = tried // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        logger.warning(
            "%d prompts at a time do not fit into the GPU's memory: %d from here on (the answers "
            "are the same; lower answers.batch_size to begin with that)",
            tried,
            self._size,
        )
