"""A copy of the workflow to run, edit and break."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recinterpreter.contents import MADE

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "rules", "profiles", "envs", "workflow", "src")
TINY = ROOT / "tests" / "configs" / "tiny.yaml"
OTHERS = ROOT / "tests" / "configs" / "others.yaml"


class Workflow:
    """Snakemake in a folder of its own."""

    def __init__(self, folder: Path, *configfiles: Path) -> None:
        self.folder = folder
        self._configured = ["--configfile", *map(str, configfiles)] if configfiles else []

    def command(self, *arguments: str) -> list[str]:
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "2"]
        return [*snakemake, *arguments, *self._configured]

    def run(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        """Run `snakemake <arguments>`; what it and its jobs print is in stdout."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **options,  # type: ignore[call-overload]
        )

    def stale(self, *arguments: str) -> dict[str, int]:
        """How many jobs of each rule would run; targets without a job of their own left out."""
        run = self.run("--dry-run", *arguments)
        assert run.returncode == 0, run.stdout
        table = run.stdout.partition("\njob ")[2].partition("\ntotal ")[0]
        counted = re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)
        return {rule: int(count) for rule, count in counted if rule != "all"}


def copy_sources(folder: Path) -> None:
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    shutil.copytree(ROOT / "tests" / "artefacts", folder / "tests" / "artefacts")


@pytest.fixture(autouse=True, scope="session")
def _alone() -> None:
    """Keep what the caller's environment says about sources and threads out of the jobs."""
    os.environ.pop("PYTHONPATH", None)


@pytest.fixture
def fresh(tmp_path: Path) -> Workflow:
    """The workflow as shipped, with nothing made yet."""
    copy_sources(tmp_path)
    return Workflow(tmp_path)


@pytest.fixture
def fresh_tiny(tmp_path: Path) -> Workflow:
    """The tiny configuration, with nothing made yet."""
    copy_sources(tmp_path)
    return Workflow(tmp_path, TINY)


@pytest.fixture(scope="session")
def first_run(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Workflow, subprocess.CompletedProcess[str]]:
    """The tiny configuration run from nothing to the end, once; do not change what is there."""
    folder = tmp_path_factory.mktemp("finished")
    copy_sources(folder)
    workflow = Workflow(folder, TINY)
    return workflow, workflow.run()


@pytest.fixture(scope="session")
def finished(first_run: tuple[Workflow, subprocess.CompletedProcess[str]]) -> Workflow:
    workflow, run = first_run
    assert run.returncode == 0, run.stdout
    return workflow


@pytest.fixture
def spoilable(finished: Workflow, tmp_path: Path) -> Workflow:
    """A copy of the finished run, to be changed at will."""
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    return Workflow(tmp_path / "copy", TINY)


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Read all files below a folder but the notes of what made them when."""
    return lambda folder: {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MADE
    }
