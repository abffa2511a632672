"""What an LLM takes that is not there: tried on models of its shape with one and three layers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple

import torch

from recinterpreter.costs.expectation import SHARE, try_out
from recinterpreter.costs.probe import RUNS, Clock, Probed
from recinterpreter.costs.workload import Workload
from recinterpreter.interpretation.shown import Asked
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.causal import LanguageModel
from recinterpreter.language_model.cost import Sizes, sizes
from recinterpreter.language_model.decoding import greedy
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import PromptTemplate
from recinterpreter.language_model.thin import thin
from recinterpreter.settings.adapters import AdapterTraining

THIN, DEEPER = 1, 3  # layers
SECONDS = 3.0  # for each model and each thing that is tried
DRAWN = 5e7  # random weights that a CPU draws in a second
SPARE = 3  # times the weights: room for them, and for what they work on

Measure = Callable[[FrozenLanguageModel, Sizes], Sequence[float] | None]


class Trial:
    """Tries things on thin models of an LLM and extends what they took to all its layers.

    Time and memory grow linearly with layers. An LLM of at most three layers is made whole.
    """

    def __init__(
        self,
        llm: LanguageModel,
        where: torch.device,
        dtype: torch.dtype,
        rate: float,
        clock: Clock = time.perf_counter,
    ) -> None:
        """Take an outline of the LLM; rate: operations per second of this machine."""
        self.llm, self.rate = llm, rate
        self.sizes = sizes(llm.model.config)
        self._where, self._dtype, self._clock = where, dtype, clock
        layers = self.sizes.layers
        self._depths = [layers] if layers <= DEEPER else [THIN, DEEPER]
        self._made: list[tuple[FrozenLanguageModel, Sizes]] | None = None

    def training(
        self,
        adapter: Adapter,
        titles: Sequence[str],
        asked: Asked,
        settings: AdapterTraining,
        work: Workload,
    ) -> Probed | None:
        """Return what training takes with the whole LLM; None where it cannot be tried here."""

        def measure(llm: FrozenLanguageModel, found: Sizes) -> tuple[float, ...] | None:
            flops = work.training(found)
            options = (settings, flops, self.rate, SECONDS, self._clock)
            tried = try_out(adapter.to(self._where), llm, titles, asked, *options)
            return astuple(tried) if tried else None

        whole = self._extended(measure)
        if whole is None:
            return None
        tried = Probed(*whole)
        # no machine is faster than its fastest product: a bound on what two noisy times extend to
        least = settings.batch_size * work.training(self.sizes) / self.rate
        return Probed(max(tried.step, least), tried.validated, tried.warm, tried.held)

    def answering(
        self, template: PromptTemplate, soft: int, rows: int, new: int, work: Workload
    ) -> float | None:
        """Return seconds for so many answers of so many new tokens; None where it cannot be tried.

        soft: soft tokens per slot.
        """

        def measure(llm: FrozenLanguageModel, found: Sizes) -> tuple[float] | None:
            if rows * work.reading(found) / self.rate / SHARE * (RUNS + 1) > SECONDS:
                return None
            shape = (rows, template.slots, soft, llm.hidden_size)
            shown = torch.zeros(shape, device=self._where)
            seconds = []
            for _ in range(RUNS + 1):
                began = self._clock()
                greedy(llm, template, shown, rows, new)
                seconds.append(self._clock() - began)
            return (min(seconds),)

        whole = self._extended(measure)
        return whole[0] if whole else None

    def _extended(self, measure: Measure) -> list[float] | None:
        found = [measure(*model) for model in self._models()]
        if not found or any(figures is None for figures in found):
            return None
        first, last = (list(figures or ()) for figures in (found[0], found[-1]))
        if len(found) == 1:
            return first
        times = (self.sizes.layers - THIN) / (DEEPER - THIN)
        return [a + times * max(0.0, b - a) for a, b in zip(first, last, strict=True)]

    def _models(self) -> list[tuple[FrozenLanguageModel, Sizes]]:
        """Return the thin models, made once; none where they would not fit or take too long."""
        if self._made is None:
            self._made = []
            if self._affordable():
                for layers in self._depths:
                    model = thin(self.llm, layers, self._where, self._dtype)
                    self._made.append((model, sizes(model.model.config)))
        return self._made

    def _affordable(self) -> bool:
        layer = self.sizes.matrices / self.sizes.layers
        weights = 2 * self.sizes.head + sum(self._depths) * layer
        slow = self._where.type == "cpu" and weights / DRAWN > SECONDS
        return not slow and SPARE * weights * self._dtype.itemsize < _free(self._where)


def _free(where: torch.device) -> float:
    """Return the bytes of memory that are free where models would be made."""
    if where.type == "cuda":
        return float(torch.cuda.mem_get_info(where)[0])
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError):  # not every system tells
        return float("inf")
