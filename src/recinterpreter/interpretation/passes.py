"""One batch in as many passes through the LLM as its memory asks for; the result is the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import torch

from recinterpreter.errors import UserError

logger = logging.getLogger("recinterpreter")

Part = TypeVar("Part")


FEW = 4  # examples of a pass from which on computing layers twice beats splitting further


class Passes:
    """Knows how many examples a pass may have, and learns it from running out of memory.

    compute_twice: lets the LLM's layers keep less and compute it again (`layers`).
    """

    def __init__(self, compute_twice: Callable[[], None]) -> None:
        self._compute_twice = compute_twice
        self._twice = False
        self.rows: int | None = None

    def over(
        self, n: int, one_pass: Callable[[slice], Part], undo: Callable[[], None]
    ) -> list[Part]:
        """Call one_pass on slices of n examples; `undo` takes back what an aborted try has left.

        Raises UserError when a single example does not fit.
        """
        while True:
            undo()
            size = min(self.rows or n, n) or 1
            with suppress(torch.OutOfMemoryError):
                return [one_pass(slice(a, min(a + size, n))) for a in range(0, n, size)]
            # outside the handler: the error holds on to the tensors of the pass that failed
            self._spare(size)

    def _spare(self, size: int) -> None:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if size <= FEW and not self._twice:
            self._compute_twice()
            self._twice = True
            logger.warning("out of memory with %d examples a pass; computing layers twice", size)
        elif size > 1:
            self.rows = size // 2
            logger.warning(
                "out of memory with %d examples a pass; going on with %d", size, self.rows
            )
        else:
            raise UserError(
                "out of memory with a single example; wanted more memory, a smaller LLM, or one of "
                "llm's settings that make it smaller"
            )
