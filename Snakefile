# RecInterpreter: from raw events to a page that shows what a frozen LLM reads in the hidden states
# of sequential recommenders. This file is the table of contents: settings, rules, targets.

import sys
import time
from pathlib import Path

STARTED = time.time()

sys.path.insert(0, f"{workflow.basedir}/src")

from recinterpreter.workflow.machine import claim_results, prepare_jobs, share_gpus
from recinterpreter.workflow.revision import hand_on_revision

prepare_jobs(sources=Path(workflow.basedir, "src"))
share_gpus(workflow)
hand_on_revision(Path(workflow.basedir))


configfile: f"{workflow.basedir}/config.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/search.smk"
include: "rules/recommend.smk"
include: "rules/encode.smk"
include: "rules/oracle.smk"
include: "rules/edits.smk"
include: "rules/language_model.smk"
include: "rules/adapt.smk"
include: "rules/interpret.smk"
include: "rules/bounds.smk"
include: "rules/judge.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"


# The page, and every data set's tables, tested. Below, one target for each stage.
rule all:
    default_target: True
    input:
        rules.write_report.output,
        every(rules.test_artefacts.output),
        [table for dataset in SETTINGS.datasets for table in artefacts(dataset)],
    localrule: True


rule search:
    input:
        wanted_searches,
    localrule: True


rule recommenders:
    input:
        every(RANKINGS),
    localrule: True


rule states:
    input:
        every(rules.select_states.output),
        edited(rules.encode_edits.output),
    localrule: True


rule oracle:
    input:
        wanted_oracles,
    localrule: True


rule language_model:
    input:
        every(rules.check_language_model.output),
    localrule: True


rule adapters:
    input:
        every(rules.train_adapter.output),
    localrule: True


rule answers:
    input:
        answered(rules.answer.output),
        readings(rules.rank_titles.output),
        oracle_words(),
    localrule: True


rule judge:
    input:
        wanted_judgements,
    localrule: True


rule scores:
    input:
        every(rules.compute_scores.output),
    localrule: True


rule report:
    input:
        rules.write_report.output,
    localrule: True


onstart:
    claim_results(Path("results"))


onsuccess:
    print(closing_words(Path("results"), SETTINGS.datasets, STARTED), file=sys.stderr)


onerror:
    print(failure_words(Path("results"), STARTED), file=sys.stderr)
