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
from torch import Tensor, nn

from recinterpreter import training_state
from recinterpreter.checkpoint import Progress
from recinterpreter.errors import UserError
from recinterpreter.interpretation.shown import ShownStates
from recinterpreter.language_model.adapter import ConvLinearAdapter
from recinterpreter.language_model.codes import Codes
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import PromptTemplate, templates
from recinterpreter.settings import AdapterTraining

SHARPNESS = 20.0  # of the cosines in the warm start's softmax
LEANNESS = 0.05  # weight of the warm start's penalty on what is not to be named


@dataclass(frozen=True)
class Asked:
    """States and what is to be said of them: for each example the items to be named, in order."""

    states: ShownStates
    items: Sequence[Sequence[int]]

    def __len__(self) -> int:
        return len(self.items)


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


def soft_tokens(
    adapter: ConvLinearAdapter, states: ShownStates, rows: np.ndarray, device: torch.device
) -> Tensor | None:
    """Turn the states of some examples into what stands in the slots, (B, S, K, H) or nothing."""
    if states.values is None:
        return None
    values, mask = states.batch(rows)
    soft: Tensor = adapter(values.to(device), mask.to(device))
    return soft.reshape(len(rows), -1, *soft.shape[1:])


def warm_start(
    adapter: ConvLinearAdapter,
    codes: Codes,
    scale: float,
    training: Asked,
    settings: AdapterTraining,
) -> None:
    """Fit soft tokens to the codes of the titles to be named, before the LLM is ever asked.

    codes: of items 1 to n, in this order; scale: root mean square of the LLM's embedding table.
    The last slot, less the one before it where there is one, is to point to the codes of the named
    titles among those of the whole catalogue: a softmax over cosines. Ours; the paper has none.
    """
    optimizer = torch.optim.Adam(adapter.parameters(), lr=settings.learning_rate)
    random = np.random.default_rng([settings.seed, 2**31])
    device = next(adapter.parameters()).device
    with torch.no_grad():
        catalogue = nn.functional.normalize(
            codes.of(torch.arange(len(codes), device=device)), dim=-1
        )
    for _ in range(settings.warm_start_steps):
        rows = random.integers(len(training), size=settings.batch_size)
        soft = soft_tokens(adapter, training.states, rows, device)
        assert soft is not None
        shown = soft[:, -1].mean(1) - (soft[:, -2].mean(1) if soft.shape[1] > 1 else 0.0)
        logits = SHARPNESS * nn.functional.normalize(shown, dim=-1) @ catalogue.T
        told = nn.functional.log_softmax(logits, dim=-1)
        named = [torch.tensor(training.items[row], device=device) - 1 for row in rows]
        loss = torch.stack([-told[i, items].mean() for i, items in enumerate(named)]).mean()
        # what the slots hold beside what is to be named is to be small
        loss = loss + LEANNESS * (soft.square().mean() / shown.square().mean())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():  # cosines leave the scale free: take that of the embedding table
        gain = scale / shown.square().mean().sqrt()
        adapter.project.weight.mul_(gain)
        adapter.project.bias.mul_(gain)


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
