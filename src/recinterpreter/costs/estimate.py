"""What a configuration will take, before any weight is loaded.

Read are the settings, the tables of examples and titles, and the LLM's config.json and tokenizer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from recinterpreter import device, schemas, tables
from recinterpreter.costs.expectation import (
    SHARE,
    Expectation,
    expected,
    tokens_per_slot,
)
from recinterpreter.costs.memory import resident, working_memory
from recinterpreter.costs.probe import Clock
from recinterpreter.costs.trial import Trial
from recinterpreter.costs.workload import Workload, workload
from recinterpreter.data.evaluated import evaluated_examples
from recinterpreter.errors import UserError
from recinterpreter.experiment import Settings
from recinterpreter.interpretation.shown import SLOTS, Asked, ShownStates, to_be_named
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.adapters import build
from recinterpreter.language_model.causal import LanguageModel
from recinterpreter.language_model.cost import Sizes, gemm_rate
from recinterpreter.language_model.loading import dtype_of
from recinterpreter.language_model.prompts import templates
from recinterpreter.language_model.thin import outline, outline_of_embedded
from recinterpreter.language_model.trie import Trie
from recinterpreter.outside.states import shape_of_states
from recinterpreter.recommenders import models
from recinterpreter.settings.adapters import AdapterKind, AdapterTraining, Task
from recinterpreter.settings.language_model import Loading

VALIDATED = 500  # as train_adapter does
CHECKPOINT = 5  # tensors per parameter: itself, two moments, average, best
# What is left on disk of the numbers at positions that hold an item: as found on both data sets.
COMPRESSED = {"float32": 0.7, "float16": 0.8}
READ_AT_A_TIME = 4096  # examples, of which both states are decoded
DECODED = 8  # times their size is held while states are read: as found on the demo


@dataclass(frozen=True)
class Estimate:
    """What the adapters of one task and kind take, for recommenders with states of one shape.

    training: of one adapter; answering: seconds, for one adapter; states: bytes on disk, of one
    recommender; adapter: bytes on disk while it is trained; trainings: how many adapters.
    """

    dataset: str
    task: Task
    kind: AdapterKind
    recommenders: Sequence[str]
    shape: tuple[int, int]
    training: Expectation
    answering: float
    trainings: int
    states: float
    adapter: float


def estimate(
    settings: Settings, results: Path, clock: Clock = time.perf_counter
) -> Iterator[Estimate]:
    """Yield an estimate for each data set, task, kind of adapter and shape of states.

    Raises UserError that says what to run first, where a data set has no examples yet.
    """
    where = device.pick()
    loading = settings.loading()
    dtype = dtype_of(loading, where)
    rate, libraries = gemm_rate(where, dtype), 0.0
    for dataset in settings.datasets:
        examples = tables.read(results / dataset / "examples.parquet", schemas.EXAMPLES)
        items = tables.read(results / dataset / "items.parquet", schemas.ITEMS, ["title"])
        data = _Data(settings, dataset, examples, ["", *items["title"].to_pylist()])
        trial = Trial(_outline(settings, dataset, data.titles[1:]), where, dtype, rate, clock)
        libraries = libraries or resident()  # by now all are loaded, and no weight is
        held = {"libraries": libraries if where.type == "cpu" else 0.0}
        held["weights"] = _bytes_of_weights(trial.sizes, loading, dtype)
        for task in settings.adapter.tasks:
            for kind in settings.adapter.kinds:
                for shape, names in data.shapes().items():
                    yield _one(data, trial, task, kind, shape, names, held)


class _Data:
    """The examples of a data set, as far as costs follow from them."""

    def __init__(
        self, settings: Settings, dataset: str, examples: pa.Table, titles: list[str]
    ) -> None:
        self.settings, self.dataset, self.titles = settings, dataset, titles
        split = examples["split"].to_numpy(zero_copy_only=False)
        self.histories = examples["history"].to_pylist()
        self.targets = examples["target"].to_numpy()
        self.training = np.flatnonzero(split == "train")
        self.validated = min(VALIDATED, int((split == "validation").sum()))
        answers = settings.answers
        self.answered = len(evaluated_examples(examples, answers.sample, answers.seed))
        if not len(self.training):
            raise UserError(f"{dataset}: no train example; wanted some: give more users")

    def shapes(self) -> dict[tuple[int, int], list[str]]:
        """Return recommenders by the shape (L, D) of their states, from recipes or files."""
        found: dict[tuple[int, int], list[str]] = {}
        for name, files in self.settings.recommenders.outside.items():
            found.setdefault(shape_of_states(Path(files.states)), []).append(name)
        for name in self.settings.made_here:
            recipe = self.settings.training(name, "0")
            sizes = (len(self.titles) - 1, self.settings.split.history, torch.device("meta"))
            with torch.random.fork_rng(), torch.device("meta"):
                shape = models.build(recipe, *sizes).state_shape
            found.setdefault((shape[0], shape[1]), []).append(name)
        return found

    def asked(self, task: Task, shape: tuple[int, int], n: int) -> Asked:
        """Ask about so many training examples, of which the states are random."""
        draw = np.random.default_rng(0)
        rows = draw.permutation(self.training)[:n]
        slots = (len(rows), len(SLOTS[task]), shape[0])
        values = draw.standard_normal((*slots, shape[1]), dtype=np.float32)
        items = [to_be_named(task, self.histories[row], int(self.targets[row])) for row in rows]
        return Asked(ShownStates(rows, values, np.ones(slots, dtype=bool)), items)

    def bytes_of_states(self, shape: tuple[int, int]) -> float:
        """Return the size of a recommender's states: before and after, where they hold items."""
        lengths = np.minimum([len(history) for history in self.histories], shape[0])
        precision = self.settings.states.precision
        numbers = float(2 * lengths.sum()) * shape[1]
        return numbers * np.dtype(precision).itemsize * COMPRESSED[precision]


def _outline(settings: Settings, dataset: str, titles: Sequence[str]) -> LanguageModel:
    llm = settings.llm
    if llm.source == "embedded":
        return outline_of_embedded(titles, settings.data.domain(dataset), llm.embedded)
    return outline(os.path.expanduser(llm.source), settings.loading())


def _bytes_of_weights(found: Sizes, loading: Loading, dtype: torch.dtype) -> float:
    """Count the bytes of an LLM's weights; only the matrices inside its layers can be packed."""
    # of fp8 a GPU wants them turned as well
    each = {"full": dtype.itemsize, "fp8": 2.0, "int8": 1.0, "int4": 0.5}[loading.weights]
    packed = min(found.matrices, found.parameters)
    return packed * each + (found.parameters - packed) * dtype.itemsize


def _one(
    data: _Data,
    trial: Trial,
    task: Task,
    kind: AdapterKind,
    shape: tuple[int, int],
    names: list[str],
    held: dict[str, float],
) -> Estimate:
    settings = data.settings
    how = settings.adapter_training(data.dataset, task, kind, "0")
    llm = trial.llm
    with torch.random.fork_rng():
        adapter = build(how, *shape, llm.hidden_size, 1.0)
    asked = data.asked(task, shape, 32 * how.batch_size)
    soft = tokens_per_slot(adapter, asked.states)
    available = (len(data.training), data.validated)
    work = workload(llm, how, data.titles, asked.items, soft, available)
    tried = trial.training(adapter, data.titles, asked, how, work)
    row = 2 * 4 * shape[0] * shape[1]
    memory = {
        **held,
        "states": float(DECODED * min(READ_AT_A_TIME, len(data.histories)) * row),
        **working_memory(
            trial.sizes,
            llm,
            adapter,
            how.batch_size * work.tokens,
            how.batch_size * work.targets,
            tried.held if tried else None,
        ),
    }
    return Estimate(
        dataset=data.dataset,
        task=task,
        kind=kind,
        recommenders=names,
        shape=shape,
        training=expected(work, trial.sizes, how, trial.rate, memory, tried),
        answering=_answering(data, trial, how, work, soft),
        trainings=len(names) * len(settings.recommenders.seeds),
        states=data.bytes_of_states(shape),
        adapter=_on_disk(adapter),
    )


def _answering(data: _Data, trial: Trial, how: AdapterTraining, work: Workload, soft: int) -> float:
    """Return the seconds in which the recorded states of an adapter are answered, or ranked for."""
    n, size = data.answered, data.settings.answers.batch_size
    if how.task == "preference":
        template = templates(how.task, how.domain)[0]
        titles = ([title] for title in dict.fromkeys(data.titles[1:]))
        nodes = len(Trie(list(trial.llm.answers_tokens(template, titles))))
        operations = trial.sizes.forward(nodes, work.prefix + work.tokens, nodes)
        return n * operations / trial.rate / SHARE
    most = getattr(data.settings.answers.max_new_tokens, how.task)
    template = templates(how.task, how.domain)[0]
    batch = trial.answering(template, soft, min(size, n), min(most, round(work.targets)), work)
    if batch is None:
        return n * work.reading(trial.sizes) / trial.rate / SHARE
    return batch * n / min(size, n)


def _on_disk(adapter: Adapter) -> float:
    """Bytes of a trained adapter and, while it is trained, of its two last checkpoints."""
    state = sum(t.numel() * t.element_size() for t in adapter.state_dict().values())
    trained = sum(p.numel() * p.element_size() for p in adapter.parameters())
    return float(state + 2 * CHECKPOINT * trained)
