"""Jobs that compute on a GPU hold one each, in order, and no death leaves one taken."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from recinterpreter import gpus, lock
from recinterpreter.errors import UserError
from recinterpreter.workflow.digest import PACKAGE, import_closure
from recinterpreter.workflow.machine import share_gpus, visible_gpus

# tells when it has its GPU, holds it for a while, tells when it lets go
JOB = (
    "import os, sys, time; from recinterpreter import gpus; gpus.claim()\n"
    "seen = os.environ['CUDA_VISIBLE_DEVICES']\n"
    "print('has', seen, time.monotonic(), flush=True); time.sleep(float(sys.argv[1]))\n"
    "print('ends', seen, time.monotonic(), flush=True)"
)


@pytest.fixture(autouse=True)
def _own_slots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(lock, "_held", [])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # so that it is put back as it was
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv(gpus.POOL, "0,1")


def start(seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", JOB, str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def has(job: subprocess.Popen[str]) -> str:
    assert job.stdout is not None
    return job.stdout.readline().split()[1]


def test_four_jobs_share_two_gpus_two_at_a_time() -> None:
    jobs = [start(1.5) for _ in range(4)]
    held = []
    for job in jobs:
        (_, gpu, since), (_, _, until) = (
            line.split() for line in job.communicate()[0].splitlines()
        )
        held.append((float(since), float(until), gpu))
    assert Counter(gpu for _, _, gpu in held) == {"0": 2, "1": 2}
    for gpu in "01":
        first, second = sorted((since, until) for since, until, on in held if on == gpu)
        assert first[1] <= second[0], "two on one GPU"
    at_once = [sum(a <= since < b for a, b, _ in held) for since, _, _ in sorted(held)]
    assert max(at_once) == 2
    # none was left idle: a GPU's second job follows its first within a look or two
    begun, ended = min(since for since, _, _ in held), max(until for _, until, _ in held)
    assert ended - begun < 2 * 1.5 + 3


def test_a_killed_job_frees_its_gpu_and_the_first_free_one_is_taken() -> None:
    first, second = start(60), start(60)
    try:
        assert {has(first), has(second)} == {"0", "1"}
        waiting = start(0)
        time.sleep(1)
        assert waiting.poll() is None
        first.kill()
        assert waiting.communicate(timeout=20)[0].startswith("has")
        first.wait()
    finally:
        second.kill()
        second.wait()
    gpus.claim()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"


def test_one_that_waits_says_so(caplog: pytest.LogCaptureFixture) -> None:
    jobs = [start(1.5), start(1.5)]
    for job in jobs:
        has(job)
    with caplog.at_level("INFO", "recinterpreter"):
        gpus.claim()
    for job in jobs:
        job.wait()
    assert [record.message for record in caplog.records] == [
        "all of the GPUs 0, 1 that are needed are taken; waiting",
        f"computes on GPU {os.environ['CUDA_VISIBLE_DEVICES']}",
    ]


def test_a_job_claims_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus.claim()
    gpus.claim()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert not subprocess.Popen([sys.executable, "-c", JOB, "0"], env=os.environ).wait()


def test_without_a_pool_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(gpus.POOL)
    gpus.claim()
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert not gpus.slots().exists()


def test_names_of_devices_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gpus.POOL, "MIG-GPU-8f6e/1/0")
    gpus.claim(None)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "MIG-GPU-8f6e/1/0"


def together(count: int, *program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "recinterpreter.gpus", str(count), *program]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_processes_of_one_job_claim_together_and_what_they_become_holds_on() -> None:
    # the program looks whether the locks are held that its Python took before
    look = (
        "import os; from pathlib import Path; from recinterpreter import gpus, lock\n"
        "free = [lock.hold(gpus.slots() / f'{n}.lock', wait=False) for n in (0, 1)]\n"
        "print(os.environ['CUDA_VISIBLE_DEVICES'], free, gpus.POOL in os.environ)"
    )
    assert together(2, sys.executable, "-c", look).stdout == "0,1 [False, False] False\n"
    gpus.claim(2)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_more_processes_than_gpus_are_refused() -> None:
    with pytest.raises(UserError, match="3 GPUs are needed together"):
        gpus.claim(3)
    os.environ[gpus.POOL] = "0,1"
    refused = together(3, "true")
    assert refused.returncode != 0
    assert "wanted adapter.processes of at most 2" in refused.stderr


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("2,3", ["2", "3"]),
        ("", []),
        ("-1", []),
        ("0,-1,1", ["0"]),
        ("GPU-8f, GPU-9a", ["GPU-8f", "GPU-9a"]),
    ],
)
def test_what_cuda_may_see(monkeypatch: pytest.MonkeyPatch, given: str, seen: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert visible_gpus() == seen


def test_devices_are_counted_where_nothing_is_said(tmp_path: Path) -> None:
    assert visible_gpus(tmp_path) == []
    for name in ("nvidia1", "nvidia3", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert visible_gpus(tmp_path) == ["0", "1"]


def snakemake(**changed: object) -> SimpleNamespace:
    limits: dict[str, int] = {}
    facts = {
        "subprocess_exec": False,
        "remote_exec": False,
        "resource_settings": SimpleNamespace(nodes=None),
        "global_resources": limits,
        "register_resource": limits.__setitem__,
    }
    return SimpleNamespace(**{**facts, **changed})


def test_a_local_run_is_limited_to_the_gpus_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    run = snakemake()
    share_gpus(run)
    assert run.global_resources == {"gpu": 3}
    assert os.environ[gpus.POOL] == "4,5,6"

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    run = snakemake()
    share_gpus(run)
    assert run.global_resources == {"gpu": 0}
    assert gpus.POOL not in os.environ


def test_a_limit_of_the_users_stands() -> None:
    run = snakemake(global_resources={"gpu": 1})
    share_gpus(run)
    assert run.global_resources == {"gpu": 1}


def test_on_a_cluster_there_is_no_limit_and_its_jobs_find_no_pool() -> None:
    run = snakemake(resource_settings=SimpleNamespace(nodes=20))
    share_gpus(run)
    assert run.global_resources == {}

    os.environ[gpus.POOL] = "0,1"  # as Slurm hands the submitting host's environment on
    share_gpus(snakemake(remote_exec=True))
    assert gpus.POOL not in os.environ


def test_rules_ask_for_a_gpu_where_their_stage_picks_one() -> None:
    rules = "\n".join(file.read_text() for file in (PACKAGE.parents[1] / "rules").glob("*.smk"))
    blocks = re.split(r"^ *rule ", rules, flags=re.MULTILINE)[1:]
    asking = {}
    for block in blocks:
        stage = re.search(r"recinterpreter\.stages\.(\w+)", block)
        if stage:
            asking[stage[1]] = "gpu=" in block
    assert len(asking) > 20
    picks = PACKAGE / "device.py"
    for stage, asks in asking.items():
        closure = import_closure([PACKAGE / "stages" / f"{stage}.py"])
        assert asks == (picks in closure), stage
