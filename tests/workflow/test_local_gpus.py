"""GPUs of this machine, pretended: jobs claim them in turns, results do not depend on them.

Nothing here has a GPU: PyTorch sees none and goes on on the CPU, and claims its slots all the same.
"""

import os
import re

from conftest import Workflow

WEIGHTS = "results/demo/recommenders/{}/seed0/model.safetensors"
TRAINED = [WEIGHTS.format(name) for name in ("gru4rec", "caser", "sasrec")]
TWO_GPUS = {"CUDA_VISIBLE_DEVICES": "0,1"}


def asked(workflow: Workflow, *arguments: str, **environment: str) -> tuple[set[str], set[str]]:
    """What trainings and baselines ask for: their `gpu`, as Snakemake tells it."""
    run = workflow.run(
        *(*arguments, "--dry-run", "--quiet", "host", "--", "recommenders"),
        env={**os.environ, **environment},
    )
    assert run.returncode == 0, run.stdout
    blocks = re.split(r"\nrule ", run.stdout)
    found = {
        rule: {
            "".join(re.findall(r"\bgpu=\d+", block))
            for block in blocks
            if block.startswith(f"{rule}:")
        }
        for rule in ("train_recommender", "rank_baseline")
    }
    return found["train_recommender"], found["rank_baseline"]


def test_jobs_ask_for_a_gpu_and_snakemake_for_no_more_than_there_are(fresh):
    assert asked(fresh, **TWO_GPUS) == ({"gpu=1"}, {""})
    assert asked(fresh, CUDA_VISIBLE_DEVICES="") == ({"gpu=0"}, {""})
    # nothing is known here of the GPUs of a cluster
    assert asked(fresh, "--jobs", "4", CUDA_VISIBLE_DEVICES="") == ({"gpu=1"}, {""})


def test_gpus_are_shared_out(spoilable, tmp_path):
    environment = {**os.environ, **TWO_GPUS, "TMPDIR": str(tmp_path)}
    for weights in TRAINED:
        (spoilable.folder / weights).unlink()
    run = spoilable.run(*TRAINED, "--cores", "3", env=environment)
    assert run.returncode == 0, run.stdout
    claimed = re.findall(r"\[train_recommender \S+\] computes on GPU (\d)$", run.stdout, re.M)
    assert len(claimed) == 3
    assert set(claimed) <= {"0", "1"}
    # Snakemake starts no third beside two, so none has to wait
    assert "waiting" not in run.stdout


def test_gpus_make_nothing_stale(finished, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert finished.stale() == {}


def test_more_jobs_than_gpus_wait_for_their_turn(spoilable, tmp_path):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "7", "TMPDIR": str(tmp_path)}
    for weights in TRAINED:
        (spoilable.folder / weights).unlink()
    run = spoilable.run(*TRAINED, "--cores", "3", "--resources", "gpu=3", env=environment)
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("computes on GPU 7\n") == 3
    assert "all of the GPUs 7 that are needed are taken; waiting" in run.stdout
