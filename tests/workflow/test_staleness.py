"""A change makes stale what depends on it, and nothing else."""

import os
import shutil
import subprocess

import pytest
from conftest import TINY, Workflow
from raw_files import write_own

pytestmark = pytest.mark.slow

JUDGED = {"give_verdicts": 1, "check_edits": 1, "compute_scores": 1}
LAST = {"test_artefacts": 1, "write_report": 1}
# what belongs to one recommender of five
ONE = {
    "train_recommender": 1,
    "rank_recommender": 1,
    "recommend_items": 1,
    "encode_states": 1,
    "select_states": 1,
    "encode_edits": 1,
    "probe_states": 1,
    "train_adapter": 3,
    "rank_titles": 2,
    "answer": 2,
    "measure_consistency": 1,
}
DREAMS = {
    "generate_oracle_items": 1,
    "answer_oracle_items": 1,
    "name_oracle_items": 1,
    "make_judge_cases": 1,
    "ask_judges": 1,
}


@pytest.mark.parametrize(
    ("given", "stale"),
    [
        ("recommenders={gru4rec: {patience: 9}}", {**ONE, **JUDGED, **LAST}),
        ("recommenders={dreamrec: {guidance: 3}}", {**ONE, **DREAMS, **JUDGED, **LAST}),
        ("consistency={top: 3}", {"measure_consistency": 5, "compute_scores": 1, **LAST}),
        # what is no longer wanted makes nothing stale but what counted it
        ("answers={rank_titles: []}", {"compute_scores": 1, **LAST}),
        ("judge={concurrency: 2}", {"write_report": 1}),
    ],
)
def test_no_more_jobs_of_a_rule_are_stale_than_read_a_setting(finished, given, stale):
    assert finished.stale("--config", given) == stale


def test_a_template_is_code_too(finished):
    template = next((finished.folder / "src/recinterpreter/report/templates").glob("*.j2"))
    before = template.read_text(encoding="utf-8")
    try:
        template.write_text(before + "<!-- more -->", encoding="utf-8")
        assert finished.stale() == {"write_report": 1}
    finally:
        template.write_text(before, encoding="utf-8")


def test_a_date_is_no_content(spoilable):
    for file in (spoilable.folder / "results" / "demo").rglob("*"):
        if file.is_file():
            os.utime(file)
    assert spoilable.stale() == {}


@pytest.mark.parametrize("dated", [shutil.copyfile, shutil.copy2])
def test_a_copy_in_another_place_is_as_good(finished, tmp_path, dated):
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True, copy_function=dated)
    copy = Workflow(tmp_path / "copy", TINY)
    assert copy.stale() == {}
    shutil.move(tmp_path / "copy", tmp_path / "moved")
    assert Workflow(tmp_path / "moved", TINY).stale() == {}


def test_a_checkout_makes_nothing_stale_that_it_does_not_change(spoilable):
    def git(*words):
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", *identity, *words], cwd=spoilable.folder, check=True)

    (spoilable.folder / ".gitignore").write_text("results\n.snakemake\n")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    git("checkout", "--quiet", "-b", "other")
    source = spoilable.folder / "src" / "recinterpreter" / "report" / "page.py"
    source.write_text(source.read_text(encoding="utf-8") + "\nX = 1\n", encoding="utf-8")
    git("commit", "--quiet", "--all", "--message", "two")
    assert spoilable.stale() == {"write_report": 1}
    git("checkout", "--quiet", "-")
    assert spoilable.stale() == {}


def in_place_of(file, content):
    """Put another content of the same length into a file, with the date of the old one."""
    date = file.stat()
    assert len(content) == date.st_size
    file.write_bytes(content)
    os.utime(file, ns=(date.st_atime_ns, date.st_mtime_ns))


def test_code_that_comes_with_an_old_date_counts(spoilable):
    source = spoilable.folder / "src" / "recinterpreter" / "report" / "page.py"
    before = source.read_bytes()
    assert b"autoescape=True" in before
    in_place_of(source, before.replace(b"autoescape=True", b"autoescape=None"))
    assert spoilable.stale() == {"write_report": 1}


def test_files_of_ones_own_count_by_content(fresh_tiny):
    own = ("results/mine/audit.parquet", *write_own(fresh_tiny.folder))
    assert fresh_tiny.run(*own).returncode == 0
    events = fresh_tiny.folder / "e.csv"
    os.utime(events)
    assert fresh_tiny.stale(*own) == {}
    (fresh_tiny.folder / "there").mkdir()
    events.rename(fresh_tiny.folder / "there" / "e.csv")
    moved = [word.replace("e.csv", "there/e.csv") for word in own]
    assert fresh_tiny.stale(*moved) == {}
    events = fresh_tiny.folder / "there" / "e.csv"
    in_place_of(events, events.read_bytes().replace(b"u0,i0,0", b"u0,i1,0"))
    assert set(fresh_tiny.stale(*moved)) >= {"check_source", "ingest_source", "audit_data"}


def test_an_llm_of_ones_own_counts_by_content(spoilable, shared_data):
    model = spoilable.folder / "models" / "own"
    shutil.copytree(shared_data / "models" / "stories260K_hf", model)
    target = "results/demo/own/llm.json"
    assert spoilable.run(target, "--config", "llm={source: ./models/own}").returncode == 0
    for file in model.iterdir():
        os.utime(file)
    assert spoilable.stale(target, "--config", "llm={source: ./models/own}") == {}
    shutil.move(model, spoilable.folder / "moved" / "own")
    moved = (target, "--config", "llm={source: ./moved/own}")
    assert spoilable.stale(*moved) == {}
    weights = spoilable.folder / "moved" / "own" / "model.safetensors"
    content = weights.read_bytes()
    in_place_of(weights, content[:-1] + bytes([content[-1] ^ 1]))
    assert spoilable.stale(*moved) == {"check_language_model": 1}


def test_a_lost_file_is_made_again_and_nothing_else(spoilable, contents):
    demo = spoilable.folder / "results" / "demo"
    before = contents(demo)
    (demo / "embedded" / "scores.parquet").unlink()
    target = "results/demo/embedded/scores.parquet"
    assert spoilable.stale(target) == {"compute_scores": 1}
    assert spoilable.run(target).returncode == 0
    assert contents(demo) == before
    # what was made of it before is as good as it was, also in another folder
    assert spoilable.stale() == {}


def test_a_table_that_is_missing_is_made_again(spoilable):
    for table in ("recommenders/sasrec/seed0/ranking.parquet", "embedded/scores.parquet"):
        (spoilable.folder / "results/demo" / table).unlink()
    stale = spoilable.stale()
    assert (stale["rank_recommender"], stale["compute_scores"]) == (1, 1)
    assert "train_recommender" not in stale
