"""The record of a job, and the note of what made the files of a folder."""

import json
import multiprocessing
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from recinterpreter.checkpoint import read_json, write_text
from recinterpreter.contents import MADE, content_digest
from recinterpreter.provenance import facts
from recinterpreter.provenance.record import describe, noted, read_made, write_record
from recinterpreter.provenance.revision import hand_on_revision
from recinterpreter.workflow.inputs import language_model_files


def made_by(folder: Path, stage: str, *names: str, finished: str = "t") -> None:
    """Record, from inside the folder, that a job wrote some files of results/."""
    outputs = [Path("results") / name for name in names]
    for path in outputs:
        write_text(path, stage)
    done = {"stage": stage, "code": "c0de", "finished": finished, "inputs": {}}
    record = {**done, "outputs": describe({"all": outputs})}
    write_record(Path("results", "logs", "demo", f"{stage}_rule", "a.log"), record)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(facts.REVISION, raising=False)


def test_a_file_is_described_by_path_digest_and_size(tmp_path: Path) -> None:
    write_text(tmp_path / "deep" / "a", "1")
    (entry,) = describe({"x": [tmp_path / "deep" / "a"]})["x"]
    assert (entry["path"], entry["bytes"]) == ("deep/a", 1)
    assert entry["sha256"].startswith("6b86b273ff34fce1")  # the known answer for "1"
    write_text(tmp_path / "deep" / "b", "22")
    (folder,) = describe({"x": [Path("deep")]})["x"]
    assert (folder["path"], folder["bytes"]) == ("deep", 3)
    assert noted(Path("/elsewhere/x")) == "/elsewhere/x"


def test_the_record_says_with_what_and_on_what(tmp_path: Path) -> None:
    made_by(tmp_path, "train", "demo/a")
    record = read_json(tmp_path / "results/logs/demo/train_rule/a.json")
    assert record["rule"] == "train_rule"
    assert record["record"] == "results/logs/demo/train_rule/a.json"
    wanted = {"python", "torch", "transformers", "numpy", "pyarrow", "polars", "scipy"}
    assert {*wanted, "scikit-learn", "snakemake"} <= set(record["versions"])
    assert record["source"] == {}
    assert record["hardware"]["cores"] == os.cpu_count()
    assert record["hardware"]["cpu"]
    assert record["hardware"]["memory_gib"] > 0
    text = json.dumps(record)
    assert platform.node() not in text
    assert str(tmp_path) not in text


def test_a_folder_says_what_made_each_of_its_files(tmp_path: Path) -> None:
    made_by(tmp_path, "train", "demo/a", "demo/b", "demo/deep/c", finished="t1")
    made_by(tmp_path, "rank", "demo/b", finished="t2")
    made = read_made(tmp_path / "results" / "demo")
    assert {name: entry["rule"] for name, entry in made.items()} == {
        "a": "train_rule",
        "b": "rank_rule",
    }
    assert made["b"]["finished"] == "t2"
    assert made["a"]["code"] == "c0de"
    for folder, name in (("demo", "a"), ("demo/deep", "c")):
        entry = read_made(tmp_path / "results" / folder)[name]
        assert read_json(tmp_path / "results" / folder / entry["record"])["stage"] == "train"
    (tmp_path / "results/demo/a").unlink()
    made_by(tmp_path, "rank", "demo/b")
    assert set(read_made(tmp_path / "results" / "demo")) == {"b"}


def test_a_broken_note_is_written_anew(tmp_path: Path) -> None:
    write_text(tmp_path / "results" / "demo" / MADE, "{")
    assert read_made(tmp_path / "results" / "demo") == {}
    made_by(tmp_path, "train", "demo/a")
    assert set(read_made(tmp_path / "results" / "demo")) == {"a"}


def test_jobs_that_end_together_lose_no_note(tmp_path: Path) -> None:
    """Without the lock on the folder, most of them would."""
    context = multiprocessing.get_context("fork")
    jobs = [
        context.Process(target=made_by, args=(tmp_path, f"s{i}", f"demo/{i}")) for i in range(12)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert set(read_made(tmp_path / "results" / "demo")) == {str(i) for i in range(12)}
    assert not list((tmp_path / "results" / "demo").glob(".*"))


def test_a_note_is_no_content_and_no_part_of_a_model(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        write_text(tmp_path / "model" / name, "{}")
    digest, files = content_digest(tmp_path / "model"), language_model_files("./model")
    write_text(tmp_path / "model" / MADE, "{}")
    assert content_digest(tmp_path / "model") == digest
    assert language_model_files("./model") == files
    assert len(files) == 3


# --- the revision --------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    run = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    write_text(folder / "a", "1")
    git(folder, "init", "-q")
    git(folder, "add", "a")
    git(folder, "commit", "-qm", "first")
    git(folder, "tag", "v1")
    return folder


def revision_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv(facts.REVISION, "")  # so that it is taken back after the test
    monkeypatch.delenv(facts.REVISION)
    hand_on_revision(folder)
    return facts.source()


def test_the_revision_is_that_of_the_sources(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    assert revision_of(repository, monkeypatch) == {"revision": commit, "dirty": False}
    write_text(repository / "new", "untracked files are none of the sources")
    assert revision_of(repository, monkeypatch)["dirty"] is False
    write_text(repository / "a", "2")
    assert revision_of(repository, monkeypatch) == {"revision": commit, "dirty": True}


def test_without_a_repository_of_its_own_there_is_none(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(repository / "unpacked" / "Snakefile", "")
    assert revision_of(repository / "unpacked", monkeypatch) == {}
    monkeypatch.setenv("PATH", "")  # no git
    assert revision_of(repository, monkeypatch) == {}


def test_what_the_first_snakemake_found_is_kept(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(facts.REVISION, "abc-dirty")
    hand_on_revision(repository)
    assert facts.source() == {"revision": "abc", "dirty": True}


# --- hardware ------------------------------------------------------------------------------------


def test_the_facts_never_load_torch() -> None:
    program = (
        "import sys; from recinterpreter.provenance import facts\n"
        "facts.hardware(); facts.versions(); print('torch' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"


def test_gpus_are_named_when_they_were_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cuda:
        used = False

        def is_initialized(self) -> bool:
            return self.used

        def device_count(self) -> int:
            return 2

        def get_device_name(self, index: int) -> str:
            return f"GPU {index}"

    torch = type(sys)("torch")
    torch.cuda = Cuda()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert facts.hardware()["gpus"] == []
    torch.cuda.used = True  # type: ignore[attr-defined]
    assert facts.hardware()["gpus"] == ["GPU 0", "GPU 1"]
