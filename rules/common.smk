# What all rules share: the settings, checked here once, and the lists of files behind the targets.

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


def answered(pattern, **fixed):
    """Fill the wildcards of a path with all that the LLM answers in words."""
    return every(pattern, task=SETTINGS.worded, **fixed)


def answers(**fixed):
    """List all answers in words; those to edited histories of who could read them."""
    edited = answered(rules.answer.output.edited, recommender=SETTINGS.made_here, **fixed)
    return [*answered(rules.answer.output.answers, **fixed), *edited]


def readings(pattern, **fixed):
    """Fill the wildcards of a path with all that the LLM ranks titles for."""
    return every(pattern, task=SETTINGS.ranked, **fixed)


def made_here(pattern, **fixed):
    """Fill the wildcards of a path with all encoders that the workflow can run by itself."""
    return every(pattern, recommender=SETTINGS.made_here, **fixed)


def brought(pattern, *having, **fixed):
    """Fill the wildcards of a path with the outside recommenders that brought some files."""
    return every(pattern, recommender=SETTINGS.outside(*having), **fixed)


def rankings(**fixed):
    """List the rankings of all recommenders and baselines; an outside one may have brought none."""
    return [
        *every(rules.rank_recommender.output, recommender=SETTINGS.ranking, **fixed),
        *every(rules.rank_baseline.output, **fixed),
    ]


def edited(pattern, **fixed):
    """Fill the wildcards of a path with all whose histories are edited; often nothing."""
    return made_here(pattern, **fixed) if SETTINGS.edits.kinds and SETTINGS.made_here else []


def consistencies(pattern, **fixed):
    """Fill the wildcards of a path with all whose histories are decoded: those of recovery."""
    return made_here(pattern, **fixed) if "recovery" in SETTINGS.adapter.tasks else []


def oracles(pattern, **fixed):
    """Fill the wildcards of a path with all that dreams up items: DreamRec, maybe outside ones."""
    named = {"recommender": SETTINGS.dreaming, "task": "residual", **fixed}
    return every(pattern, **named) if SETTINGS.dreaming else []


def probes(pattern, **fixed):
    """Fill the wildcards of a path with all whose states are probed; nothing without decoders."""
    return every(pattern, **fixed) if SETTINGS.bounds.decoders else []


def judgements(pattern, **fixed):
    """Fill the wildcards of a path with all that is judged; often nothing."""
    asked = [fixed["dataset"]] if "dataset" in fixed else SETTINGS.datasets
    return every(pattern, **{**fixed, "dataset": [d for d in asked if d in SETTINGS.judged]})


def wanted_judgements(wildcards):
    """What the target `judge` makes; to ask for it where nothing can be judged is a mistake."""
    if not SETTINGS.judged:
        raise WorkflowError(
            f"nothing is to be judged: judge.endpoint is {SETTINGS.judge.endpoint} (planted judges "
            "the demo alone, a URL any data set), recommenders.names must hold sasrec and "
            "dreamrec, adapter.tasks residual"
        )
    return judgements(rules.ask_judges.output)


def planted_tables(wildcards):
    """What the planted endpoint knows of the generated data set; nothing for any other endpoint."""
    if wildcards.dataset not in SETTINGS.judged:
        wanted_judgements(wildcards)
        raise WorkflowError("judge.endpoint is planted, which knows the demo alone")
    if SETTINGS.judge.endpoint != "planted":
        return []
    planted = rules.ingest_demo.output
    return [planted.items_table, planted.preferences, planted.successors]


def oracle_words(**fixed):
    """What the LLM calls the oracle items; nothing where none are dreamt up or no adapter can tell."""
    if "residual" not in SETTINGS.adapter.tasks:
        return []
    return oracles(rules.name_oracle_items.output.verdicts, **fixed)


def wanted_oracles(wildcards):
    """What the target `oracle` makes; to ask for it where nobody dreams is a mistake."""
    if not SETTINGS.dreaming:
        raise WorkflowError(
            f"recommenders.names is {SETTINGS.recommenders.names}; wanted dreamrec among them, "
            "which alone dreams up items (--config 'recommenders={names: [dreamrec]}'), or an "
            "outside recommender that brings its own"
        )
    return oracles(rules.import_oracle_items.output)


def recommended_inputs(wildcards):
    """What a recommender recommends, where preference is to name that and not what comes next."""
    preferred = SETTINGS.preferred(wildcards.recommender)
    if wildcards.task == "preference" and preferred == "recommended":
        return expand(rules.recommend_items.output.items_table, **wildcards)
    return []


@functools.cache
def artefacts(dataset):
    """All tables of a data set: they are tested, and `all` asks for each of them.

    Snakemake makes no missing table anew as long as what came of it is there.
    """
    return [
        *every(ARTEFACTS, dataset=dataset),
        *made_here(rules.train_recommender.output, dataset=dataset),
        *rankings(dataset=dataset),
        *brought(rules.import_items.output, "items", dataset=dataset),
        *brought(rules.import_recommended.output.recommended, "recommended", dataset=dataset),
        *answers(dataset=dataset),
        *readings(rules.rank_titles.output, dataset=dataset),
        *searches(rules.select_recipe.output, dataset=dataset),
        *oracles(rules.import_oracle_items.output, dataset=dataset),
        *oracle_words(dataset=dataset),
        *probes(rules.probe_states.output, dataset=dataset),
        *judgements(rules.make_judge_cases.output, dataset=dataset),
        *judgements(rules.ask_judges.output, dataset=dataset),
        *edited(rules.edit_histories.output, dataset=dataset),
        *edited(rules.encode_edits.output, dataset=dataset),
        *edited(rules.check_edits.output, dataset=dataset),
        *consistencies(rules.measure_consistency.output, dataset=dataset),
    ]


def part_of(outputs):
    """Paths of what one of several jobs makes of its share, of tables that are gathered later."""
    return [path.replace(".parquet", ".{scatteritem}.parquet") for path in outputs]


def parts_of(outputs, gathered):
    """Paths of all parts of some tables, table by table; gathered: gather.<process>.

    It takes one pattern at a time: of several, Snakemake 9.27 fills the first one alone.
    """
    return [path for part in part_of(outputs) for path in gathered(part, allow_missing=True)]


def ingest_settings(wildcards):
    """How a data set is read."""
    return SETTINGS.data.ingest(wildcards.dataset).as_json()


@functools.cache
def source_contents(dataset):
    """What is in the user's files that a data set is read from; None where they are downloaded."""
    return contents_of(SETTINGS.data.parts(dataset))


def downloaded(dataset):
    """Paths of the files that are downloaded for a data set; none where the user has them."""
    if SETTINGS.data.places(dataset):
        return []
    names = SETTINGS.data.origins[dataset].files.values()
    return expand(rules.download_source.output, dataset=dataset, name=names)


def source_files(wildcards):
    """What a source is read from, as words of a command: the user's files, or those downloaded."""
    files = SETTINGS.data.places(wildcards.dataset) or downloaded(wildcards.dataset)
    return shlex.join(files)


def checked(wildcards):
    """What the check of a source writes: another file for other settings or files."""
    said = f"{ingest_settings(wildcards)} {source_contents(wildcards.dataset)}"
    key = hashlib.sha256(said.encode()).hexdigest()[:12]
    return expand(rules.check_source.output, dataset=wildcards.dataset, key=key)


def reader_digest(stage, wildcards):
    """Code of a stage that reads raw files, its reader with it."""
    return code_digest(stage, reader=SETTINGS.data.origins[wildcards.dataset].reader)


def outside_file(key):
    """Name a file that an outside recommender brought: a function of its job's wildcards."""
    return lambda wildcards: getattr(SETTINGS.recommenders.outside[wildcards.recommender], key)


def outside_contents(key):
    """Digest a file that an outside recommender brought: a function of its job's wildcards."""
    return lambda wildcards: contents_of([outside_file(key)(wildcards)])


def outside_check(key):
    """Name what the check of an outside recommender's file writes: another one for each content."""
    return lambda wildcards: expand(
        rules.check_outside.output,
        dataset=wildcards.dataset,
        recommender=wildcards.recommender,
        file=key,
        contents=outside_contents(key)(wildcards)[:12],
    )


def item_table_to_probe(wildcards):
    """Where the item vectors of a recommender stand; an outside one may have brought none."""
    name = wildcards.recommender
    if name in SETTINGS.outside("items"):
        return expand(rules.import_items.output.item_table, **wildcards)
    if name in SETTINGS.outside():
        return []
    return expand(rules.train_recommender.output.weights, **wildcards)
