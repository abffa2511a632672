"""Rank the targets of the validation and test splits: the one place where a model sees a test."""

from __future__ import annotations

import logging

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.device import pick
from recinterpreter.recommenders.models import load, trained_settings
from recinterpreter.recommenders.ranking import rank_examples, summary

logger = logging.getLogger("recinterpreter")


def rank_recommender(
    *,
    config: InputPath,
    weights: InputPath,
    interactions: InputPath,
    examples: InputPath,
    ranking: OutputPath,
) -> None:
    """Rank every validation and test target in the whole catalogue by a trained recommender."""
    settings = trained_settings(config)
    device = pick()
    rows = rank_examples(
        load(config, weights, device),
        tables.read(interactions, schemas.INTERACTIONS),
        tables.read(examples, schemas.EXAMPLES),
        tables.metadata(examples)["history"],
        device,
    )
    logger.info("%s: %s", settings.name, summary(rows))
    facts = {"recommender": settings.name, "seed": settings.seed}
    tables.write(ranking, rows, schemas.RANKING, facts)


if __name__ == "__main__":
    command(rank_recommender)
