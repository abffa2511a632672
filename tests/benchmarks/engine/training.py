"""Steps of training, the fast way and the plain one, on the same machine in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from recinterpreter.language_model import plain
from recinterpreter.language_model.frozen import FrozenLanguageModel

from .workload import PaperAdapter, Work, soft_tokens

Loss = Callable[[PaperAdapter, np.ndarray], Tensor]


def fast_loss(llm: FrozenLanguageModel, work: Work, answers: list[list[int]]) -> Loss:
    """The engine's way; answers: tokens, made beforehand."""

    def loss(adapter: PaperAdapter, rows: np.ndarray) -> Tensor:
        # the longest first, as in training
        rows = rows[np.argsort([-len(answers[row]) for row in rows])]
        soft = soft_tokens(adapter, work.states[rows].to(llm.device))
        told = llm.told(work.template, soft, [answers[row] for row in rows])
        return told.loss / told.n_tokens

    return loss


def plain_loss(llm: FrozenLanguageModel, work: Work) -> Loss:
    """The authors' way: tokenised and embedded one by one, all logits."""

    def loss(adapter: PaperAdapter, rows: np.ndarray) -> Tensor:
        soft = soft_tokens(adapter, work.states[rows].to(llm.device))
        return plain.loss(llm, work.template, soft, [work.titles[row] for row in rows])

    return loss


def seconds(adapter: PaperAdapter, loss: Loss, chosen: list[np.ndarray]) -> float:
    """Take a step on each of the chosen batches; return the seconds per example."""
    optimizer = torch.optim.Adam(adapter.parameters(), lr=1e-4)
    _step(adapter, loss, optimizer, chosen[0][:2])  # the first one sets things up
    synchronise()
    began = time.perf_counter()
    for rows in chosen:
        _step(adapter, loss, optimizer, rows)
    synchronise()
    return (time.perf_counter() - began) / sum(map(len, chosen))


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _step(
    adapter: PaperAdapter, loss: Loss, optimizer: torch.optim.Optimizer, rows: np.ndarray
) -> None:
    optimizer.zero_grad()
    torch.autograd.backward(loss(adapter, rows))
    optimizer.step()


def differences(
    adapter: PaperAdapter, one: Loss, other: Loss, rows: np.ndarray
) -> tuple[float, float]:
    """How far two ways lie apart on one batch: of the loss, and of the adapter's gradient.

    The latter relative to its largest entry.
    """
    (loss, gradient), (wanted, right) = (_found(adapter, way, rows) for way in (one, other))
    return abs(loss - wanted), float((gradient - right).abs().max() / right.abs().max())


def _found(adapter: PaperAdapter, loss: Loss, rows: np.ndarray) -> tuple[float, Tensor]:
    value = loss(adapter, rows)
    gradients = torch.autograd.grad(value, list(adapter.parameters()))
    return float(value.detach()), torch.cat([g.flatten() for g in gradients])


def interleaved(ways: dict[str, Callable[[], float]], rounds: int) -> Iterator[tuple[str, float]]:
    """Time several ways in turn, so that a busy machine slows all of them; yield the medians."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
    for name, found in taken.items():
        yield name, float(np.median(found))
