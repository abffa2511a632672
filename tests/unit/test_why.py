"""`recinterpreter why`: from a file back to what it was made of."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recinterpreter import cli
from recinterpreter.checkpoint import read_json, write_json, write_text
from recinterpreter.contents import MADE
from recinterpreter.provenance import history
from recinterpreter.provenance.history import moved
from recinterpreter.provenance.record import describe, write_record
from recinterpreter.workflow.digest import code_digest

EVENTS, ITEMS, EXAMPLES = "data/events.csv", "results/shop/items", "results/shop/examples"
CONFIG, WEIGHTS = "results/shop/sasrec/config", "results/shop/sasrec/weights"
SCORES = "results/shop/tiny/scores"


def job(stage: str, hour: int, inputs: list[str], outputs: list[str], **more: object) -> None:
    """Write outputs of what is in the inputs, and record it, as a job of the workflow does."""
    read = describe({"read": map(Path, inputs)})
    text = "".join(Path(name).read_text() for name in inputs)
    for name in outputs:
        write_text(Path(name), f"{stage}({text})")
    record = {
        "stage": stage,
        "settings": {"seed": hour, "sizes": {"hidden": [1, 2]}},
        "handling": {},
        "code": code_digest(stage),
        "started": f"2026-01-01T{hour:02}:00:00+00:00",
        "finished": f"2026-01-01T{hour:02}:00:30+00:00",
        "seconds": 30.0,
        "names": {},
        "inputs": read,
        "outputs": describe({"written": map(Path, outputs)}),
    }
    log = Path("results", "logs", "shop", stage, "a.log")
    write_record(log, {**record, **more})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four jobs: events become two tables, these a recommender, and all of it scores."""
    folder = tmp_path / "project"
    write_text(folder / EVENTS, "events")
    monkeypatch.chdir(folder)
    job("ingest_source", 1, [EVENTS], [ITEMS])
    job("split_examples", 2, [ITEMS], [EXAMPLES])
    job("train_recommender", 3, [EXAMPLES, ITEMS], [CONFIG, WEIGHTS])
    names = {"llm": "org/model"}
    job("compute_scores", 4, [ITEMS, CONFIG, WEIGHTS, EXAMPLES], [SCORES], names=names)
    return folder


@pytest.fixture
def told(project: Path, capsys: pytest.CaptureFixture[str]):
    def ask(*arguments: str) -> str:
        cli.main(["why", *arguments])
        return capsys.readouterr().out

    return ask


@pytest.fixture
def refused(project: Path, capsys: pytest.CaptureFixture[str]):
    def ask(*arguments: str) -> str:
        with pytest.raises(SystemExit) as caught:
            cli.main(["why", *arguments])
        assert caught.value.code == 2
        return capsys.readouterr().err

    return ask


def line_of(text: str, beginning: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(beginning))


def test_a_chain_goes_back_to_the_users_own_file(told) -> None:
    text = told(SCORES)
    files = [line.split()[0] for line in text.splitlines() if "sha256 " in line]
    # newest first on each level, each file once
    assert files == [SCORES, CONFIG, EXAMPLES, ITEMS, EVENTS, WEIGHTS]
    assert text.count("(see above)") == 4
    assert "made by compute_scores, 2026-01-01 04:00:30 UTC, 30.0 s" in text
    assert "settings seed=4, sizes.hidden=[1, 2]" in text
    assert f"code {code_digest('compute_scores')}, the same now" in text
    assert "llm org/model: a name" in text
    lines = text.splitlines()
    assert lines[0].startswith(f"{SCORES}  sha256 ")
    assert all(line.endswith(", as recorded") for line in lines if "sha256 " in line)
    events = next(i for i, line in enumerate(lines) if line.strip().startswith(EVENTS))
    assert lines[events].startswith(" " * 16)
    assert lines[events + 1].strip() == "yours: no stage made it"
    assert f"by the job that made {CONFIG} (see above)" in text


def test_it_goes_back_as_far_as_is_asked_for(told) -> None:
    text = told(SCORES, "--depth", "1")
    assert text.count("made by") == 5
    assert f"{ITEMS}  sha256" in text
    assert "made by ingest_source, not followed (--depth 1)" in text
    assert EVENTS not in text
    deeper = told(SCORES, "--depth", "2")
    # examples come first as an input of the recommender, and again nearer, where they are told
    assert "made by split_examples, 2026" in deeper


def test_the_same_as_json(told) -> None:
    graph = json.loads(told(SCORES, "--json"))
    assert graph["file"] == SCORES
    assert set(graph["files"]) == {SCORES, CONFIG, WEIGHTS, EXAMPLES, ITEMS, EVENTS}
    assert graph["files"][EVENTS]["job"] is None
    assert graph["files"][EVENTS]["origin"] == "yours: no stage made it"
    made = graph["jobs"][graph["files"][WEIGHTS]["job"]]
    assert (made["rule"], made["settings"]["seed"]) == ("train_recommender", 3)
    assert made["code_now"] == made["code"] == code_digest("train_recommender")
    assert made["inputs"] == [EXAMPLES, ITEMS]
    assert len(graph["jobs"]) == 4
    assert len(json.loads(told(SCORES, "--json", "--depth", "1"))["jobs"]) == 1


def test_what_became_of_a_file_is_told(told, project: Path) -> None:
    write_text(project / EVENTS, "other events")
    write_text(project / WEIGHTS, "spoilt")
    (project / EXAMPLES).unlink()
    text = told(SCORES)
    assert line_of(text, EVENTS).endswith("changed since")
    assert line_of(text, WEIGHTS).endswith("changed since")
    assert line_of(text, EXAMPLES).endswith("missing")
    assert line_of(text, ITEMS).endswith("as recorded")
    job("ingest_source", 5, [EVENTS], [ITEMS])
    assert line_of(told(SCORES), ITEMS).endswith("made again since")
    (project / SCORES).unlink()
    assert told(SCORES).splitlines()[0].endswith("missing")


def test_code_that_has_changed_is_told(told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        history, "_code_now", lambda stage, reader: None if stage == "split_examples" else "n0w"
    )
    text = told(SCORES)
    assert f"code {code_digest('compute_scores')}, changed since (now n0w)" in text
    assert f"code {code_digest('split_examples')}, of a stage that is no more" in text


def test_a_stage_that_is_gone_has_no_code(project: Path) -> None:
    assert history._code_now("no_such_stage", None) is None


def test_revision_and_hand_made_files_are_told(told, project: Path) -> None:
    place = project / "results/logs/shop/compute_scores/a.json"
    record = read_json(place)
    write_json(place, {**record, "source": {"revision": "a" * 40, "dirty": True}, "code": ""})
    text = told(SCORES)
    assert "code not recorded (the stage was run by hand); git aaaaaaaaaaaa with changes" in text


def test_downloads_are_told_from_what_is_generated(told) -> None:
    job("download_source", 1, [], ["results/ml/raw.zip"])
    assert "of no file: downloaded by this stage" in told("results/ml/raw.zip")
    job("ingest_demo", 1, [], ["results/demo/items"])
    assert "of no file: generated by this stage" in told("results/demo/items")


def test_it_works_from_anywhere(told, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = told(SCORES)
    monkeypatch.chdir(project / "results" / "shop")
    near = told("tiny/scores")
    assert near.startswith("tiny/scores  sha256")
    assert f"{project}/{EVENTS}  sha256" in near
    monkeypatch.chdir("/")
    absolute = told(str(project / SCORES))
    assert [line.split()[0] for line in absolute.splitlines() if "sha256" in line] == [
        f"{project}/{line.split()[0]}"[1:] for line in whole.splitlines() if "sha256" in line
    ]


@pytest.mark.parametrize("name", ["results", "renamed"])
def test_it_works_for_results_copied_elsewhere(
    told, project: Path, tmp_path: Path, name: str
) -> None:
    shutil.copytree(project / "results", tmp_path / "copied" / name)
    text = told(str(tmp_path / "copied" / name / "shop/tiny/scores"))
    files = [line.split() for line in text.splitlines() if "sha256 " in line]
    assert len(files) == 6
    assert all(path.startswith(f"{tmp_path}/copied/") for path, *_ in files)
    # what lay outside was not copied
    assert [words[-1] for words in files] == ["recorded"] * 4 + ["missing", "recorded"]


def test_without_the_note_the_records_are_searched(told, project: Path) -> None:
    whole = told(SCORES)
    for note in project.rglob(MADE):
        note.unlink()
    assert told(SCORES) == whole


def test_a_record_that_is_now_another_jobs_is_none(told, refused, project: Path) -> None:
    job("compute_scores", 6, [ITEMS], ["results/shop/other/scores"])  # the same log
    assert "no record says what made it" in refused(SCORES)
    assert told("results/shop/other/scores")


def test_a_link_into_a_cache_is_told(told, refused, project: Path, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "abc"
    write_text(kept, (project / ITEMS).read_text())
    (project / ITEMS).unlink()
    (project / ITEMS).symlink_to(kept)
    shutil.rmtree(project / "results/logs/shop/ingest_source")
    text = told(SCORES)
    assert f"a link to {kept}: taken from there" in text
    assert line_of(text, ITEMS).endswith("as recorded")
    assert "without --cache" in refused(ITEMS)


def test_an_input_without_a_record_is_not_taken_for_yours(told, project: Path) -> None:
    shutil.rmtree(project / "results/logs/shop/ingest_source")
    text = told(SCORES)
    assert text.splitlines()[text.splitlines().index(line_of(text, ITEMS)) + 1].strip() == (
        "no record of what made it"
    )


def test_records_of_before_are_passed_over(refused, project: Path) -> None:
    """Older ones name no files."""
    for place in (project / "results" / "logs").rglob("*.json"):
        record = read_json(place)
        write_json(place, {"stage": record["stage"], "finished": record["finished"]})
    assert "older than such records" in refused(SCORES)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("results/shop/none",), "no such file; wanted one that the workflow made"),
        (("results/shop",), "a folder; wanted a file"),
        ((EVENTS,), "no record says what made it"),
        ((SCORES, "--depth", "0"), "--depth 0: wanted 1"),
    ],
)
def test_mistakes_are_told(refused, arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(*arguments)


@pytest.mark.parametrize(
    ("path", "record", "place", "now"),
    [
        ("results/a", "results/logs/x.json", "/p/results/logs/x.json", "/p/results/a"),
        ("results/a", "results/logs/x.json", "/p/new/logs/x.json", "/p/new/a"),
        ("own/e.csv", "results/logs/x.json", "/p/new/logs/x.json", "/p/own/e.csv"),
        ("../e.csv", "results/logs/x.json", "/p/q/results/logs/x.json", "/p/e.csv"),
        ("/d/e.csv", "results/logs/x.json", "/p/results/logs/x.json", "/d/e.csv"),
    ],
)
def test_files_are_found_from_where_the_record_is(
    path: str, record: str, place: str, now: str
) -> None:
    assert moved(path, record, Path(place)) == Path(now)


def test_it_is_quick_and_a_closed_pipe_is_no_error(project: Path) -> None:
    program = (
        "import sys; from recinterpreter.cli import main; main(sys.argv[1:])\n"
        "print(sorted({'torch', 'numpy', 'polars', 'pyarrow', 'snakemake'} & set(sys.modules)),"
        " file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, "why", SCORES]
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (run.returncode, run.stderr) == (0, "[]\n")
