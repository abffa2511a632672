"""Train an adapter for a few steps to learn what a step costs; nothing of it is kept.

This runs the very code of training, so what it measures is what training will take.
"""

from __future__ import annotations

import copy
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from recinterpreter.checkpoint import Progress
from recinterpreter.interpretation.shown import Asked
from recinterpreter.interpretation.training import train
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.settings.adapters import AdapterTraining

WARM_STEPS = 10  # of the warm start, timed to know what one takes
RUNS = 3

Clock = Callable[[], float]


@dataclass(frozen=True)
class Probed:
    """What training takes: seconds of a step, of a validated example, of a step of the warm start.

    held: most bytes that are kept for the way back at one time.
    """

    step: float
    validated: float
    warm: float
    held: float


def probe(
    adapter: Adapter,
    llm: FrozenLanguageModel,
    titles: Sequence[str],
    asked: Asked,
    settings: AdapterTraining,
    rows: int,
    clock: Clock = time.perf_counter,
) -> Probed:
    """Train a copy of the adapter on the examples asked, in two or more batches of so many rows.

    A step of fewer rows than the settings say is taken to cost in proportion. Each run is of the
    same steps; of what they took the least counts, for other work only ever adds to it.
    """
    once = settings.model_copy(
        update={
            **{"epochs": 1, "examples_per_epoch": None, "batch_size": rows},
            **{"warm_start_steps": 0, "closed_form_start": False},
        }
    )
    warm_too = once.model_copy(update={"warm_start_steps": WARM_STEPS})

    def run(how: AdapterTraining) -> list[float]:
        """Return the seconds before each report: one for every step, then that of the epoch.

        The first holds what is done once: answers are turned into tokens, an adapter warmed up.
        """
        seconds, last = [], clock()
        for _ in train(copy.deepcopy(adapter), llm, titles, asked, asked, how, Progress(None)):
            seconds.append(clock() - last)
            last = clock()
        return seconds

    tally = Tally(llm.model)
    with torch.random.fork_rng():
        with tally.counting():
            run(once)  # it also wakes libraries up and reads the prompts' beginnings
        first, *steps, validation = np.min([run(once) for _ in range(RUNS)], axis=0)
        warm = first
        if settings.warm_start_steps:
            warm = min(run(warm_too)[0] for _ in range(RUNS))
    share = settings.batch_size / rows
    return Probed(
        step=share * float(np.mean(steps)),
        validated=float(validation) / len(asked),
        warm=share * max(0.0, float(warm - first)) / WARM_STEPS,
        held=share * tally.most,
    )


class _Kept:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class Tally:
    """Counts the bytes that are kept for the way back while it is entered, a model's weights apart.

    most: as many as there ever were at one time.
    """

    def __init__(self, model: nn.Module) -> None:
        self.most = 0
        self._now = 0
        self._users: dict[int, int] = {}
        self._weights = {w.untyped_storage().data_ptr() for w in model.parameters()}

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what is kept in here."""
        with torch.autograd.graph.saved_tensors_hooks(self._keep, lambda kept: kept.tensor):
            yield

    def _keep(self, tensor: Tensor) -> _Kept:
        kept, storage = _Kept(tensor), tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if place not in self._weights:
            # several views of one storage take its memory once
            self._now += 0 if place in self._users else size
            self._users[place] = self._users.get(place, 0) + 1
            self.most = max(self.most, self._now)
            weakref.finalize(kept, self._drop, place, size)
        return kept

    def _drop(self, place: int, size: int) -> None:
        self._users[place] -= 1
        if not self._users[place]:
            del self._users[place]
            self._now -= size
