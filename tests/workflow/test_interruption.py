"""Killed half-way, the same command finishes, and the result is that of a run in one go."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# long enough to be interrupted, and one recommender only
LONG = (
    "recommenders",
    "--config",
    "recommenders={names: [sasrec], baselines: [], sasrec: {epochs: 150, patience: 150}}",
)


@pytest.fixture(scope="module")
def in_one_go(tmp_path_factory, finished):
    from conftest import TINY, Workflow, copy_sources

    folder = tmp_path_factory.mktemp("one_go")
    copy_sources(folder)
    workflow = Workflow(folder, TINY)
    assert workflow.run(*LONG).returncode == 0
    return folder


def wait_for(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_same_command_finishes(in_one_go, fresh_tiny, contents, how):
    work = fresh_tiny.folder / "results" / ".work"
    killed = subprocess.Popen(
        fresh_tiny.command(*LONG),
        cwd=fresh_tiny.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # heard also where whoever runs the tests does so in the background, deaf to it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(lambda: list(work.glob("*/progress.json")), 60)
    os.killpg(killed.pid, how)
    killed.wait(60)
    assert killed.returncode != 0
    kept = list(work.glob("*/progress.json"))
    assert kept, "what was learnt is lost"

    again = fresh_tiny.run(*LONG)
    assert again.returncode == 0, again.stdout
    trained = Path("results/demo/recommenders")
    first, second = contents(in_one_go / trained), contents(fresh_tiny.folder / trained)
    first, second = (
        {name: content for name, content in files.items() if not name.endswith("steps.parquet")}
        for files in (first, second)
    )
    assert set(first) == set(second)
    assert first == second
    assert "Nothing to be done" in fresh_tiny.run(*LONG).stdout


def test_a_second_run_beside_the_first_is_refused(fresh_tiny):
    running = subprocess.Popen(
        fresh_tiny.command(*LONG),
        cwd=fresh_tiny.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for((fresh_tiny.folder / "results" / ".lock").exists, 60)
        refused = fresh_tiny.run(*LONG)
        assert refused.returncode != 0
        assert "another run works in" in refused.stdout
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(60)
