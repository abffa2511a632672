"""From examples to a trained recommender: what training one and trying a recipe have in common."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recinterpreter import tables
from recinterpreter.checkpoint import Progress, read_tensors
from recinterpreter.device import pick
from recinterpreter.errors import UserError
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.dreamrec import DreamRec
from recinterpreter.recommenders.models import build
from recinterpreter.recommenders.ranking import Sequences, hit_rate, ndcg, ranks
from recinterpreter.recommenders.sequence import SequentialRecommender
from recinterpreter.recommenders.training import Report, train
from recinterpreter.settings.recommenders import RecommenderTraining
from recinterpreter.ticker import Ticker

logger = logging.getLogger("recinterpreter")


@dataclass(frozen=True)
class Fitted:
    """A model with the weights of its best epoch, what to note about it, and its rows of STEPS."""

    model: SequentialRecommender
    facts: dict[str, Any]
    steps: list[dict[str, Any]]


def fit(
    settings: RecommenderTraining, examples: Path, item_table: Sequence[Path], progress: Progress
) -> Fitted:
    """Train on the train split, choose the epoch on the validation split; see no other.

    What is to be left untrained is only drawn, and validated.
    item_table: none, or the weights of the SASRec whose item vectors a DreamRec takes as they are.
    Raises UserError when a split has no example.
    """
    facts = tables.metadata(examples)
    device = pick()
    seen = windows.read(examples, ["train", "validation"])
    training, validation = (windows.read(examples, [s]) for s in ("train", "validation"))
    for split, part in (("train", training), ("validation", validation)):
        if not len(part):
            raise UserError(f"{examples}: no {split} example; give more users or another split")
    sequences = Sequences.of_examples(seen)

    def validate(model: SequentialRecommender) -> Mapping[str, float]:
        places = ranks(model, validation, sequences, device)
        return {
            "ndcg@10": ndcg(places, 10),
            "hr@10": hit_rate(places, 10),
            "hr@20": hit_rate(places, 20),
        }

    model = build(settings, facts["n_items"], facts["history"], device)
    if item_table and isinstance(model, DreamRec):
        model.freeze_items(read_tensors(item_table[0])["item_table.weight"])
    if settings.untrained:
        return Fitted(model, _without_epochs(settings, facts, validate(model.eval())), [])
    logger.info(
        "%s: %d parameters on %s, %d training and %d validation examples",
        settings.recommender,
        sum(p.numel() for p in model.parameters()),
        device,
        len(training),
        len(validation),
    )
    reports = _follow(train(model, training, validate, settings, progress), settings.recipe.epochs)
    rows = [row for report in reports for row in _rows(report)]
    return Fitted(model, _noted(settings, facts, reports), rows)


def without_epochs(settings: RecommenderTraining, examples: Path) -> dict[str, Any]:
    """Note of a training that diverged; its figures are the lowest there are."""
    lowest = {"ndcg@10": 0.0, "hr@10": 0.0, "hr@20": 0.0}
    return _without_epochs(settings, tables.metadata(examples), lowest)


def _without_epochs(
    settings: RecommenderTraining, facts: Mapping[str, Any], validation: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "settings": json.loads(settings.as_json()),
        "n_items": facts["n_items"],
        "history": facts["history"],
        "best_epoch": 0,
        "epochs": 0,
        "validation": dict(validation),
    }


def _noted(
    settings: RecommenderTraining, facts: Mapping[str, Any], reports: Sequence[Report]
) -> dict[str, Any]:
    """Collect what rebuilds the model, and how good it was where its epoch was chosen."""
    last = reports[-1]
    best = reports[last.best_epoch - 1]
    logger.info(
        "best epoch %d of %d: validation %s",
        best.epoch,
        last.epoch,
        ", ".join(f"{name} {value:.4f}" for name, value in sorted(best.metrics.items())),
    )
    return {
        "settings": json.loads(settings.as_json()),
        "n_items": facts["n_items"],
        "history": facts["history"],
        "best_epoch": best.epoch,
        "epochs": last.epoch,
        "validation": dict(best.metrics),
    }


def _follow(reports: Iterator[Report], epochs: int) -> list[Report]:
    """Run a training to its end with one progress line; return the reports of its epochs."""
    finished: list[Report] = []
    ticker = None
    for report in reports:
        if report.metrics:
            finished.append(report)
            continue
        # made at the first step taken here: those of an earlier run must not count in the rate
        ticker = ticker or Ticker("step", epochs * report.epoch_steps, report.step - 1)
        known = finished[-1].metrics if finished else {}
        ticker.tick(report.step, epoch=report.epoch + 1, loss=report.loss, **known)
    return finished


def _rows(report: Report) -> list[dict[str, Any]]:
    """Spread the report of an epoch over rows of STEPS."""
    values = {"loss": report.loss, **{f"validation {k}": v for k, v in report.metrics.items()}}
    place = {"step": report.step, "epoch": report.epoch, "seconds": report.seconds}
    return [{**place, "metric": metric, "value": value} for metric, value in values.items()]
