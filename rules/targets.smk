# What the targets ask for: lists of files, and words where a target has nothing to make.


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
