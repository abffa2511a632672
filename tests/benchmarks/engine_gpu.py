"""A LLaMA-7B on a GPU: plain in fp32 and bf16, ours exact and in fp8, and the share of its peak.

Weights are random, for speed does not depend on their values; token lengths are those of
MovieLens-100K where it and the LLaMA tokenizer are there. Needs torch, transformers, numpy and
pyarrow alone. The plain way takes batches of 16, the authors' size; ours takes BATCH, its longest
answers first, and both count samples. Share of the peak: operations that ours needs (`cost`), by
time, against the best rate of a large bf16 product measured in the same run.

Variables of the environment, or of the command line of `make bench`:

DATA     folder with movielens/ml-100k and models/llama_tokenizer
BATCH    examples of a pass of ours, 64          ROUNDS   of each timing, 3
SIZE     hidden x layers, 4096x32                DEVICE   cuda; cpu tries the script out
COMPILE  1: also with compiled layers
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from engine.training import differences, fast_loss, plain_loss, seconds
from engine.workload import (
    DATA,
    EXAMPLES,
    TASKS,
    PaperAdapter,
    StandIn,
    Work,
    batches,
    random_llama,
    spread,
    tokenizer,
    work,
)

from recinterpreter.errors import UserError
from recinterpreter.language_model import float8
from recinterpreter.language_model.cost import gemm_rate, sizes
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.layers import decoder_layers

PLAIN_BATCH = 16
DRAWN = 4096  # examples that batches are dealt from
TIMED = 4  # batches of each timing

Figure = tuple[str, float, str]


def main() -> Iterator[Figure]:
    device = os.environ.get("DEVICE") or "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("no GPU here; wanted one, or DEVICE=cpu SIZE=64x2 to try the script out")
    hidden, layers = map(int, (os.environ.get("SIZE") or "4096x32").split("x"))
    data = Path(os.environ.get("DATA") or DATA)
    tokens = tokenizer(data)
    yield "real token lengths", float(not isinstance(tokens, StandIn)), "1: yes"
    works = {task: work(task, data, DRAWN) for task in TASKS}
    rate = gemm_rate(torch.device(device), torch.bfloat16)
    yield "bf16 product", rate / 1e12, "TFLOP/s"
    bench = _Bench(hidden, layers, tokens, device, works)
    yield from bench.plain(torch.float32)
    yield from bench.plain(torch.bfloat16)
    yield from bench.ours(rate)
    best = {task: bench.rates[f"{task} ours"] for task in TASKS}
    for name, way in (("ratio_fp32", "plain fp32"), ("ratio_bf16", "plain bf16")):
        yield name, min(best[task] / bench.rates[f"{task} {way}"] for task in TASKS), "ours / plain"
    yield "gemm_share", min(bench.shares.values()), "of the bf16 product's rate"
    for task in TASKS:
        yield f"{task} minutes an epoch of ML-100K", EXAMPLES / best[task] / 60, "min (paper: 120)"
    yield "minutes_per_epoch_ml100k", EXAMPLES / min(best.values()) / 60, "min, the longer task"
    yield "peak_gib", bench.peak, "GiB, ours"


class _Bench:
    """Times one way after another, one model in memory at a time; keeps samples per second."""

    def __init__(
        self, hidden: int, layers: int, tokens: object, device: str, works: dict[str, Work]
    ) -> None:
        self.hidden, self.device, self.works = hidden, device, works
        self.make = partial(random_llama, hidden, layers, tokens, device=device)
        self.rounds = int(os.environ.get("ROUNDS") or 3)
        self.batch = int(os.environ.get("BATCH") or 64)
        self.adapter = PaperAdapter(hidden).to(device)
        self.rates: dict[str, float] = {}
        self.shares: dict[str, float] = {}
        self.peak = 0.0

    def plain(self, dtype: torch.dtype) -> Iterator[Figure]:
        """The authors' way in one precision."""
        name = "plain fp32" if dtype == torch.float32 else "plain bf16"
        llm = self.make(dtype=dtype)
        for task, asked in self.works.items():
            dealt = batches(np.ones(len(asked)), PLAIN_BATCH, by_length=False)[:TIMED]
            yield from self._timed(task, name, seconds, plain_loss(llm, asked), dealt)
        del llm
        _free()

    def ours(self, rate: float) -> Iterator[Figure]:
        """The engine's way: exact in bf16, with weights in fp8, and where asked for compiled."""
        llm = self.make(dtype=torch.bfloat16)
        answers = {task: _answers(llm, asked) for task, asked in self.works.items()}
        for task, asked in self.works.items():
            yield from self._fast(llm, task, "ours", answers[task])
            self.shares[task] = self._operations(llm, task, answers[task]) / rate
            yield f"{task} ours, share of the product", self.shares[task], ""
            loss, gradient = differences(
                self.adapter, fast_loss(llm, asked, answers[task]), plain_loss(llm, asked),
                np.arange(PLAIN_BATCH),
            )  # fmt: skip
            yield f"{task} ours - plain bf16, loss", loss, ""
            yield f"{task} ours - plain bf16, gradient", gradient, "of the largest entry"
        exact = {task: self._loss(llm, task, answers[task]) for task in self.works}
        if os.environ.get("COMPILE"):
            for layer in decoder_layers(llm.model):
                layer.compile(dynamic=True)
            for task in self.works:
                yield from self._fast(llm, task, "ours compiled", answers[task])
            llm = self.make(dtype=torch.bfloat16)
        float8.quantise(llm.model)
        _free()
        # what was read of the prompts before was read with other weights
        rounded = FrozenLanguageModel(llm.model, llm.tokenizer)
        for task in self.works:
            yield from self._fast(rounded, task, "ours fp8", answers[task])
            difference = self._loss(rounded, task, answers[task]) - exact[task]
            yield f"{task} ours fp8 - bf16, loss", difference, ""
            ratio = self.rates[f"{task} ours fp8"] / self.rates[f"{task} plain fp32"]
            yield f"{task} ratio of fp8 to plain fp32", ratio, "ours / plain"

    def _fast(
        self, llm: FrozenLanguageModel, task: str, name: str, answers: list[list[int]]
    ) -> Iterator[Figure]:
        lengths = np.array([len(answer) for answer in answers])
        dealt = spread(batches(lengths, self.batch, by_length=True), lengths, TIMED)
        loss = fast_loss(llm, self.works[task], answers)
        yield from self._timed(task, name, seconds, loss, dealt)

    def _timed(self, task: str, name: str, way, loss, dealt: list[np.ndarray]) -> Iterator[Figure]:  # type: ignore[no-untyped-def]
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        taken = float(np.median([way(self.adapter, loss, dealt) for _ in range(self.rounds)]))
        self.rates[f"{task} {name}"] = 1 / taken
        yield f"{task} {name}", 1 / taken, "samples/s"
        if self.device == "cuda":
            peak = torch.cuda.max_memory_allocated() / 2**30
            self.peak = max(self.peak, peak) if name == "ours" else self.peak
            yield f"{task} {name}, peak memory", peak, "GiB"

    def _operations(self, llm: FrozenLanguageModel, task: str, answers: list[list[int]]) -> float:
        """Operations a second that ours has done, padding not counted."""
        template = self.works[task].template
        question = llm.rest_of_question(template, None, 1).shape[1] + template.slots
        target = float(np.mean([len(answer) for answer in answers]))
        needed = sizes(llm.model.config).training(
            question + target - 1, len(llm.opening(template)), target
        )
        return needed * self.rates[f"{task} ours"]

    @torch.no_grad()
    def _loss(self, llm: FrozenLanguageModel, task: str, answers: list[list[int]]) -> float:
        loss = fast_loss(llm, self.works[task], answers)
        return float(loss(self.adapter, np.arange(self.batch)))


def _answers(llm: FrozenLanguageModel, asked: Work) -> list[list[int]]:
    return [llm.answer_tokens(asked.template, titles) for titles in asked.titles]


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
