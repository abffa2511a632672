"""A Slurm on this machine, and the package that hands jobs over to it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm_cluster import SlurmCluster, Unavailable, install

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """A running Slurm; skips, with the reason, where there can be none."""
    cluster = SlurmCluster(tmp_path_factory.mktemp("slurm"))
    try:
        install()
        cluster.start()
    except (Unavailable, subprocess.CalledProcessError, OSError) as reason:
        cluster.stop()
        pytest.skip(f"no Slurm can be started here: {reason}")
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def with_plugin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Snakemake finds its plugin for Slurm, as `pip install` brings it."""
    folder = tmp_path_factory.mktemp("plugin")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    lock = ["--requirement", str(ROOT / "envs" / "slurm.lock")]
    run = subprocess.run(
        [*pip, *lock, "--target", str(folder)], capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        pytest.skip(f"the plugin for Slurm cannot be installed: {run.stderr[-300:]}")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return {**environment, "PYTHONPATH": str(folder)}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The sources in a folder of their own, with nothing made yet."""
    left_out = shutil.ignore_patterns(".*", "results", "__pycache__")
    shutil.copytree(ROOT, tmp_path / "checkout", ignore=left_out)
    return tmp_path / "checkout"
