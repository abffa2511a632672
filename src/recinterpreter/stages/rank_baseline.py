"""Rank the targets of the validation and test splits by a baseline counted on the train split."""

from __future__ import annotations

import logging

import torch

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.baselines import BASELINES
from recinterpreter.recommenders.ranking import rank_examples, summary
from recinterpreter.settings.recommenders import Baseline

logger = logging.getLogger("recinterpreter")


def rank_baseline(
    *, settings: Baseline, interactions: InputPath, examples: InputPath, ranking: OutputPath
) -> None:
    """Count a baseline on the train split and rank every validation and test target by it."""
    training = windows.read(examples, ["train"])
    facts = tables.metadata(examples)
    rows = rank_examples(
        BASELINES[settings.baseline](training, facts["n_items"]),
        tables.read(interactions, schemas.INTERACTIONS),
        tables.read(examples, schemas.EXAMPLES),
        facts["history"],
        torch.device("cpu"),
    )
    logger.info("%s: %s", settings.baseline, summary(rows))
    tables.write(ranking, rows, schemas.RANKING, {"recommender": settings.baseline, "seed": None})


if __name__ == "__main__":
    command(rank_baseline)
