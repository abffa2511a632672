"""Our side: the recipes of the preset, trained as the stage trains them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
import yaml
from snakemake.utils import update_config

from recinterpreter.checkpoint import Progress, write_json, write_tensors
from recinterpreter.configuration import load as load_settings
from recinterpreter.recommenders.fitting import fit
from recinterpreter.recommenders.models import load
from recinterpreter.recommenders.sequence import SequentialRecommender
from recinterpreter.settings import RecommenderTraining
from recinterpreter.workflow.digest import code_digest

from .data import ROOT, Data

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


def trained(name: str, data: Data, kept: Path, epochs: int | None) -> SequentialRecommender:
    """Train a recommender, or take it from the folder `kept`.

    There it lies under its settings and the code of its training, so that neither can be another.
    """
    wanted = recipe(name, epochs)
    folder = folder_of(wanted, kept)
    config, weights = folder / "config.json", folder / "model.safetensors"
    if not config.is_file():
        examples = kept / "examples.parquet"
        data.write(examples)
        items = []
        if getattr(wanted.recipe, "item_table", None) == "sasrec":
            items = [folder_of(recipe("sasrec", epochs), kept) / "model.safetensors"]
        progress = Progress(folder / "progress")
        fitted = fit(wanted, examples, items, progress)
        write_tensors(weights, fitted.model.state_dict())
        write_json(config, fitted.facts)
        progress.clear()
    return load(config, weights, torch.device("cpu"))


def folder_of(wanted: RecommenderTraining, kept: Path) -> Path:
    """Name the folder of what these settings train."""
    described = wanted.as_json() + code_digest("train_recommender")
    key = hashlib.sha256(described.encode()).hexdigest()
    return kept / f"{wanted.recommender}-{key[:12]}"
