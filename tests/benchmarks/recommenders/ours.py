"""Our side: the settings of the preset, our training, timed from outside."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import cache
from statistics import median

import torch
import yaml
from _movielens import HISTORY, ROOT, Data
from snakemake.utils import update_config

from recinterpreter.checkpoint import Progress
from recinterpreter.configuration import load
from recinterpreter.experiment import Settings
from recinterpreter.recommenders.models import build
from recinterpreter.recommenders.sequence import SequentialRecommender
from recinterpreter.recommenders.training import Report, train

from .run import Run, quality_of

FILES = (ROOT / "config.yaml", ROOT / "workflow" / "presets" / "leave-one-out.yaml")
EMBEDDING_SIZE = 64


@cache
def settings(name: str, epochs: int | None) -> Settings:
    """Return config.yaml under the preset, under what the comparison fixes."""
    fixed = {"embedding_size": EMBEDDING_SIZE} | ({"epochs": epochs} if epochs else {})
    merged: dict[str, object] = {}
    files = {str(file): yaml.safe_load(file.read_text()) for file in FILES}
    for layer in (*files.values(), {"recommenders": {name: fixed}}):
        update_config(merged, layer)
    return load(merged, files)


def train_ours(name: str, seed: int, data: Data, epochs: int | None) -> Run:
    """Train one of our recommenders; its epoch is chosen by validation NDCG@10."""
    chosen = settings(name, epochs).training(name, str(seed))
    model = build(chosen, data.n_items, HISTORY, torch.device("cpu"))

    def validate(model: SequentialRecommender) -> Mapping[str, float]:
        quality = quality_of(data, model, "validation")
        return {"hr@10": quality.hr10, "ndcg@10": quality.ndcg10}

    started = time.perf_counter()
    finished = list(timed(train(model, data.windows["train"], validate, chosen, Progress(None))))
    total = time.perf_counter() - started
    last = finished[-1][0]
    return Run(
        label=f"{name} ours, seed {seed}",
        validation=quality_of(data, model, "validation"),
        test=quality_of(data, model, "test"),
        epoch_seconds=median(seconds for _, seconds, _ in finished),
        epoch_cpu_seconds=median(seconds for _, _, seconds in finished),
        epochs=last.epoch,
        best_epoch=last.best_epoch,
        total_seconds=total,
        batch_size=chosen.recipe.batch_size,
    )


def timed(reports: Iterator[Report]) -> Iterator[tuple[Report, float, float]]:
    """Yield each epoch's report, and the seconds and processor seconds to its last step."""
    started = now = _clocks()
    for report in reports:
        if report.metrics:  # the epoch has been validated too
            yield report, now[0] - started[0], now[1] - started[1]
            started = _clocks()
        else:
            now = _clocks()


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
