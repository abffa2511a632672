"""Snakemake's cache between workflows: a second clone takes over what a first one has made."""

import json
import subprocess
import sys

import pytest
from conftest import TINY, Workflow, copy_sources

pytestmark = pytest.mark.slow

SMALL = (
    "--config",
    "recommenders={names: [sasrec], untrained: [], baselines: []}",
    "adapter={tasks: [residual]}",
)
SHARED = {"ingest_demo", "train_recommender", "encode_states", "teach_language_model"}
SHARED |= {"train_adapter"}


@pytest.fixture
def clones(tmp_path, monkeypatch):
    """Make a fresh clone whose runs share one cache."""
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("SNAKEMAKE_OUTPUT_CACHE", str(tmp_path / "cache"))

    def clone(name: str) -> Workflow:
        (tmp_path / name).mkdir()
        copy_sources(tmp_path / name)
        return Workflow(tmp_path / name, TINY)

    return clone


def run(clone: Workflow, *given: str) -> set[str]:
    """Run as far as the adapters; return the rules that computed something."""
    done = clone.run("adapters", "--cache", *SMALL, *given)
    assert done.returncode == 0, done.stdout
    return {record.parent.name for record in (clone.folder / "results/logs").rglob("*.json")}


def weights(clone: Workflow, seed: int) -> bytes:
    folder = "results/demo/embedded/adapters/sasrec/residual/conv_linear"
    return (clone.folder / folder / f"seed{seed}" / "adapter.safetensors").read_bytes()


def test_a_second_clone_computes_nothing_again_and_another_seed_is_its_own(clones):
    first, second = clones("first"), clones("second")
    assert run(first) >= SHARED
    assert run(second) == {"split_examples"}
    assert weights(second, 0) == weights(first, 0)
    # without --cache it goes on from there like any other folder
    assert second.stale("adapters", *SMALL) == {}
    seeds = "recommenders={names: [sasrec], untrained: [], baselines: [], seeds: [1]}"
    assert run(second, "--config", seeds, *SMALL[2:]) == {
        "split_examples",
        "train_recommender",
        "encode_states",
        "train_adapter",
    }
    assert weights(second, 1) != weights(first, 0)


def test_to_ask_for_a_cache_and_name_none_is_refused(clones, monkeypatch):
    monkeypatch.delenv("SNAKEMAKE_OUTPUT_CACHE")
    refused = clones("first").run("adapters", "--cache", *SMALL)
    assert refused.returncode != 0
    assert "SNAKEMAKE_OUTPUT_CACHE" in refused.stdout


KEYS = """
import asyncio, json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.caching.hash import ProvenanceHashMap
from snakemake.settings.types import *

given = json.loads(sys.argv[1])
with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    workflow = api.workflow(
        resource_settings=ResourceSettings(cores=1),
        config_settings=ConfigSettings(config=given),
        storage_settings=StorageSettings(),
        workflow_settings=WorkflowSettings(cache=[]),
        deployment_settings=DeploymentSettings(),
        snakefile=Path("Snakefile"),
    )
    workflow.dag(DAGSettings())
    plan = workflow._workflow
    plan._prepare_dag(forceall=False, ignore_incomplete=False, lock_warn_only=True, nolock=True,
                      shadow_prefix=None)
    plan._build_dag()
    keys = ProvenanceHashMap()
    for job in plan.dag.jobs:
        if job.rule.cache.output:
            print(json.dumps([asyncio.run(keys.get_provenance_hash(job)), job.output[0]]))
"""


def test_no_two_jobs_share_a_key(clones):
    """A key holds no wildcard, so that all that tells two jobs apart must be in their params."""
    given = {
        "data": {"sources": ["demo", "ml-100k", "steam"]},
        "recommenders": {"seeds": [0, 1]},
        "adapter": {"kinds": ["conv_linear", "last_linear"]},
    }
    listed = subprocess.run(
        [sys.executable, "-c", KEYS, json.dumps(given)],
        cwd=clones("first").folder,
        capture_output=True,
        text=True,
        check=True,
    )
    keys = dict(map(json.loads, listed.stdout.splitlines()))
    assert len(keys) == len(listed.stdout.splitlines())
    # 3 data sets, 5 encoders, 2 seeds, 3 tasks, 2 kinds
    assert sum("/adapters/" in path for path in keys.values()) == 3 * 5 * 2 * 3 * 2
    assert sum("/states/" in path for path in keys.values()) == 3 * 5 * 2
