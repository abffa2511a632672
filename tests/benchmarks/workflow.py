"""What Snakemake itself costs: dry runs up to 5,000 jobs, and finding that nothing is to be done.

Seconds of the wall, the least of some repetitions, and Snakemake's own processor time, which is
what the wall shows where nothing else runs. Nothing is to be done after a run that is really
finished, so one is made: of the tiny configuration, told to have the very jobs of config.yaml.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "configs" / "tiny.yaml"
PAPER = ROOT / "workflow" / "presets" / "paper.yaml"
REPEATS = 3
SEEDS = 75  # of which each has about 70 jobs
FEWEST = 5_000

# As many trials as the paper's grid has, of models that are trained in no time.
RECOMMENDERS = ("gru4rec", "caser", "sasrec", "dreamrec")
GRID = {"embedding_size": [4, 8, 12, 16], "l2": [0.0, 0.0001, 0.001, 0.01, 0.1]}
UNSEARCHED = ("learning_rate", "schedule", "diffusion_steps", "unconditional", "guidance")
SEARCH = {
    "names": list(RECOMMENDERS),
    **dict.fromkeys(RECOMMENDERS, GRID),
    "dreamrec": {**GRID, **dict.fromkeys(UNSEARCHED)},
}


def main() -> Iterator[tuple[str, float, str]]:
    tiny = ("--configfile", str(TINY))
    with tempfile.TemporaryDirectory() as folder:
        yield "dry run, demo", _best(folder, "--dry-run"), "s"
        seeds = ("--config", f"recommenders={json.dumps({'seeds': list(range(SEEDS))})}")
        n_jobs = sum(jobs(folder, *seeds).values())
        if n_jobs < FEWEST:
            raise AssertionError(f"got {n_jobs} jobs, wanted {FEWEST}; raise SEEDS")
        yield "dryrun_5000_jobs", n_jobs, "jobs"
        yield from _both("dryrun_5000", folder, "--dry-run", *seeds)
        paper = ("--configfile", str(PAPER))
        yield "dryrun_paper_jobs", sum(jobs(folder, *paper).values()), "jobs"
        yield from _both("dryrun_paper", folder, "--dry-run", *paper)
        shipped = jobs(folder)
        as_shipped = (*tiny, "--config", "answers={rank_titles: []}")
        if jobs(folder, *as_shipped) != shipped:
            raise AssertionError("the tiny configuration has other jobs than config.yaml")
        yield "tiny chain from nothing", _seconds(folder, *as_shipped), "s"
        _insist_on_nothing(folder, *as_shipped)
        yield from _both("noop", folder, *as_shipped)
        search = (*tiny, "--config", f"recommenders={json.dumps({'search': SEARCH})}")
        yield "search of 80 trials", _seconds(folder, "search", *search), "s"
        _insist_on_nothing(folder, "search", *search)
        yield from _both("noop_search", folder, "search", *search)


def jobs(folder: str, *options: str) -> dict[str, int]:
    """How many jobs of each rule would run."""
    shown = _snakemake(folder, "--dry-run", *options).stdout
    table = shown.partition("\njob ")[2].partition("\ntotal ")[0]
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def _insist_on_nothing(folder: str, *options: str) -> None:
    shown = _snakemake(folder, *options).stdout
    if "Nothing to be done" not in shown:
        raise AssertionError(f"something was to be done:\n{shown[-2000:]}")


def _both(name: str, folder: str, *options: str) -> Iterator[tuple[str, float, str]]:
    """Yield seconds of the wall and of the processor, each the least of some repetitions."""
    walls, processors = [], []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(_seconds(folder, *options))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    yield f"{name}_s", min(walls), "s"
    yield f"{name}_processor_s", min(processors), "s"


def _best(folder: str, *options: str) -> float:
    return min(_seconds(folder, *options) for _ in range(REPEATS))


def _seconds(folder: str, *options: str) -> float:
    started = time.perf_counter()
    _snakemake(folder, *options)
    return time.perf_counter() - started


def _snakemake(folder: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    return subprocess.run(
        [*command, "--directory", folder, *options],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
