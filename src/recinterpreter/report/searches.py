"""Recipes that were searched: the trials of each recommender, as the selection sorted them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recinterpreter import schemas, tables
from recinterpreter.experiment import Settings


@dataclass(frozen=True)
class SearchView:
    """What the template shows of one search.

    keys are those in which the trials differ; recipe is the chosen one, whole.
    """

    recommender: str
    chosen_by: str
    keys: list[str]
    trials: list[dict[str, Any]]
    recipe: dict[str, Any]


def read_searches(folder: Path, settings: Settings) -> list[SearchView]:
    """Read the trials of every recommender that is searched, below the folder of a data set."""
    found = []
    for name in settings.recommenders.search.names:
        path = folder / "recommenders" / name / "search" / "trials.parquet"
        noted = tables.metadata(path)
        trials = tables.read(path, schemas.TRIALS).to_pylist()
        found.append(SearchView(name, noted["chosen_by"], noted["keys"], trials, noted["recipe"]))
    return found


def setting(value: float | str | list[int]) -> str:
    """Write a value of a recipe as shortly as config.yaml could."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
