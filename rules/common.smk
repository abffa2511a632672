# What all rules share: the settings, checked here once, and what follows from them for a job.

import functools
import hashlib
import json
import os
import re
import shlex
from pathlib import Path
from typing import get_args

import yaml
from snakemake.utils import update_config

from recinterpreter.configuration import load, typed
from recinterpreter.data.downloads import row_json
from recinterpreter.errors import UserError
from recinterpreter.settings.adapters import AdapterKind, Task
from recinterpreter.settings.recommenders import Baseline, BaselineName, RecommenderName, UNTRAINED
from recinterpreter.shards import ALL
from recinterpreter.workflow.digest import closure_digest, code_digest
from recinterpreter.workflow.inputs import (
    contents_of,
    insist_on_files,
    language_model_identity,
    local_folder,
)
from recinterpreter.workflow.machine import insist_on_links
from recinterpreter.workflow.summary import closing_words, failure_words


def read_settings():
    """Check the merged configuration; what each file itself holds lets an error name the file."""
    texts = {os.path.relpath(name): Path(name).read_text() for name in workflow.configfiles}
    files = {name: yaml.safe_load(text) or {} for name, text in texts.items()}
    update_config(config, typed(workflow.config_settings.config))
    try:
        settings = load(config, files)
        insist_on_files(settings)
        insist_on_links(Path("results"))
    except UserError as error:
        raise WorkflowError(str(error)) from None
    return settings


SETTINGS = read_settings()

# torchrun takes seconds to start, so a single process does without it; several claim their GPUs
# together. What comes behind `--` is the stage's: torchrun would take --log for one of its own.
LAUNCHER = (
    "python -m"
    if SETTINGS.adapter.processes == 1
    else f"python -m recinterpreter.gpus {SETTINGS.adapter.processes}"
    f" torchrun --standalone --nproc-per-node {SETTINGS.adapter.processes} -m --"
)

# How the LLM is handled here: a resource and no param, for no result depends on it, and Snakemake
# takes none for stale when a resource changes.
RUNNING = SETTINGS.running().as_json()


# Rules so marked give their results to other clones and take theirs, where `--cache` asks for it;
# marked only then, or Snakemake would say of each that it could.
CACHED = workflow.workflow_settings.cache is not None


# All that could be trained here, named by the settings or not.
ENCODERS = [f"{way}{name}" for way in ("", UNTRAINED) for name in get_args(RecommenderName)]


def one_of(names):
    """Write a constraint that a wildcard is one of some names; of none it is nothing at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    recommender=one_of([*ENCODERS, *SETTINGS.outside()]),
    baseline="|".join(get_args(BaselineName)),
    seed=r"\d+",
    llm=re.escape(SETTINGS.llm.slug),
    task="|".join(get_args(Task)),
    adapter="|".join(get_args(AdapterKind)),
    source="|".join([*SETTINGS.sources, *SETTINGS.edited_sources]),
    trial=r"[A-Za-z0-9_.=+-]+",


def every(pattern, **fixed):
    """Fill the wildcards of a path with all that the settings name, but for those fixed."""
    named = {
        "dataset": SETTINGS.datasets,
        "recommender": SETTINGS.encoders,
        "baseline": SETTINGS.recommenders.baselines,
        "seed": SETTINGS.recommenders.seeds,
        "llm": SETTINGS.llm.slug,
        "task": SETTINGS.adapter.tasks,
        "adapter": SETTINGS.adapter.kinds,
        "source": SETTINGS.sources,
    }
    return expand(pattern, **{**named, **fixed})


def language_model_inputs(wildcards):
    """Files of the embedded LLM; none of one that is brought along, which counts by its content."""
    if SETTINGS.llm.source == "embedded":
        taught = rules.teach_language_model.output
        return [
            taught.model_config,
            taught.weights,
            taught.tokenizer,
            taught.tokenizer_config,
        ]
    return []


# What the LLM is: a param of all rules that load it. A folder counts by what is in it, wherever it
# lies and whenever it was written; a Hugging Face id by the revision, which the settings hold.
LANGUAGE_MODEL = language_model_identity(SETTINGS.llm)


def language_model_name(wildcards):
    """What stages load the LLM by: a folder or a Hugging Face id."""
    if SETTINGS.llm.source == "embedded":
        return f"results/{wildcards.dataset}/embedded/model"
    return local_folder(SETTINGS.llm.source) or SETTINGS.llm.source


def item_table_inputs(wildcards):
    """Weights of the SASRec whose item vectors DreamRec takes, where it is told to."""
    if wildcards.recommender == "dreamrec":  # an untrained one has vectors of its own
        if SETTINGS.recommenders.dreamrec.item_table == "sasrec":
            seed = wildcards.get("seed", SETTINGS.recommenders.search.seed)
            return f"results/{wildcards.dataset}/recommenders/sasrec/seed{seed}/model.safetensors"
    return []


def trials(pattern, wildcards):
    """Fill a path with the trials of a recommender."""
    drawn = SETTINGS.recommenders.search.drawn(wildcards.recommender)
    return expand(pattern, trial=drawn, **wildcards)


def trial_settings(wildcards):
    """What a trial is trained with."""
    try:
        return SETTINGS.trial(wildcards.recommender, wildcards.trial).as_json()
    except UserError as error:
        raise WorkflowError(str(error)) from None


def chosen_recipe(wildcards):
    """The recipe chosen for a recommender, where it is searched; runs the search before that."""
    name = wildcards.recommender.removeprefix(UNTRAINED)
    if name not in SETTINGS.recommenders.search.names:
        return None
    chosen = checkpoints.select_recipe.get(
        dataset=wildcards.dataset, recommender=name
    ).output.recipe
    return json.loads(Path(chosen).read_text())


def recipe_inputs(wildcards):
    """No file, once the recipe is chosen."""
    chosen_recipe(wildcards)
    return []


def training_settings(wildcards):
    """What a recommender is trained with."""
    recipe = chosen_recipe(wildcards)
    return SETTINGS.training(wildcards.recommender, wildcards.seed, recipe).as_json()


def searches(pattern, **fixed):
    """Fill the wildcards of a path with all that is searched."""
    return every(pattern, recommender=SETTINGS.recommenders.search.names, **fixed)


def wanted_searches(wildcards):
    """What the target `search` makes; to ask for it and to name no recommender is a mistake."""
    if not SETTINGS.recommenders.search.names:
        raise WorkflowError(
            "recommenders.search.names is empty; wanted those whose recipe shall be searched: "
            "--config 'recommenders={search: {names: [sasrec]}}'"
        )
    return searches(rules.select_recipe.output)
