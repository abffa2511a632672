"""Searching recipes: grids of values as config.yaml gives them, and the trials drawn from them.

A trial is a point of a grid laid over a recommender's recipe. It is known by what it tries and not
by a number, so that another value in a list leaves every finished trial what it was.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from recinterpreter.settings.recommenders import (
    CaserRecipe,
    DreamRecRecipe,
    GRU4RecRecipe,
    Recipe,
    RecommenderName,
    SASRecRecipe,
)
from recinterpreter.settings.sections import Count, Section, Whole

Point = dict[str, Any]
Config = Mapping[str, Any]

# A file system has 255 letters for a name; the names of a log and of a partial file are longer.
LONGEST_SLUG = 200


class Grid(Section):
    """The keys of a recipe, each with values to be tried, or null where it is not searched."""

    def __init_subclass__(cls, recipe: type[Recipe] = Recipe, without: str = "") -> None:
        super().__init_subclass__()
        for name, field in recipe.model_fields.items():
            if name != without:
                value = Annotated[field.annotation, name, *field.metadata]  # type: ignore[name-defined]
                cls.__annotations__[name] = Annotated[list[value], Field(min_length=1)] | None
                setattr(cls, name, None)

    @model_serializer(mode="wrap")
    def _searched(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: values for key, values in handler(self).items() if values is not None}

    def points(self) -> list[Point]:
        """Return all combinations; keys in the order of the recipe, the last one running fastest.

        So they are the same however a file orders its keys.
        """
        values = {key: getattr(self, key) for key in type(self).model_fields}
        searched = {key: tried for key, tried in values.items() if tried is not None}
        combinations = itertools.product(*searched.values())
        return [dict(zip(searched, combination, strict=True)) for combination in combinations]


class GRU4RecGrid(Grid, recipe=GRU4RecRecipe):
    """What is tried for GRU4Rec."""


class CaserGrid(Grid, recipe=CaserRecipe):
    """What is tried for Caser."""


class SASRecGrid(Grid, recipe=SASRecRecipe):
    """What is tried for SASRec."""


class DreamRecGrid(Grid, recipe=DreamRecRecipe, without="item_table"):
    """What is tried for DreamRec; where its item vectors come from decides what must run first."""


class Search(Section):
    """Which recommenders get a recipe by search, and among which ones it is chosen."""

    names: list[RecommenderName]
    trials: Count | None
    seed: Whole
    gru4rec: GRU4RecGrid
    caser: CaserGrid
    sasrec: SASRecGrid
    dreamrec: DreamRecGrid

    def points(self, recommender: str) -> Mapping[str, Point]:
        """Return all combinations for a recommender by their slugs."""
        grid: Grid = getattr(self, recommender)
        return _points(type(grid), grid.as_json())

    def drawn(self, recommender: str) -> list[str]:
        """Return the slugs of the trials, in the order of the grid; all of them, or some at random.

        Every combination has a lot of its own, which is a digest of seed and slug; the lowest are
        drawn. So more trials are those before and others, and so it nearly is with more values.
        """
        slugs = list(self.points(recommender))

        def lot(name: str) -> str:
            return hashlib.sha256(f"{self.seed} {recommender} {name}".encode()).hexdigest()

        chosen = set(sorted(slugs, key=lot)[: self.trials])
        return [name for name in slugs if name in chosen]


@functools.cache
def _points(kind: type[Grid], grid: str) -> Mapping[str, Point]:
    """Return the combinations of a grid, given as JSON: every trial's job looks itself up there."""
    return {slug(point): point for point in kind.model_validate_json(grid).points()}


def slug(point: Point) -> str:
    """Name a point as a folder: `embedding_size=64+l2=1e-05`.

    No commas: on a cluster Snakemake hands wildcards over as a list with commas.
    """
    return "+".join(f"{key}={_word(value)}" for key, value in point.items())


def _word(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


# --- what cannot be searched, told before any job -----------------------------------------------

Keys = tuple[str | int, ...]
Contradictions = Iterator[tuple[Keys, str]]


def contradictions(config: Config) -> Contradictions:
    """Yield (keys, message) of all that the grids of a configuration, yet untyped, have wrong."""
    names = config["recommenders"]["search"]["names"]
    for place, name in enumerate(names):
        searched, here = _searched(config, name), ("recommenders", "search", name)
        if not searched:
            yield (
                ("recommenders", "search", "names", place),
                f"got {name}, and recommenders.search.{name} has no values; wanted a list for one "
                "key of its recipe or more",
            )
        for key, values in searched.items():
            twice = sorted({str(value) for value in values if values.count(value) > 1})
            if twice:
                yield (*here, key), f"names {', '.join(twice)} twice"
        longest = slug({key: max(map(_word, values), key=len) for key, values in searched.items()})
        if len(longest) > LONGEST_SLUG:
            yield here, f"{len(searched)} keys make names too long for files; search fewer at once"
        yield from _refused_recipes(config, name)


def _searched(config: Config, recommender: str) -> dict[str, list[Any]]:
    """Return the keys of a recommender that are searched, with their values."""
    search = config["recommenders"]["search"]
    grid = search[recommender] if recommender in search["names"] else {}
    return {key: values for key, values in grid.items() if values}


def _options(config: Config, recommender: str) -> dict[str, list[Any]]:
    """Return the values that each key of a recommender may get: one where it is not searched."""
    recipe = config["recommenders"][recommender]
    return {key: [value] for key, value in recipe.items()} | _searched(config, recommender)


def _refused_recipes(config: Config, name: str) -> Contradictions:
    """Yield heads that do not divide a width, and more steps of sampling than of diffusion."""
    searched, options = _searched(config, name), _options(config, name)

    def place(*keys: str) -> Keys:
        return ("recommenders", "search", name, next(key for key in keys if key in searched))

    if "heads" in options and searched.keys() & {"heads", "embedding_size"}:
        for width, heads in itertools.product(options["embedding_size"], options["heads"]):
            if width > 0 and heads > 0 and width % heads:
                yield (
                    place("heads", "embedding_size"),
                    f"{heads} heads cannot share an embedding_size of {width}; wanted divisors of "
                    "every width",
                )
    if searched.keys() & {"sampling_steps", "diffusion_steps"}:
        most, fewest = max(options["sampling_steps"]), min(options["diffusion_steps"])
        if most > fewest:
            yield (
                place("sampling_steps", "diffusion_steps"),
                f"{most} steps of sampling, and a diffusion of {fewest}; wanted at most as many",
            )


def never_trained(config: Config) -> Contradictions:
    """Yield what is wrong where a recommender is searched that is not among those trained."""
    block = config["recommenders"]
    idle = [n for n in block["search"]["names"] if n in block and n not in block["names"]]
    if idle:
        yield (
            ("recommenders", "search", "names"),
            f"{', '.join(idle)} would be searched and never trained; add to recommenders.names",
        )


def items_of_sasrec(config: Config) -> Contradictions:
    """Yield the widths that a DreamRec with the item vectors of a SASRec cannot have."""
    ours, theirs = (_options(config, name)["embedding_size"] for name in ("dreamrec", "sasrec"))
    takes_them = config["recommenders"]["dreamrec"]["item_table"] == "sasrec"
    if takes_them and len({*ours, *theirs}) > 1:
        searched = [n for n in ("dreamrec", "sasrec") if "embedding_size" in _searched(config, n)]
        place = ("search", searched[0]) if searched else ("dreamrec",)
        got, wanted = (" or ".join(map(str, widths)) for widths in (ours, theirs))
        yield (
            ("recommenders", *place, "embedding_size"),
            f"got {got}, and item_table: sasrec takes vectors of {wanted}; wanted the same",
        )
