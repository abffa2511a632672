"""Rows kept while a job runs: read back in order, and few of them lost, whatever ends the job."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from adapter_examples import POSITIONS, WIDTH, new_adapter
from adapter_examples import settings as adapter_settings
from language_models import LOADING, RUNNING, TITLES, frozen

from recinterpreter import kept, schemas, tables
from recinterpreter.checkpoint import Progress, write_json, write_tensors
from recinterpreter.kept import Kept
from recinterpreter.settings.answers import Answering, TitleRanking

SOURCES = ("recorded", "another_user", "prompt_only")
BATCH, N = 4, 18

# A stage in a process of its own, which keeps every batch at once and is killed behind the third.
PROGRAM = """
import importlib, os, signal, sys
from recinterpreter import kept
from recinterpreter.command import command
name, lives, *options = sys.argv[1:]
kept._SECONDS = 0
add, left = kept.Kept.add, [int(lives)]
def counted(self, rows):
    add(self, rows)
    print("kept", len(rows["key"]), flush=True)
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
kept.Kept.add = counted
command(getattr(importlib.import_module(f"recinterpreter.stages.{name}"), name), options)
"""


def rows(*ids: int) -> dict[str, list[int]]:
    return {"user_id": [*ids]} | {key: [*ids] for key in ("item_id", "time", "position")}


def earlier(folder: Path) -> list[int]:
    found = Kept(Progress(folder), schemas.INTERACTIONS).earlier()
    return [user for table in found for user in table["user_id"].to_pylist()]


def test_rows_come_back_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_SECONDS", 0)
    monkeypatch.setattr(kept, "_BYTES", 0)
    for life in range(3):
        job = Kept(Progress(tmp_path), schemas.INTERACTIONS)
        for part in range(5):
            job.add(rows(100 * life + part, 7))
    assert earlier(tmp_path)[::2] == [100 * life + part for life in range(3) for part in range(5)]
    Progress(tmp_path).clear()
    assert earlier(tmp_path) == []


def test_a_job_of_seconds_writes_nothing_and_one_of_many_rows_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Kept(Progress(tmp_path / "work"), schemas.INTERACTIONS)
    job.add(rows(1))
    assert not (tmp_path / "work").exists()
    monkeypatch.setattr(kept, "_BYTES", 100)
    for user in range(2, 10):
        job.add(rows(user))
    found = earlier(tmp_path / "work")
    # some wait still, and none is missing in between
    assert 4 < len(found) < 9
    assert found == list(range(1, len(found) + 1))


def test_where_nothing_is_to_be_kept_nothing_is(tmp_path: Path) -> None:
    job = Kept(Progress(None), schemas.INTERACTIONS)
    job.add(rows(1))
    assert list(job.earlier()) == []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An LLM, an adapter, and states of 18 examples from three sources."""
    folder = tmp_path_factory.mktemp("world")
    llm = frozen()
    llm.model.save_pretrained(folder / "llm")
    llm.tokenizer.save_pretrained(folder / "llm")
    made = adapter_settings()
    about = {"settings": made.model_dump(mode="json"), "shape": [POSITIONS, WIDTH]}
    write_json(folder / "config.json", {**about, "hidden_size": 32})
    write_tensors(folder / "adapter.safetensors", new_adapter(32).state_dict())
    items = [
        {"item_id": i, "source_id": str(i), "raw_title": title, "title": title}
        for i, title in enumerate(TITLES, start=1)
    ]
    tables.write_rows(folder / "items.parquet", items, schemas.ITEMS)
    random = np.random.default_rng(0)
    histories = random.integers(1, len(TITLES) + 1, (N, POSITIONS + 1)).tolist()
    examples = [
        {"example_id": i, "user_id": i, "position": POSITIONS, "history": items[:-1], "time": 0}
        | {"target": items[-1], "split": "test"}
        for i, items in enumerate(histories, start=1)
    ]
    tables.write_rows(folder / "examples.parquet", examples, schemas.EXAMPLES)
    events = [
        {"user_id": i, "item_id": item, "time": 0, "position": place}
        for i, items in enumerate(histories, start=1)
        for place, item in enumerate(items)
    ]
    tables.write_rows(folder / "interactions.parquet", events, schemas.INTERACTIONS)
    states = {
        "example_id": np.arange(1, N + 1),
        **dict.fromkeys(("before_mask", "after_mask"), np.ones((N, POSITIONS), bool)),
    }
    shown = random.normal(size=(2, N, POSITIONS * WIDTH)).astype(np.float32)
    for i, source in enumerate(SOURCES):
        # another user's states, half of them shown before
        floats = shown if i == 0 else np.concatenate([shown[:, 9:], shown[:, 9:] + i], 1)
        tables.write(
            folder / f"{source}.parquet",
            {**states, "before": floats[0], "after": floats[1]},
            schemas.states_schema(POSITIONS, WIDTH),
            {"recommender": "sasrec", "seed": 0, "source": source, "shape": [POSITIONS, WIDTH]},
        )
    return folder


def run(
    world: Path, out: Path, stage: str, lives: int, batch_size: int = BATCH
) -> tuple[int, list[int]]:
    """Run a stage; return its code and of how many states it was asked, batch by batch."""
    shared = {"domain": "movies", "adapter": "conv_linear", "task": "residual"}
    made: list[str] = []
    settings: Answering | TitleRanking
    if stage == "answer":
        settings = Answering.model_validate(
            {**shared, "loading": LOADING, "decoding": "free", "max_new_tokens": 6}
        )
        tables_made = "--answers"
    else:
        settings = TitleRanking.model_validate({**shared, "loading": LOADING})
        tables_made = "--rankings"
        for name in ("interactions", "examples"):
            made += [f"--{name}", str(world / f"{name}.parquet")]
    options = [
        *("--settings", settings.as_json(), "--batch-size", str(batch_size)),
        *("--running", RUNNING.as_json()),
        *("--config", str(world / "config.json")),
        *("--weights", str(world / "adapter.safetensors")),
        *("--selected", *(str(world / f"{source}.parquet") for source in SOURCES)),
        *("--items", str(world / "items.parquet"), "--llm", str(world / "llm")),
        *(tables_made, *(str(out / f"{source}.parquet") for source in SOURCES)),
        *("--work", str(out / "work"), *made),
    ]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, stage, str(lives), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    asked = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("kept")]
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, asked


@pytest.mark.parametrize("stage", ["answer", "rank_titles"])
def test_a_killed_job_asks_nothing_twice_and_ends_with_the_same_tables(
    world: Path, tmp_path: Path, stage: str
) -> None:
    whole, ended, other = (tmp_path / name for name in ("whole", "ended", "other"))
    code, in_one_go = run(world, whole, stage, 0)
    assert code == 0
    killed, before = run(world, ended, stage, 3)
    assert killed == -signal.SIGKILL
    shutil.copytree(ended, other)
    code, after = run(world, ended, stage, 0)
    assert code == 0
    # batch for batch what is asked in one go
    assert (len(before), before + after) == (3, in_one_go)
    # with another batch size it goes on where it was as well
    code, after = run(world, other, stage, 0, BATCH + 3)
    assert code == 0
    assert (max(after), sum(before + after)) == (BATCH + 3, sum(in_one_go))
    for again in (ended, other):
        for source in SOURCES:
            name = f"{source}.parquet"
            assert (again / name).read_bytes() == (whole / name).read_bytes()
        assert not [folder for folder in (again / "work").iterdir() if folder.is_dir()]
