# RecInterpreter: from raw events to a page that shows what a frozen LLM reads in the hidden states
# of sequential recommenders. This file is the table of contents: settings, rules, targets.

import sys
import time
from pathlib import Path

STARTED = time.time()

sys.path.insert(0, f"{workflow.basedir}/src")

from recinterpreter.workflow.machine import claim_results, prepare_jobs, share_gpus
from recinterpreter.provenance.revision import hand_on_revision

prepare_jobs(sources=Path(workflow.basedir, "src"))
share_gpus(workflow)
hand_on_revision(Path(workflow.basedir))


configfile: f"{workflow.basedir}/config.yaml"


# In effect with --sdm apptainer alone (docs/environments.md); first words of `snakemake --report`.
container: "recinterpreter.sif"


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/targets.smk"
include: "rules/files.smk"
include: "rules/data.smk"
include: "rules/search.smk"
include: "rules/recommend.smk"
include: "rules/encode.smk"
include: "rules/outside.smk"
include: "rules/oracle.smk"
include: "rules/edits.smk"
include: "rules/language_model.smk"
include: "rules/adapt.smk"
include: "rules/interpret.smk"
include: "rules/bounds.smk"
include: "rules/judge.smk"
include: "rules/shards.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"


# One target for each stage; `recinterpreter targets` prints them with the first line of each.
rule all:
    """The page, and every table of each data set, tested."""
    default_target: True
    input:
        rules.write_report.output,
        every(rules.test_artefacts.output),
        [table for dataset in SETTINGS.datasets for table in artefacts(dataset)],
    localrule: True


rule data:
    """Users, items, interactions, examples, and their audit."""
    input:
        every(TABLES),
    localrule: True


rule search:
    """Recipes chosen by search, and what was tried."""
    input:
        wanted_searches,
    localrule: True


rule recommenders:
    """Recommenders, trained and ranked; baselines beside them."""
    input:
        made_here(rules.train_recommender.output),
        rankings(),
        made_here(rules.recommend_items.output),
        brought(rules.import_recommended.output, "recommended"),
        brought(rules.import_items.output, "items"),
    localrule: True


rule states:
    """States of recorded and edited histories."""
    input:
        every(rules.encode_states.output),
        every(rules.select_states.output),
        edited(rules.encode_edits.output),
    localrule: True


rule oracle:
    """Items that DreamRec dreams up, and the states with them."""
    input:
        wanted_oracles,
    localrule: True


rule language_model:
    """What the frozen LLM is and which titles it can spell."""
    input:
        every(rules.check_language_model.output),
    localrule: True


rule adapters:
    """Adapters, trained through the frozen LLM."""
    input:
        every(rules.train_adapter.output),
    localrule: True


rule answers:
    """What the LLM answers: words, rankings of titles, names of oracle items."""
    input:
        answers(),
        readings(rules.rank_titles.output),
        oracle_words(),
    localrule: True


rule edits:
    """Edited histories, and whether the answers follow them."""
    input:
        edited(rules.edit_histories.output),
        edited(rules.check_edits.output),
    localrule: True


rule bounds:
    """What decoders without an LLM find in the states."""
    input:
        probes(rules.probe_states.output),
    localrule: True


rule judge:
    """Whose title judges prefer."""
    input:
        wanted_judgements,
    localrule: True


rule scores:
    """Verdicts on answers, decoded histories, and all figures with their intervals."""
    input:
        every(rules.give_verdicts.output),
        consistencies(rules.measure_consistency.output),
        every(rules.compute_scores.output),
    localrule: True


rule tests:
    """Tests of every data set's tables."""
    input:
        every(rules.test_artefacts.output),
    localrule: True


rule report:
    """The page."""
    input:
        rules.write_report.output,
    localrule: True


onstart:
    claim_results(Path("results"))


onsuccess:
    print(closing_words(Path("results"), SETTINGS.datasets, STARTED), file=sys.stderr)


onerror:
    print(failure_words(Path("results"), STARTED), file=sys.stderr)
