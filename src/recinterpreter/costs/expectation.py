"""What training an adapter will take: operations, time and memory."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from recinterpreter.costs.memory import resident, working_memory
from recinterpreter.costs.probe import RUNS, Clock, Probed, probe
from recinterpreter.costs.workload import Workload, answer_lengths, workload
from recinterpreter.interpretation.batches import WINDOW, steps_per_epoch
from recinterpreter.interpretation.shown import Asked, ShownStates, soft_tokens
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.cost import Sizes, gemm_rate, sizes
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.quantities import count, duration, size
from recinterpreter.settings.adapters import AdapterTraining

# Where nothing can be tried out: the share of its fastest matrix products that a machine reaches.
SHARE = 0.6
TRIED_BATCHES = 5
TRIED_SECONDS = 0.5  # at the start of a training


@dataclass(frozen=True)
class Expectation:
    """What one training will take, in operations, seconds and bytes.

    flops: of one example, forward and back; rate: operations per second of the machine's fastest
    matrix product; step, epoch, total: seconds; memory: bytes by what they hold; tried: whether
    steps were timed, or time is arithmetic alone.
    """

    work: Workload
    flops: float
    rate: float
    step: float
    epoch: float
    total: float
    memory: Mapping[str, float]
    tried: bool

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"expected: {count(self.flops)}FLOP and {self.work.tokens:.0f} tokens an example, "
            f"{duration(self.epoch)} an epoch, {duration(self.total)} in all, "
            f"{size(sum(self.memory.values()))} at most; matrix products do "
            f"{count(self.rate)}FLOP/s here"
        )


def expectation(
    adapter: Adapter,
    llm: FrozenLanguageModel,
    titles: Sequence[str],
    training: Asked,
    validation: Asked,
    settings: AdapterTraining,
) -> Expectation:
    """Say what the training that is about to start will take, by trying it for a moment.

    The adapter, the LLM and torch's generator stay as they are.
    """
    before = float(torch.cuda.memory_allocated()) if llm.device.type == "cuda" else resident()
    rate = gemm_rate(llm.device, next(llm.model.parameters()).dtype)
    found = sizes(llm.model.config)
    available = len(training), len(validation)
    soft = tokens_per_slot(adapter, training.states)
    work = workload(llm, settings, titles, training.items, soft, available)
    flops = work.training(found)
    tried = try_out(adapter, llm, titles, training, settings, flops, rate, TRIED_SECONDS)
    tokens, targets = settings.batch_size * work.tokens, settings.batch_size * work.targets
    held = tried.held if tried else None
    working = working_memory(found, llm, adapter, tokens, targets, held)
    return expected(work, found, settings, rate, {"before": before, **working}, tried)


def try_out(
    adapter: Adapter,
    llm: FrozenLanguageModel,
    titles: Sequence[str],
    asked: Asked,
    settings: AdapterTraining,
    flops: float,
    rate: float,
    seconds: float,
    clock: Clock = time.perf_counter,
) -> Probed | None:
    """Train for about so many seconds, on batches such as training will have; None: too slow.

    flops: operations that an example takes of this LLM; rate: operations per second here.
    """
    affordable = int(seconds * rate * SHARE / flops / (RUNS + 1))
    rows = min(settings.batch_size, affordable // 2, len(asked) // 2)
    if not rows:
        return None
    batches = min(TRIED_BATCHES, affordable // rows, len(asked) // rows)
    order = np.random.default_rng(0).permutation(len(asked))[: WINDOW * rows]
    if settings.batches_by_length:
        lengths = answer_lengths(llm, settings, titles, [asked.items[row] for row in order])
        order = order[np.argsort(lengths, kind="stable")]
    # batches from places spread evenly over a window of them; one example in no two of them
    starts = np.linspace(0, len(order), batches + 1)[:-1]
    spare = (len(order) / batches - rows) / 2
    chosen = np.concatenate([order[int(a + spare) : int(a + spare) + rows] for a in starts])
    return probe(adapter, llm, titles, _subset(asked, chosen), settings, rows, clock)


def expected(
    work: Workload,
    found: Sizes,
    settings: AdapterTraining,
    rate: float,
    memory: Mapping[str, float],
    tried: Probed | None,
) -> Expectation:
    """Sum up what a training takes; tried: what its steps were found to take, if they were."""
    if tried:
        example, validated, warm = tried.step / settings.batch_size, tried.validated, tried.warm
    else:
        reached = rate * SHARE
        example, validated = work.training(found) / reached, work.reading(found) / reached
        warm = 0.0
    epoch = work.examples * example + work.validated * validated
    return Expectation(
        work=work,
        flops=work.training(found),
        rate=rate,
        step=work.examples * example / steps_per_epoch(settings, work.examples),
        epoch=epoch,
        total=settings.warm_start_steps * warm + settings.epochs * epoch,
        memory=memory,
        tried=tried is not None,
    )


def tokens_per_slot(adapter: Adapter, states: ShownStates) -> int:
    """Ask an adapter for how many soft tokens K it makes of a state."""
    device = next(adapter.parameters()).device
    with torch.no_grad():
        soft = soft_tokens(adapter, states, np.arange(1), device)
    return 0 if soft is None else int(soft.shape[2])


def _subset(asked: Asked, rows: np.ndarray) -> Asked:
    states = asked.states
    values = None if states.values is None else states.values[rows]
    shown = ShownStates(states.example_ids[rows], values, states.mask[rows])
    return Asked(shown, [list(asked.items[row]) for row in rows])
