"""What Snakemake itself costs: dry runs, the tiny chain, finding that nothing is to be done."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "configs" / "tiny.yaml"
REPEATS = 3


def main() -> Iterator[tuple[str, float, str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield "dry run, demo", _best(folder, "--dry-run"), "s"
        seeds = "recommenders={seeds: [" + ", ".join(map(str, range(20))) + "]}"
        yield "dry run, demo with 20 seeds", _best(folder, "--dry-run", "--config", seeds), "s"
        yield "tiny chain from nothing", _seconds(folder, "--configfile", str(TINY)), "s"
        yield "tiny chain, nothing to be done", _best(folder, "--configfile", str(TINY)), "s"


def _best(folder: str, *options: str) -> float:
    return min(_seconds(folder, *options) for _ in range(REPEATS))


def _seconds(folder: str, *options: str) -> float:
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    started = time.perf_counter()
    subprocess.run([*snakemake, "--directory", folder, *options], check=True, capture_output=True)
    return time.perf_counter() - started
