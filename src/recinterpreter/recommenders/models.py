"""Recommenders as files: config.json says which model to build, model.safetensors fills it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from recinterpreter.checkpoint import read_json, read_tensors
from recinterpreter.errors import UserError
from recinterpreter.recommenders.caser import Caser
from recinterpreter.recommenders.dreamrec import DreamRec
from recinterpreter.recommenders.gru4rec import GRU4Rec
from recinterpreter.recommenders.sasrec import SASRec
from recinterpreter.recommenders.sequence import SequentialRecommender
from recinterpreter.settings.recommenders import (
    CaserRecipe,
    DreamRecRecipe,
    RecommenderTraining,
    SASRecRecipe,
)


def build(
    settings: RecommenderTraining, n_items: int, positions: int, device: torch.device
) -> SequentialRecommender:
    """Build an untrained model; equal settings, seed included, give equal weights."""
    torch.manual_seed(settings.seed)
    recipe = settings.recipe
    sizes = (n_items, positions, recipe.embedding_size)
    model: SequentialRecommender
    if isinstance(recipe, SASRecRecipe):
        model = SASRec(*sizes, recipe.layers, recipe.heads, recipe.dropout)
    elif isinstance(recipe, CaserRecipe):
        model = Caser(*sizes, recipe.filters, recipe.sizes, recipe.dropout)
    elif isinstance(recipe, DreamRecRecipe):
        model = DreamRec(n_items, positions, recipe, settings.seed)
    else:
        model = GRU4Rec(*sizes, recipe.layers, recipe.dropout)
    return model.to(device)


def load(config: Path, weights: Path, device: torch.device) -> SequentialRecommender:
    """Rebuild a trained model, ready to encode and score.

    Raises UserError when the config lacks a key, or the weights are not exactly those of the
    model it describes.
    """
    settings = trained_settings(config)
    facts = read_json(config)
    model = build(settings, facts["n_items"], facts["history"], device)
    tensors = read_tensors(weights)
    _check(weights, model.state_dict(), tensors)
    model.load_state_dict(tensors)
    return model.eval()


def trained_settings(config: Path) -> RecommenderTraining:
    """Return the settings a recommender was trained with, out of its config; checks all of it."""
    facts = read_json(config)
    for key in ("n_items", "history"):
        if not isinstance(facts.get(key), int):
            raise UserError(
                f"{config}: {key} is {facts.get(key)!r}, wanted a whole number; train again"
            )
    try:
        return RecommenderTraining.model_validate(facts.get("settings"))
    except ValidationError as error:
        raise UserError(f"{config}: its settings cannot be used; train again\n{error}") from None


def _check(path: Path, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    missing, unknown = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    shapes = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(wanted[name].shape)}"
        for name in sorted(wanted.keys() & found.keys())
        if found[name].shape != wanted[name].shape
    ]
    problems = [
        f"{label}: {', '.join(names)}"
        for label, names in (("missing", missing), ("unknown", unknown), ("of shape", shapes))
        if names
    ]
    if problems:
        raise UserError(
            f"{path} does not hold the weights of the model in its config.json "
            f"({'; '.join(problems)}); put the two files of one training together, or train again"
        )
