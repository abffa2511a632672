"""Which examples are asked together, in which order and by which phrasing, for a whole epoch.

Drawn from (seed, epoch) alone, so a training that goes on in the middle of an epoch goes on with
the very batches it would have had.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from recinterpreter.settings.adapters import AdapterTraining

Job = TypeVar("Job")
Ready = TypeVar("Ready")

WINDOW = 32  # batches among which answers are sorted by length
AHEAD = 2  # batches made ready while one is computed


@dataclass(frozen=True)
class Batch:
    """Rows of the training examples, the longest answer first, and the phrasing they share."""

    phrasing: int
    rows: np.ndarray


def epoch_rows(settings: AdapterTraining, n: int, epoch: int) -> np.ndarray:
    """Draw the training examples of an epoch: all of n in new order, or so many of them."""
    random = np.random.default_rng([settings.seed, epoch])
    return random.permutation(n)[: settings.examples_per_epoch]


def steps_per_epoch(settings: AdapterTraining, n: int) -> int:
    """Count the batches of an epoch over n examples; the last one may be smaller."""
    return math.ceil(min(n, settings.examples_per_epoch or n) / settings.batch_size)


def epoch_batches(
    settings: AdapterTraining, lengths: np.ndarray, phrasings: int, epoch: int
) -> list[Batch]:
    """Deal the examples of an epoch into batches; lengths (N,): tokens of each one's answer.

    With `batches_by_length` answers of like length come together, so that little is padded: drawn
    examples are sorted within windows of a few batches, and the batches shuffled again.
    """
    rows, size = epoch_rows(settings, len(lengths), epoch), settings.batch_size
    draw = np.random.default_rng([settings.seed, epoch, 1])
    if settings.batches_by_length:
        window = WINDOW * size
        parts = [rows[start : start + window] for start in range(0, len(rows), window)]
        rows = np.concatenate([part[_longest_first(lengths[part])] for part in parts])
    drawn = [rows[start : start + size] for start in range(0, len(rows), size)]
    order = draw.permutation(len(drawn)) if settings.batches_by_length else range(len(drawn))
    return [
        Batch(int(draw.integers(phrasings)), drawn[i][_longest_first(lengths[drawn[i]])])
        for i in order
    ]


def _longest_first(lengths: np.ndarray) -> np.ndarray:
    return np.argsort(-lengths, kind="stable")


def made_ready(jobs: Iterable[Job], prepare: Callable[[Job], Ready]) -> Iterator[tuple[Job, Ready]]:
    """Yield each job with what `prepare` makes of it, in a thread that works a little ahead."""
    waiting: deque[tuple[Job, Future[Ready]]] = deque()
    with ThreadPoolExecutor(1) as thread:
        for job in jobs:
            waiting.append((job, thread.submit(prepare, job)))
            if len(waiting) > AHEAD:
                done, ready = waiting.popleft()
                yield done, ready.result()
        for done, ready in waiting:
            yield done, ready.result()
