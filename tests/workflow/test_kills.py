"""Killed (kill -9) at thirty random moments, it ends with the tables of a run in one go."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from conftest import Workflow

from recinterpreter.contents import MADE

pytestmark = pytest.mark.slow

KILLS = 30
PATIENCE = 600  # seconds for a run that is not killed


def jobs_done(folder: Path) -> int:
    return sum(1 for _ in (folder / "results" / "logs").rglob("*.json"))


def stages(run: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes that compute, of all that a run has started."""
    found = []
    for process in psutil.Process(run.pid).children(recursive=True):
        try:
            if any(word.startswith("recinterpreter.stages.") for word in process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def kill(run: subprocess.Popen[bytes], victim: str, draw: random.Random) -> None:
    """Kill the run alone, one of its jobs, or all there is; then see it end."""
    if victim == "all":
        os.killpg(run.pid, signal.SIGKILL)
    elif victim == "job" and (at_work := stages(run)):
        chosen = draw.choice(at_work)
        if chosen.is_running():
            chosen.kill()
    else:
        run.kill()
    assert run.wait(PATIENCE) != 0


def run_until(workflow: Workflow, n_jobs: int, pause: float) -> subprocess.Popen[bytes] | None:
    """Start a run and return it some time after so many jobs are done; None if it ended before."""
    wanted = jobs_done(workflow.folder) + n_jobs
    run = subprocess.Popen(
        workflow.command(),
        cwd=workflow.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + PATIENCE
    while run.poll() is None and jobs_done(workflow.folder) < wanted:
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(pause)
    if run.poll() is None:
        return run
    assert run.returncode == 0, f"it failed by itself, see {workflow.folder}"
    return None


def tables(folder: Path) -> dict[str, object]:
    """Everything that was made, but for the times that are noted in it."""
    found: dict[str, object] = {}
    made = folder / "results" / "demo"
    for file in sorted(made.rglob("*")):
        if file.is_file() and file.name not in (MADE, "artefacts.xml"):
            content: object = file.read_bytes()
            if file.name == "steps.parquet":
                content = pq.read_table(file).drop_columns("seconds")
            found[str(file.relative_to(made))] = content
    return found


def test_the_same_command_always_finishes(fresh_tiny: Workflow, finished: Workflow) -> None:
    draw = random.Random(0)
    wanted = tables(finished.folder)
    killed: list[str] = []
    while len(killed) < KILLS:
        run = run_until(fresh_tiny, draw.choice([0, 1, 2, 4, 6]), draw.uniform(0.0, 2.0))
        if run is None:  # done before there were kills enough: once more from nothing
            assert tables(fresh_tiny.folder) == wanted
            shutil.rmtree(fresh_tiny.folder / "results")
            shutil.rmtree(fresh_tiny.folder / ".snakemake")
            continue
        killed.append(draw.choice(["run", "job", "all"]))
        kill(run, killed[-1], draw)
    assert set(killed) == {"run", "job", "all"}
    last = fresh_tiny.run()
    assert last.returncode == 0, last.stdout
    assert tables(fresh_tiny.folder) == wanted
    assert "Nothing to be done" in fresh_tiny.run().stdout
    # what was half done is gone, whether as state to go on from or as a half-written file
    assert not list((fresh_tiny.folder / "results").rglob("*.part"))
    assert not [path for path in (fresh_tiny.folder / "results/.work").iterdir() if path.is_dir()]
