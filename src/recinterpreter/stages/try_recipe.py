"""Try one recipe of a search: train with it, and keep how good it was but no weights."""

from __future__ import annotations

import logging
from typing import Any

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import Progress, write_json
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.recommenders.fitting import fit, without_epochs
from recinterpreter.recommenders.training import Diverged
from recinterpreter.settings.recommenders import RecommenderTraining

logger = logging.getLogger("recinterpreter")


def try_recipe(
    *,
    settings: RecommenderTraining,
    examples: InputPath,
    item_table: InputPaths,
    trial: OutputPath,
    steps: OutputPath,
    progress: Progress,
) -> None:
    """Train a recommender as train_recommender does, and note its best epoch on validation.

    item_table: none, or the weights of the SASRec whose item vectors a DreamRec takes as they are.
    A recipe that diverges is noted as one of no epochs; the search goes on without it.
    """
    try:
        fitted = fit(settings, examples, item_table, progress)
    except Diverged as error:
        logger.warning("%s; this trial cannot be chosen", error)
        facts, rows = without_epochs(settings, examples), list[dict[str, Any]]()
    else:
        facts, rows = fitted.facts, fitted.steps
    tables.write_rows(steps, rows, schemas.STEPS)
    write_json(trial, facts)
    progress.clear()


if __name__ == "__main__":
    command(try_recipe)
