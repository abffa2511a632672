"""`--sdm apptainer` hands every job to the container; a stand-in is asked in apptainer's place."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

STAND_IN = """#!/bin/sh
if [ "$1" = --version ]; then echo "apptainer version 1.3.0"; exit; fi
echo "$@" >> {told}
while [ "$1" != recinterpreter.sif ]; do shift; done
shift
exec "$@"
"""


def test_jobs_run_in_the_container(fresh_tiny, tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("bin")
    told = folder / "told"
    for name in ("apptainer", "singularity"):
        (folder / name).write_text(STAND_IN.format(told=told))
        (folder / name).chmod(0o755)
    (fresh_tiny.folder / "recinterpreter.sif").touch()
    table = "results/demo/examples.parquet"
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    run = fresh_tiny.run(table, "--sdm", "apptainer", env=environment)
    assert run.returncode == 0, run.stdout
    assert (fresh_tiny.folder / table).is_file()
    jobs = told.read_text().splitlines()
    assert len(jobs) == 2
    for stage, job in zip(("ingest_demo", "split_examples"), jobs, strict=True):
        assert " exec --home " in f" {job}"
        assert f"python -m recinterpreter.stages.{stage}" in job


def test_without_it_no_container_is_wanted(fresh_tiny):
    assert not (fresh_tiny.folder / "recinterpreter.sif").exists()
    assert fresh_tiny.run("results/demo/examples.parquet").returncode == 0
