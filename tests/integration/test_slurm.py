"""The workflow through a real Slurm: GPUs for those that asked, and on after what goes wrong there.

One recommender and one adapter of the tiny configuration: every kind of job, few of each.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from slurm_cluster import SlurmCluster, cancel, rule_of

Found = TypeVar("Found")

pytestmark = pytest.mark.slow

SNAKEMAKE = [sys.executable, "-m", "snakemake", "--configfile", "tests/configs/tiny.yaml"]
FEW = (
    "--config",
    # long enough to be met while it runs
    "recommenders={names: [sasrec], untrained: [], baselines: [], "
    "sasrec: {epochs: 150, patience: 150}}",
    "adapter={tasks: [residual]}",
    "answers={rank_titles: []}",
    "edits={kinds: []}",
    "bounds={decoders: []}",
)
# the profile as shipped, but for what docs/cluster.md says to set: no accounts, no accounting
THROUGH_SLURM = (
    *("--workflow-profile", "profiles/slurm", "--slurm-no-account", "--latency-wait", "5"),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"),
)
ON_A_GPU = {
    "train_recommender",
    "rank_recommender",
    "encode_states",
    "teach_language_model",
    "check_language_model",
    "train_adapter",
    "answer",
}
WAIT = 240  # seconds for a job to come up in the queue


def start(checkout: Path, environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    """Start Snakemake in a session of its own, so that it can be killed alone."""
    return subprocess.Popen(
        [*SNAKEMAKE, *options, *FEW],
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(condition: Callable[[], Found], run: subprocess.Popen[str]) -> Found:
    """Wait until something is there while Snakemake runs, and return it."""
    end = time.monotonic() + WAIT
    while not (found := condition()):
        if time.monotonic() > end or run.poll() is not None:
            run.kill()
            raise AssertionError(f"waited in vain: {run.communicate()[0]}")
        time.sleep(0.2)
    return found


def running(slurm: SlurmCluster, rule: str, run: subprocess.Popen[str]) -> dict[str, str]:
    """Wait until a job of a rule runs, and return it."""
    return wait_for(
        lambda: [j for j in slurm.jobs() if j["JobState"] == "RUNNING" and rule_of(j) == rule], run
    )[0]


def tables(checkout: Path) -> dict[str, bytes]:
    """All that the run made but the page, and but the tables that hold times."""
    made = sorted((checkout / "results" / "demo").rglob("*"))
    return {
        str(file.relative_to(checkout)): file.read_bytes()
        for file in made
        if file.suffix in (".parquet", ".safetensors") and file.name != "steps.parquet"
    }


def test_jobs_go_through_slurm_and_on_when_they_are_cancelled_or_snakemake_is_killed(
    slurm: SlurmCluster, with_plugin: dict[str, str], checkout: Path
) -> None:
    with_plugin = {**with_plugin, "CUDA_VISIBLE_DEVICES": "5,6"}  # of the submitting host
    first = start(checkout, with_plugin, *THROUGH_SLURM)
    cancelled = running(slurm, "train_recommender", first)
    wait_for(lambda: list(checkout.glob("results/.work/train_recommender-*/progress.json")), first)
    cancel(cancelled)
    left_alone = running(slurm, "train_adapter", first)  # so the training was done again
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()

    # its job is still in the queue, and may write while the same job of the next run does
    second = start(checkout, with_plugin, *THROUGH_SLURM)
    said = second.communicate()[0]
    assert second.returncode == 0, said

    jobs = slurm.jobs()
    states = {job["JobId"]: job["JobState"] for job in jobs}
    assert states.pop(cancelled["JobId"]) == "CANCELLED"
    assert set(states.values()) == {"COMPLETED"}
    assert left_alone["JobId"] in states
    assert {rule_of(job) for job in jobs} > ON_A_GPU
    for job in jobs:
        rule, gpu = rule_of(job), slurm.gpus_seen(job)
        if rule in ON_A_GPU:
            assert (job["Partition"], gpu in ("0", "1")) == ("gpu", True), rule
        else:
            assert (job["Partition"], gpu) == ("cpu", "none"), rule
    # those of the submitting host are no pool to share out on a node
    logs = "".join(log.read_text() for log in checkout.glob("results/logs/**/*.log"))
    assert "[train_adapter" in logs
    assert "computes on GPU" not in logs

    through_slurm = tables(checkout)
    subprocess.run(["rm", "-r", "results", ".snakemake"], cwd=checkout, check=True)
    here = start(checkout, with_plugin, "--cores", "2")
    said = here.communicate()[0]
    assert here.returncode == 0, said
    assert through_slurm == tables(checkout)
