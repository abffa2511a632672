"""Our side: the recipes of the preset, trained as the stage trains them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
import yaml
from _movielens import ROOT, Data
from snakemake.utils import update_config

from recinterpreter.checkpoint import Progress, write_json, write_tensors
from recinterpreter.configuration import load as load_settings
from recinterpreter.recommenders.fitting import fit
from recinterpreter.recommenders.models import load
from recinterpreter.recommenders.sequence import SequentialRecommender
from recinterpreter.settings.recommenders import RecommenderTraining
from recinterpreter.workflow.digest import code_digest

FILES = (ROOT / "config.yaml", ROOT / "workflow" / "presets" / "ml-100k.yaml")
NAMES = ("sasrec", "dreamrec")
SEED = "0"


def recipe(name: str, epochs: int | None) -> RecommenderTraining:
    """Return what the preset trains a recommender with, in so many epochs at the most."""
    merged: dict[str, object] = {}
    files = {str(file): yaml.safe_load(file.read_text()) for file in FILES}
    for layer in files.values():
        update_config(merged, layer)
    found = load_settings(merged, files).training(name, SEED)
    fewer = found.recipe.model_copy(update={"epochs": min(found.recipe.epochs, epochs or 10**9)})
    return found.model_copy(update={"recipe": fewer})


def trained(
    wanted: RecommenderTraining, data: Data, kept: Path, items: Path | None = None
) -> SequentialRecommender:
    """Train a recommender, or take it from the folder `kept`.

    There it lies under its settings and the code of its training, so that neither can be another.
    items: weights of the SASRec whose item vectors DreamRec takes where its recipe says so.
    """
    if getattr(wanted.recipe, "item_table", None) != "sasrec":
        items = None
    folder = folder_of(wanted, kept, items)
    config, weights = folder / "config.json", folder / "model.safetensors"
    if not config.is_file():
        examples = kept / "examples.parquet"
        data.write(examples)
        progress = Progress(folder / "progress")
        fitted = fit(wanted, examples, [items] if items else [], progress)
        write_tensors(weights, fitted.model.state_dict())
        write_json(config, fitted.facts)
        progress.clear()
    return load(config, weights, torch.device("cpu"))


def folder_of(wanted: RecommenderTraining, kept: Path, items: Path | None = None) -> Path:
    """Name the folder of what these settings train, with these item vectors."""
    described = f"{wanted.as_json()} {code_digest('train_recommender')} {items}"
    key = hashlib.sha256(described.encode()).hexdigest()
    return kept / f"{wanted.recommender}-{key[:12]}"
