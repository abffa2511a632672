"""Train the adapter of one recommender for one task, through the frozen LLM."""

from __future__ import annotations

import json
import logging
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import Progress, write_json, write_tensors
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.costs.expectation import expectation
from recinterpreter.curves import Curves
from recinterpreter.errors import UserError
from recinterpreter.interpretation.batches import steps_per_epoch
from recinterpreter.interpretation.course import Report
from recinterpreter.interpretation.following import follow, rows_of
from recinterpreter.interpretation.ragged import Ragged
from recinterpreter.interpretation.self_check import check_adapter
from recinterpreter.interpretation.shown import Asked, read_states, to_be_named
from recinterpreter.interpretation.training import train
from recinterpreter.interpretation.workers import Workers
from recinterpreter.language_model.adapter import WANTED_CAPACITY, capacity
from recinterpreter.language_model.adapters import build
from recinterpreter.language_model.loading import load
from recinterpreter.settings.adapters import AdapterTraining
from recinterpreter.settings.language_model import Running

logger = logging.getLogger("recinterpreter")

AT_A_TIME = 1024  # examples, so that the statistics take little memory
VALIDATED = 500  # validation examples asked after every epoch


def train_adapter(
    *,
    settings: AdapterTraining,
    examples: InputPath,
    items: InputPath,
    states: InputPath,
    recommended: InputPaths,
    llm: str,
    running: Running,
    config: OutputPath,
    weights: OutputPath,
    steps: OutputPath,
    progress: Progress,
) -> None:
    """Train on examples of the train split; the validation split is only watched.

    recommended: none, or what the recommender recommends, which preference is then to name.
    Under torchrun every process trains on its share of each batch, and one of them writes.
    """
    workers = Workers.join()
    model = load(llm, settings.loading, running)
    catalogue = tables.read(items, schemas.ITEMS, ["title"])["title"].to_pylist()
    table = _examples(examples, recommended)
    scratch = progress.folder or Path(tempfile.gettempdir())
    training = _asked(table, states, settings, _training_ids(table, settings), scratch)
    validation = _asked(table, states, settings, _validation_ids(table, settings), scratch)
    noted = tables.metadata(states)
    positions, width = noted["shape"]
    _warn_of_capacity(width, model.hidden_size, len(catalogue))

    torch.manual_seed(settings.seed)
    adapter = build(settings, positions, width, model.hidden_size, model.embedding_rms())
    adapter.fit_statistics(training.states.batches(AT_A_TIME), settings.standardise)
    adapter.to(model.device)
    check_adapter(adapter, training.states, model.embedding_rms())
    titles = ["", *catalogue]
    course = train(adapter, model, titles, training, validation, settings, progress, workers)
    if not workers.leads:
        deque(course, maxlen=0)
        return workers.leave()
    ahead = expectation(adapter, model, titles, training, validation, settings)
    logger.info("%s", ahead)
    name = f"{noted['recommender']}.{settings.task}.{settings.adapter}.seed{settings.seed}"
    total = settings.epochs * steps_per_epoch(settings, len(training))
    reports = follow(course, total, ahead.rate, Curves(name))
    tables.write_rows(steps, [row for report in reports for row in rows_of(report)], schemas.STEPS)
    write_tensors(weights, adapter.state_dict())
    write_json(config, _noted(settings, noted, model.hidden_size, reports))
    progress.clear()
    return workers.leave()


def _noted(
    settings: AdapterTraining, states: dict[str, Any], hidden_size: int, reports: list[Report]
) -> dict[str, Any]:
    kept = reports[-1].best_epoch
    return {
        "settings": json.loads(settings.as_json()),
        "recommender": states["recommender"],
        "shape": states["shape"],
        "hidden_size": hidden_size,
        "checkpoint": states["checkpoint"],
        "epoch": kept,
        "validation": reports[kept - 1].validation,
    }


def _asked(
    examples: pa.Table, states: Path, settings: AdapterTraining, wanted: np.ndarray, scratch: Path
) -> Asked:
    shown = read_states(states, settings.task, wanted, scratch)
    rows = examples.take(pa.array(np.searchsorted(examples["example_id"], shown.example_ids)))
    asked = zip(rows["history"].to_pylist(), rows["target"].to_pylist(), strict=True)
    return Asked(shown, Ragged(to_be_named(settings.task, *each) for each in asked))


def _examples(examples: Path, recommended: Sequence[Path]) -> pa.Table:
    """Read EXAMPLES; with the item that is recommended as their target, where that is wanted.

    An example whose user has met all there is keeps its own target.
    """
    table = tables.read(examples, schemas.EXAMPLES)
    for path in recommended:
        best = tables.read(path, schemas.RECOMMENDED)
        if not best["example_id"].equals(table["example_id"]):
            raise UserError(f"{path} is not of these examples; delete it and run again")
        pairs = zip(best["items"].to_pylist(), table["target"].to_pylist(), strict=True)
        targets = pa.array([items[0] if items else target for items, target in pairs], schemas.ID)
        table = table.set_column(table.schema.get_field_index("target"), "target", targets)
    return table


def _training_ids(examples: pa.Table, settings: AdapterTraining) -> np.ndarray:
    """Ids of as many training examples as all epochs need; no other state is held in memory."""
    ids = _ids(examples, "train")
    most = settings.examples_per_epoch and settings.examples_per_epoch * settings.epochs
    return np.sort(np.random.default_rng(settings.seed).permutation(ids)[:most])


def _validation_ids(examples: pa.Table, settings: AdapterTraining) -> np.ndarray:
    ids = _ids(examples, "validation")
    return np.sort(np.random.default_rng(settings.seed).permutation(ids)[:VALIDATED])


def _ids(examples: pa.Table, split: str) -> np.ndarray:
    ids: np.ndarray = examples["example_id"].to_numpy()
    chosen: np.ndarray = ids[examples["split"].to_numpy(zero_copy_only=False) == split]
    if not len(chosen):
        raise UserError(f"no {split} example; wanted some: give more users or another split")
    return chosen


def _warn_of_capacity(width: int, hidden_size: int, n_items: int) -> None:
    found = capacity(width, hidden_size, n_items)
    if found < WANTED_CAPACITY:
        logger.warning(
            "state width %d x LLM width %d / %d items = %.1f; below %.0f a linear adapter cannot "
            "keep the titles apart: raise the recommender's embedding_size or take a wider LLM",
            *(width, hidden_size, n_items, found, WANTED_CAPACITY),
        )


if __name__ == "__main__":
    command(train_adapter)
