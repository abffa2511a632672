"""Choosing a recipe among trials, by how good each was on the validation split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recinterpreter.recommenders.training import CHOICE
from recinterpreter.settings.recommenders import RecommenderTraining


@dataclass(frozen=True)
class Trial:
    """One recipe that was tried: its name, its best epoch, and how long all its epochs took."""

    name: str
    settings: RecommenderTraining
    best_epoch: int
    epochs: int
    validation: Mapping[str, float]
    seconds: float

    @property
    def figure(self) -> float:
        """What it is chosen by, the same as its epoch."""
        return self.validation[CHOICE[self.settings.recommender]]


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Sort trials, the chosen one first; among equals the smaller embedding, then the earlier."""
    return sorted(trials, key=lambda t: (-t.figure, t.settings.recipe.embedding_size))


def varied(trials: Sequence[Trial]) -> list[str]:
    """Return the keys of the recipe in which trials differ, in its order."""
    recipes = [trial.settings.recipe.model_dump() for trial in trials]
    return [key for key in recipes[0] if any(r[key] != recipes[0][key] for r in recipes)]


def rows(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Spread ranked trials over rows: name, the keys that vary, figures; the first is chosen."""
    keys = varied(trials)
    return [
        {
            "trial": trial.name,
            **{key: getattr(trial.settings.recipe, key) for key in keys},
            **{f"validation {metric}": value for metric, value in trial.validation.items()},
            "best_epoch": trial.best_epoch,
            "epochs": trial.epochs,
            "seconds": trial.seconds,
            "chosen": trial is trials[0],
        }
        for trial in trials
    ]
