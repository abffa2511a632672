"""Dry runs one after another in one process, half a second each: which rules would run, and why.

    python dry_runs.py CONFIGFILE ...

in the folder of a workflow answers each line of its standard input, a JSON object {"config": {...},
"targets": [...]}, with one of the rules whose jobs would run:

    {"read": [...], "rerun": [...], "known": [...]}

read: those that Snakemake finds changed themselves (params, code, set of inputs), rerun: those and
all behind them, known: all rules that have a job at all. A mistake comes as {"error": "..."}.
"""

import json
import sys
from pathlib import Path
from typing import Any

# the workflow's own sources, before any that are installed: a test edits them
sys.path.insert(0, str(Path("src").resolve()))

from snakemake.api import SnakemakeApi
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    DeploymentSettings,
    OutputSettings,
    Quietness,
    ResourceSettings,
    StorageSettings,
    WorkflowSettings,
)


def dry_run(
    configfiles: list[Path], config: dict[str, Any], targets: list[str]
) -> dict[str, list[str]]:
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=2),
            config_settings=ConfigSettings(configfiles=configfiles, config=config),
            storage_settings=StorageSettings(),
            workflow_settings=WorkflowSettings(),
            deployment_settings=DeploymentSettings(),
            snakefile=Path("Snakefile"),
        )
        # as in profiles/default, which the command line alone loads
        workflow.dag(DAGSettings(targets=set(targets), max_checksum_file_size=2 * 10**9))
        plan = workflow._workflow
        plan._prepare_dag(
            forceall=False,
            ignore_incomplete=False,
            lock_warn_only=True,
            nolock=True,
            shadow_prefix=None,
        )
        plan._build_dag()
        named: dict[str, set[str]] = {"read": set(), "rerun": set(), "known": set()}
        for job in plan.dag.jobs:
            if job.rule.norun:
                continue
            named["known"].add(job.rule.name)
            if plan.dag.needrun(job):
                named["rerun"].add(job.rule.name)
            if _changed(plan.persistence, job):
                named["read"].add(job.rule.name)
        return {kind: sorted(rules) for kind, rules in named.items()}


def _changed(known: Any, job: Any) -> bool:
    """Whether params, shell command or set of inputs of a job are others than in its last run."""
    if any(file.flags.get("checkpoint_target") for file in job.input):
        return False  # what it is told is not known before a search has ended
    return (
        bool(known.params_changed(job))
        or any(known.code_changed(job))
        or any(known.input_changed(job))
    )


def main() -> None:
    configfiles = [Path(name) for name in sys.argv[1:]]
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            found: dict[str, Any] = dry_run(configfiles, asked["config"], asked["targets"])
        except WorkflowError as error:
            found = {"error": str(error)}
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
