"""Train an adapter through a frozen LLM: a generator that reports; its caller logs and stops.

All randomness of an epoch is drawn from (seed, epoch), so that a training killed at any step and
resumed ends with the very weights of one that was never interrupted.
Shapes: B examples, S slots, L positions, D width, K soft tokens, H the LLM's width.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from recinterpreter.checkpoint import Progress
from recinterpreter.errors import UserError
from recinterpreter.interpretation.batches import Batch, epoch_batches, epoch_rows, made_ready
from recinterpreter.interpretation.course import Course, Report, Step
from recinterpreter.interpretation.passes import Passes
from recinterpreter.interpretation.ragged import Ragged
from recinterpreter.interpretation.shown import Asked
from recinterpreter.interpretation.starts import start
from recinterpreter.interpretation.workers import Workers
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.codes import Codes
from recinterpreter.language_model.cost import sizes
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.layers import checkpoint_layers
from recinterpreter.language_model.prompts import PromptTemplate, templates
from recinterpreter.settings.adapters import AdapterTraining

SAVED_EVERY = 60.0  # seconds


def learning_rate(settings: AdapterTraining, epoch: int) -> float:
    """Return the rate of an epoch from 0: a linear rise, then constant (paper, section 4.1.3)."""
    share = min(1.0, epoch / max(1, settings.rising_epochs - 1))
    first, last = settings.learning_rate_first, settings.learning_rate
    return first + share * (last - first)


def train(
    adapter: Adapter,
    llm: FrozenLanguageModel,
    titles: Sequence[str],
    training: Asked,
    validation: Asked,
    settings: AdapterTraining,
    progress: Progress,
    workers: Workers | None = None,
) -> Iterator[Report]:
    """Train the adapter; the LLM is bitwise unchanged. titles: by item id, index 0 unused.

    Going on from kept progress, the reports of its epochs come first. When the generator is
    exhausted the adapter holds what is kept: the average (`averaging`) of the last epoch, or of
    the best one where there is `patience`. Raises UserError when the loss is no longer a number.
    """
    workers = workers or Workers()
    phrasings = templates(settings.task, settings.domain)
    asking = Asking(llm, titles, phrasings, workers)
    course = Course(adapter, settings)
    if not course.resume(progress):
        start(adapter, Codes(llm, titles[1:]), llm.embedding_rms(), training, settings)
    for module in (adapter, course.average):
        workers.agree(module)
    yield from course.reports
    answers, held_out = asking.answers(training), asking.answers(validation)
    began = saved = time.monotonic() - course.seconds
    while not course.over:
        epoch = len(course.reports)
        batches = epoch_batches(settings, answers.lengths, len(phrasings), epoch)
        for group in course.optimizer.param_groups:
            group["lr"] = learning_rate(settings, epoch)
        ready = made_ready(batches[course.batches :], partial(asking.ready, training))
        for batch, states in ready:
            step = asking.learn(course, answers, batch, states)
            course.count(step)
            course.seconds = time.monotonic() - began
            yield course.report(step.loss, step.accuracy)
            if workers.leads and time.monotonic() - saved > SAVED_EVERY:
                course.save(progress)
                saved = time.monotonic()
        told = asking.foretold(course.averaged, validation, held_out, settings.batch_size)
        course.seconds = time.monotonic() - began
        report = course.finish_epoch(told, len(epoch_rows(settings, len(training), epoch)))
        if workers.leads:
            course.save(progress)
            saved = time.monotonic()
        yield report
    adapter.load_state_dict(course.best)


class Asking:
    """Asks a frozen LLM about batches of states, each in as many passes as memory asks for."""

    def __init__(
        self,
        llm: FrozenLanguageModel,
        titles: Sequence[str],
        phrasings: Sequence[PromptTemplate],
        workers: Workers,
    ) -> None:
        self.llm, self.titles, self.phrasings, self.workers = llm, titles, phrasings, workers
        self.sizes = sizes(llm.model.config)
        self.passes = Passes(partial(checkpoint_layers, llm.model, True))

    def answers(self, asked: Asked) -> Ragged:
        """Return the tokens of all answers; they are the same in every phrasing of a task."""
        named = ([self.titles[item] for item in items] for items in asked.items)
        return Ragged(self.llm.answers_tokens(self.phrasings[0], named))

    def ready(self, asked: Asked, batch: Batch) -> tuple[Tensor, Tensor]:
        """Read this process's share of a batch: states (B, S, L, D) and mask (B, S, L)."""
        values, mask = asked.states.batch(self.workers.share(batch.rows))
        if self.llm.device.type == "cuda":
            return values.pin_memory(), mask.pin_memory()
        return values, mask

    def learn(
        self, course: Course, answers: Ragged, batch: Batch, states: tuple[Tensor, Tensor]
    ) -> Step:
        """Move the adapter by what a batch teaches; UserError when the loss is no number."""
        n_tokens = int(answers.lengths[batch.rows].sum())
        figures = self._asked(
            course.adapter,
            answers,
            batch,
            states,
            lambda loss: torch.autograd.backward(loss / n_tokens),
            course.optimizer.zero_grad,
        )
        total, right, tokens, operations = self.workers.total(figures).tolist()
        loss = total / n_tokens
        if not math.isfinite(loss):
            raise UserError(
                f"the loss is {loss} at step {course.step + 1} (epoch {len(course.reports) + 1}); "
                "wanted a number: lower adapter.learning_rate, it is "
                f"{course.settings.learning_rate:g}"
            )
        self.workers.total_gradient(course.adapter.parameters())
        course.optimizer.step()
        n = len(batch.rows)
        return Step(loss, right / n, n, int(tokens), operations)

    @torch.no_grad()
    def foretold(
        self, adapter: nn.Module, asked: Asked, answers: Ragged, batch_size: int
    ) -> tuple[float, float]:
        """Return (share of answers foretold token by token, loss per answer token).

        Greedy decoding would write those answers. By the first phrasing, which is asked at test.
        """
        figures = torch.zeros(4, dtype=torch.float64, device=self.llm.device)
        rows = np.argsort(-answers.lengths, kind="stable")
        batches = [Batch(0, rows[a : a + batch_size]) for a in range(0, len(rows), batch_size)]
        for batch, states in made_ready(batches, partial(self.ready, asked)):
            figures += self._asked(adapter, answers, batch, states)
        loss, right, *_ = self.workers.total(figures).tolist()
        return right / len(asked), loss / float(answers.lengths.sum())

    def _asked(
        self,
        adapter: nn.Module,
        answers: Ragged,
        batch: Batch,
        states: tuple[Tensor, Tensor],
        learn: Callable[[Tensor], None] | None = None,
        undo: Callable[[], None] = lambda: None,
    ) -> Tensor:
        """Ask this process's share of a batch: [loss, answers foretold, positions, operations]."""
        mine = self.workers.share(batch.rows)
        template = self.phrasings[batch.phrasing]
        prefix = len(self.llm.opening(template))

        def one_pass(part: slice) -> Tensor:
            values, mask = (x[part].to(self.llm.device, non_blocking=True) for x in states)
            soft = adapter(values.float().flatten(0, 1), mask.flatten(0, 1))
            soft = soft.reshape(*values.shape[:2], *soft.shape[1:])
            told = self.llm.told(template, soft, [answers[row] for row in mine[part]])
            if learn is not None:
                learn(told.loss)
            n = len(values)
            operations = n * self.sizes.training(told.positions / n, prefix, told.n_tokens / n)
            counted = torch.tensor([told.positions, operations], dtype=torch.float64)
            found = torch.stack([told.loss.detach().double(), told.right.sum().double()])
            return torch.cat([found.to(self.llm.device), counted.to(self.llm.device)])

        none = torch.zeros(4, dtype=torch.float64, device=self.llm.device)
        return sum(self.passes.over(len(mine), one_pass, undo), none)
