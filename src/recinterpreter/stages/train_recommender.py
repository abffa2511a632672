"""Train one recommender with one seed; choose its epoch on the validation split."""

from __future__ import annotations

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import Progress, write_json, write_tensors
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.recommenders.fitting import fit
from recinterpreter.settings.recommenders import RecommenderTraining


def train_recommender(
    *,
    settings: RecommenderTraining,
    examples: InputPath,
    item_table: InputPaths,
    config: OutputPath,
    weights: OutputPath,
    steps: OutputPath,
    progress: Progress,
) -> None:
    """Train a recommender on the train split, stopping early by the validation split.

    One that is to be left untrained is only drawn.
    item_table: none, or the weights of the SASRec whose item vectors a DreamRec takes as they are.
    """
    fitted = fit(settings, examples, item_table, progress)
    tables.write_rows(steps, fitted.steps, schemas.STEPS)
    write_tensors(weights, fitted.model.state_dict())
    write_json(config, fitted.facts)
    progress.clear()


if __name__ == "__main__":
    command(train_recommender)
