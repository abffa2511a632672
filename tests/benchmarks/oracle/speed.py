"""Seconds of sampling, the released way and ours, for the same users with the same weights.

Seconds are the processor's, which other work on the machine does not stretch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recinterpreter.recommenders import noise
from recinterpreter.recommenders.diffusion import sample
from recinterpreter.recommenders.dreamrec import Denoiser, DreamRec
from recinterpreter.recommenders.sequence import SequenceBatch, last, without_padding
from recinterpreter.recommenders.windows import Windows

from .authors import Concatenated, ancestral

# Windows that are sampled for, and how many at a time: the paper's batch.
ROWS, BATCH = 1024, 256


def as_released(denoiser: Denoiser) -> Concatenated:
    """Return our denoiser in the released form: one first layer on the concatenated [x, h, t]."""
    parts = [denoiser.of_noisy.weight, denoiser.of_condition.weight]
    hidden = len(parts[0])
    weight = torch.cat([*parts, torch.eye(hidden)], 1)
    first = nn.Linear(weight.shape[1], hidden)
    with torch.no_grad():
        first.weight.copy_(weight)
        first.bias.zero_()
    rest = nn.Sequential(denoiser.activation, denoiser.out)
    return Concatenated(first, denoiser.of_step, rest)


@torch.inference_mode()
def compare(model: DreamRec, windows: Windows, repeats: int) -> Iterator[tuple[str, float, str]]:
    """Time both ways in turn, and what ours spends on noise, denoiser and retrieval.

    Both take the same states; the encoder is in neither.
    """
    rows = np.arange(min(ROWS, len(windows)))
    parts = np.split(rows, range(BATCH, len(rows), BATCH))
    batches = [windows.take(part).batch(torch.device("cpu")) for part in parts]
    conditions = [last(model.predict(batch), batch.lengths) for batch in batches]
    released = as_released(model.denoiser)
    few, full = model.recipe.sampling_steps, model.recipe.diffusion_steps
    ways: dict[str, Callable[[], object]] = {
        "released": lambda: _released(released, model, conditions),
        "ours": lambda: _ours(model, batches, conditions, few),
        "full": lambda: _ours(model, batches, conditions, full),
        "noise": lambda: _noise(model, batches),
        "retrieval": lambda: _retrieval(model, conditions),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):
        # the order turns round each time; the first time warms up
        for name in list(ways)[:: -1 if repeat % 2 else 1]:
            started = time.process_time()
            ways[name]()
            if repeat:
                seconds[name].append(time.process_time() - started)
    yield "users sampled for, each time", len(rows), "windows"
    found = {name: median(values) for name, values in seconds.items()}
    whole = found["ours"] + found["retrieval"]
    yield f"sampling as released, {full} steps of two passes", found["released"], "s"
    yield f"sampling of ours, {full} steps of one pass", found["full"], "s"
    yield f"sampling of ours, {few} steps of one pass", found["ours"], "s"
    yield "share of noise", found["noise"] / whole, "of ours with retrieval"
    yield "share of denoiser", (found["ours"] - found["noise"]) / whole, "of ours with retrieval"
    yield "share of retrieval", found["retrieval"] / whole, "of ours with retrieval"
    yield "speedup of a step", found["released"] / found["full"], "released / ours"
    yield "speedup", found["released"] / found["ours"], "released / ours"


def _released(denoise: Concatenated, model: DreamRec, conditions: list[Tensor]) -> list[Tensor]:
    guidance = model.recipe.guidance
    return [ancestral(denoise, c, model.null, model.left, guidance) for c in conditions]


def _ours(
    model: DreamRec, batches: list[SequenceBatch], conditions: list[Tensor], steps: int
) -> list[Tensor]:
    recipe = model.recipe
    return [
        sample(
            model.denoiser.guided(condition, model.null, recipe.guidance),
            lambda draw, ids=batch.example_ids: noise.normal(model.seed, ids, draw, model.width),
            model.left,
            steps,
            recipe.sampling_noise,
        )
        for batch, condition in zip(batches, conditions, strict=True)
    ]


def _noise(model: DreamRec, batches: list[SequenceBatch]) -> None:
    """Draw what `_ours` draws, and nothing else."""
    recipe = model.recipe
    draws = recipe.sampling_steps if recipe.sampling_noise > 0 else 1
    for batch in batches:
        for draw in range(draws):
            noise.normal(model.seed, batch.example_ids, draw, model.width)


def _retrieval(model: DreamRec, dreamt: list[Tensor]) -> None:
    """Compare vectors with the whole catalogue, as `DreamRec.scores` does."""
    for vectors in dreamt:
        items = functional.normalize(model.item_table.weight, dim=1)
        without_padding(functional.normalize(vectors, dim=1) @ items.T)
