"""The whole chain on the tiny configuration; then that nothing is done twice."""

import json
import subprocess

import pytest

from recinterpreter.contents import MADE

pytestmark = pytest.mark.slow


def test_the_chain_ends_with_a_report(first_run):
    workflow, run = first_run
    assert run.returncode == 0, run.stdout
    page = (workflow.folder / "results" / "report" / "index.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "Report: results/report/index.html" in run.stdout


def test_every_stage_told_its_time_and_left_a_record(first_run):
    workflow, run = first_run
    stages = {file.stem for file in (workflow.folder / "src/recinterpreter/stages").glob("[!_]*")}
    elsewhere = {
        "download_source",
        "check_source",
        "ingest_source",
        "try_recipe",
        "select_recipe",
        "gather_tables",
        "check_outside",
        "import_states",
        "import_items",
        "import_recommended",
        "import_oracle_items",
    }
    logs = workflow.folder / "results" / "logs"
    records = [json.loads(file.read_text()) for file in logs.rglob("*.json")]
    assert {record["stage"] for record in records} == stages - elsewhere
    for stage in stages - elsewhere:
        assert f"\n{stage} " in run.stdout
    assert len(list(logs.rglob("*.log"))) == len(records)


def test_nothing_half_done_is_left(finished):
    results = finished.folder / "results"
    assert not [file for file in results.rglob("*") if file.name.endswith(".part")]
    assert not [folder for folder in (results / ".work").iterdir() if folder.is_dir()]


def test_a_second_run_has_nothing_to_do(finished):
    run = finished.run()
    assert run.returncode == 0
    assert "Nothing to be done" in run.stdout


def test_any_single_file_can_be_asked_for(finished):
    results = finished.folder / "results"
    notes = {".work", "logs", ".lock", MADE}
    files = [
        str(file.relative_to(finished.folder))
        for file in results.rglob("*")
        if file.is_file() and not notes & set(file.relative_to(results).parts)
    ]
    assert len(files) > 40
    assert finished.stale(*files) == {}
    (finished.folder / "other").mkdir(exist_ok=True)
    for file in files[:: len(files) // 4]:
        asked = finished.run("--dry-run", file, "--directory", "other")
        assert asked.returncode == 0, asked.stdout
        assert "Job stats" in asked.stdout


def test_an_unknown_file_is_refused(finished):
    run = finished.run("--dry-run", "results/demo/none.parquet")
    assert run.returncode != 0
    assert "results/demo/none.parquet" in run.stdout


def test_named_targets_hold_a_stage_each(finished):
    targets = [
        "recommenders",
        "states",
        "language_model",
        "adapters",
        "answers",
        "scores",
        "report",
    ]
    assert finished.stale(*targets) == {}


def test_the_same_configuration_makes_the_same_bytes(finished, fresh_tiny, contents):
    """Only what holds seconds tells two runs apart: logs, steps and the page."""
    run = fresh_tiny.run("states")
    assert run.returncode == 0, run.stdout
    first, second = (contents(w.folder / "results" / "demo") for w in (finished, fresh_tiny))
    different = [name for name in second if first[name] != second[name]]
    assert len(second) > 20
    assert [name for name in different if not name.endswith("steps.parquet")] == []


def test_snakemake_itself_never_loads_torch(finished):
    program = (
        "import sys\nfrom snakemake.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        "    print('ended', end.code)\n"
        # pyarrow is Snakemake's: it loads pandas where there is one, and pandas loads that
        "print(sorted({'torch', 'transformers', 'polars', 'sklearn'} & set(sys.modules)))\n"
    )
    interpreter, *arguments = finished.command("--dry-run")
    run = subprocess.run(
        [interpreter, "-c", program, *arguments[2:]],
        cwd=finished.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ended 0" in run.stdout
    assert run.stdout.splitlines()[-1] == "[]"
