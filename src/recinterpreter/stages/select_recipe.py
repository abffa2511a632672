"""Select the recipe of a recommender among its trials, by the validation split alone."""

from __future__ import annotations

import logging
from pathlib import Path

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import read_json, write_json
from recinterpreter.command import InputPaths, OutputPath, command
from recinterpreter.errors import UserError
from recinterpreter.recommenders.models import trained_settings
from recinterpreter.recommenders.selection import Trial, ranked, rows, varied
from recinterpreter.recommenders.training import CHOICE

logger = logging.getLogger("recinterpreter")


def select_recipe(
    *, trials: InputPaths, steps: InputPaths, recipe: OutputPath, table: OutputPath
) -> None:
    """Write the recipe of the best trial, and a table of all of them, the best one first.

    `steps` are those of `trials`, in the same order.
    """
    sorted_trials = ranked([_read(*paths) for paths in zip(trials, steps, strict=True)])
    best = sorted_trials[0]
    if not best.epochs:
        raise UserError(
            f"all {len(trials)} trials diverged; lower the learning rates of "
            f"recommenders.search.{best.settings.recommender}"
        )
    recommender, keys = best.settings.recommender, varied(sorted_trials)
    chosen = best.settings.recipe.model_dump(mode="json")
    tables.write_rows(
        table,
        rows(sorted_trials),
        schemas.trials_schema({key: getattr(best.settings.recipe, key) for key in keys}),
        {
            "recommender": recommender,
            "keys": keys,
            "chosen_by": CHOICE[recommender],
            "recipe": chosen,
        },
    )
    write_json(recipe, chosen)
    logger.info(
        "%s: %s of %d trials, validation %s %.4f",
        *(recommender, best.name, len(trials), CHOICE[recommender], best.figure),
    )


def _read(trial: Path, steps: Path) -> Trial:
    facts = read_json(trial)
    took = tables.read(steps, schemas.STEPS, ["seconds"])["seconds"].to_pylist()
    return Trial(
        name=trial.parent.name,
        settings=trained_settings(trial),
        best_epoch=facts["best_epoch"],
        epochs=facts["epochs"],
        validation=facts["validation"],
        seconds=max(took, default=0.0),
    )


if __name__ == "__main__":
    command(select_recipe)
