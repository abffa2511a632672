"""Try one recipe of a search: train with it, and keep how good it was but no weights."""

from __future__ import annotations

from recinterpreter import tables
from recinterpreter.checkpoint import Progress, write_json
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.recommenders.fitting import fit
from recinterpreter.settings import RecommenderTraining


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
    """
    fitted = fit(settings, examples, item_table, progress)
    tables.write_rows(steps, fitted.steps, tables.STEPS)
    write_json(trial, fitted.facts)
    progress.clear()


if __name__ == "__main__":
    command(try_recipe)
