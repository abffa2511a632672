"""`recinterpreter targets`: what can be asked for, as Snakemake sees it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, TINY, Workflow
from test_dry_run import CHAIN, JUDGES

pytestmark = pytest.mark.slow

NAMED = {
    *("data", "search", "recommenders", "states", "oracle", "language_model", "adapters"),
    *("answers", "edits", "bounds", "judge", "scores", "tests", "report"),
}


def told(
    workflow: Workflow, *arguments: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    program = "from recinterpreter.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "targets", *arguments],
        cwd=cwd or workflow.folder,
        env={**os.environ, "PYTHONPATH": str(workflow.folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def table(workflow: Workflow, *arguments: str) -> dict[str, tuple[int, ...]]:
    """Files of each target: all, there, stale, missing; none where it cannot be asked for."""
    run = told(workflow, "--configfile", str(TINY), *arguments)
    assert run.returncode == 0, run.stderr
    rows = (line.split() for line in run.stdout.splitlines()[1:] if line)
    counted = {name: [int(w) for w in words if w.isdecimal()][:4] for name, *words in rows}
    counted.pop("snakemake")
    return {name: tuple(counts) for name, counts in counted.items()}


def listed(workflow: Workflow, *arguments: str) -> dict[str, str]:
    run = told(workflow, "--files", *arguments)
    assert run.returncode == 0, run.stderr
    return {file: state for state, file in map(str.split, run.stdout.splitlines())}


def test_all_is_there_after_a_run(finished):
    found = table(finished)
    assert set(found) == {"all", *NAMED}
    assert found.pop("search") == ()
    for name, (files, there, stale, missing) in found.items():
        assert (files, stale, missing) == (there, 0, 0), name
        assert files > 0
    assert found["adapters"][0] == 45
    # what cannot be asked for says why, in our words alone
    text = told(finished, "--configfile", str(TINY)).stdout
    assert re.search(r"^search +- +recommenders.search.names is empty; wanted", text, re.MULTILINE)


def test_stale_and_missing_files_are_counted(spoilable):
    files = table(spoilable)["scores"][0]
    given = ("--config", "scores={resamples: 200}")
    assert table(spoilable, *given)["scores"] == (files, files - 1, 1, 0)
    (spoilable.folder / "results/demo/embedded/scores.parquet").unlink()
    assert table(spoilable)["scores"] == (files, files - 1, 0, 1)
    states = listed(spoilable, "scores", "--configfile", str(TINY))
    assert {file for file, state in states.items() if state == "missing"} == {
        "results/demo/embedded/scores.parquet"
    }
    assert len(states) == files


def test_every_file_that_is_listed_can_be_asked_for(finished, fresh):
    made = listed(finished, "--configfile", str(TINY))
    assert set(made.values()) == {"there"}
    assert finished.stale(*made) == {}
    shipped = listed(fresh)
    assert set(shipped.values()) == {"missing"}
    assert len(shipped) > 250
    assert fresh.stale(*shipped) == {"ingest_demo": 1, **CHAIN, **JUDGES}
    alone = fresh.run("--dry-run", sorted(shipped)[len(shipped) // 2])
    assert alone.returncode == 0, alone.stdout


def test_every_stage_belongs_to_a_named_target(fresh):
    asked = NAMED - {"report", "search"}
    found = {rule for rule in fresh.stale(*asked) if rule not in asked}
    assert found == {"ingest_demo", *CHAIN, *JUDGES} - {"write_report"}


def test_the_manual_names_the_targets():
    row = next(
        line for line in (ROOT / "README.md").read_text().splitlines() if "up to a stage" in line
    )
    assert set(re.findall(r"`(\w+)`", row)) == NAMED


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "error: nothing: no target; wanted one of all, data"),
        (("search",), "error: search: recommenders.search.names is empty; wanted"),
        (("--config", "recommenders={nam: [sasrec]}"), "did you mean 'names'?"),
        (("--configfile", "none.yaml"), "No such file or directory: 'none.yaml'"),
        (("--config", "nothing"), "error: --config, --configfile: "),
        (("--snakefile", "none"), "error: none: no such file"),
        (("--snakefile", str(ROOT / "Snakefile")), "is not the Snakefile of this recinterpreter"),
    ],
)
def test_mistakes_are_told(fresh, arguments, said):
    run = told(fresh, *arguments)
    assert run.returncode == 2
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_it_answers_from_a_folder_without_a_snakefile(fresh, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    run = told(fresh, "--files", "data", cwd=elsewhere)
    assert run.returncode == 0, run.stderr
    assert "missing results/demo/items.parquet" in run.stdout
    assert not (elsewhere / "results").exists()


def test_a_target_that_stands_for_nothing_is_said_to(fresh):
    run = told(fresh, "--config", "edits={kinds: []}")
    assert run.returncode == 0, run.stderr
    assert re.search(r"^edits +- +nothing is asked for", run.stdout, re.MULTILINE)
