"""Train an adapter through a frozen LLM: a generator that reports; its caller logs and stops.

All randomness of an epoch is drawn from (seed, epoch), so that a training killed and resumed ends
with the very weights of one that was never interrupted.
Shapes: B examples, S slots, L positions, D width, K soft tokens, H the LLM's width.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from recinterpreter import training_state
from recinterpreter.checkpoint import Progress
from recinterpreter.errors import UserError
from recinterpreter.interpretation.shown import Asked, soft_tokens
from recinterpreter.interpretation.starts import warm_start
from recinterpreter.language_model.adapter import ConvLinearAdapter
from recinterpreter.language_model.codes import Codes
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import PromptTemplate, templates
from recinterpreter.settings import AdapterTraining


@dataclass(frozen=True)
class Report:
    """Where training stands: steps taken, epochs finished, and the figures of this step or epoch.

    accuracy: share of answers foretold token by token; `validation` is set after an epoch.
    """

    step: int
    epoch: int
    loss: float
    accuracy: float
    validation: float | None
    seconds: float


def epoch_rows(settings: AdapterTraining, n: int, epoch: int) -> np.ndarray:
    """Draw the training examples of an epoch: all of n in new order, or so many of them."""
    random = np.random.default_rng([settings.seed, epoch])
    return random.permutation(n)[: settings.examples_per_epoch]


def steps_per_epoch(settings: AdapterTraining, n: int) -> int:
    """Count the batches of an epoch over n examples; the last one may be smaller."""
    return math.ceil(min(n, settings.examples_per_epoch or n) / settings.batch_size)


def learning_rate(settings: AdapterTraining, epoch: int) -> float:
    """Return the rate of an epoch from 0: a linear rise, then constant (paper, section 4.1.3)."""
    share = min(1.0, epoch / max(1, settings.rising_epochs - 1))
    first, last = settings.learning_rate_first, settings.learning_rate
    return first + share * (last - first)


def train(
    adapter: ConvLinearAdapter,
    llm: FrozenLanguageModel,
    titles: Sequence[str],
    training: Asked,
    validation: Asked,
    settings: AdapterTraining,
    progress: Progress,
) -> Iterator[Report]:
    """Train the adapter; the LLM is bitwise unchanged. titles: by item id, index 0 unused.

    Raises UserError when the loss is no longer a number.
    """
    optimizer = torch.optim.Adam(adapter.parameters(), weight_decay=settings.l2)
    reports: list[Report] = []
    kept = progress.load()
    if kept is not None:
        training_state.restore(adapter, optimizer, kept[1])
        reports = [Report(**report) for report in kept[0]["reports"]]
    elif settings.warm_start_steps:
        warm_start(adapter, Codes(llm, titles[1:]), llm.embedding_rms(), training, settings)
    yield from reports
    started = time.monotonic() - (reports[-1].seconds if reports else 0.0)
    phrasings = templates(settings.task, settings.domain)
    step = reports[-1].step if reports else 0
    for epoch in range(len(reports), settings.epochs):
        rows = epoch_rows(settings, len(training), epoch)
        draw = np.random.default_rng([settings.seed, epoch, 1])
        totals = np.zeros(2)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, epoch)
        for chosen in _batches(rows, settings.batch_size):
            template = phrasings[draw.integers(len(phrasings))]
            loss, accuracy = _ask(adapter, llm, template, titles, training, chosen)
            step, figures = step + 1, (loss.item(), accuracy.item())
            if not math.isfinite(figures[0]):
                raise UserError(
                    f"the loss is {figures[0]} at step {step} (epoch {epoch + 1}); wanted a "
                    f"number: lower adapter.learning_rate, it is {settings.learning_rate:g}"
                )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            totals += np.array(figures) * len(chosen) / len(rows)
            yield Report(step, epoch, *figures, None, time.monotonic() - started)
        told = foretold(adapter, llm, phrasings[0], titles, validation, settings.batch_size)
        seconds = time.monotonic() - started
        loss_mean, accuracy_mean = totals.tolist()
        reports.append(Report(step, epoch + 1, loss_mean, accuracy_mean, told, seconds))
        progress.save(
            {"reports": [asdict(r) for r in reports]}, training_state.tensors(adapter, optimizer)
        )
        yield reports[-1]


@torch.no_grad()
def foretold(
    adapter: ConvLinearAdapter,
    llm: FrozenLanguageModel,
    template: PromptTemplate,
    titles: Sequence[str],
    asked: Asked,
    batch_size: int,
) -> float:
    """Return the share of answers foretold token by token (greedy decoding would write them)."""
    right = 0.0
    for chosen in _batches(np.arange(len(asked)), batch_size):
        right += float(_ask(adapter, llm, template, titles, asked, chosen)[1]) * len(chosen)
    return right / len(asked)


def _ask(
    adapter: ConvLinearAdapter,
    llm: FrozenLanguageModel,
    template: PromptTemplate,
    titles: Sequence[str],
    asked: Asked,
    rows: np.ndarray,
) -> tuple[Tensor, Tensor]:
    soft = soft_tokens(adapter, asked.states, rows, llm.device)
    answers = [
        llm.answer_tokens(template, [titles[item] for item in asked.items[row]]) for row in rows
    ]
    return llm.loss(template, soft, answers)


def _batches(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
