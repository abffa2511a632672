"""Checkpoints: whole or not at all, and a training job that dies goes on from the last one."""

import math
import os
from pathlib import Path

import pytest
import torch

from recinterpreter import checkpoint
from recinterpreter.checkpoint import Progress, read_json, read_tensors, write_json, write_tensors
from recinterpreter.errors import UserError


def test_json_comes_back_and_equal_values_are_equal_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {"b": [1, 2.5, None], "a": "é"})
    write_json(tmp_path / "deep" / "b.json", {"a": "é", "b": [1, 2.5, None]})
    assert read_json(tmp_path / "deep" / "a.json") == {"a": "é", "b": [1, 2.5, None]}
    assert (tmp_path / "deep/a.json").read_bytes() == (tmp_path / "deep/b.json").read_bytes()


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_broken_json_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=r"a\.json: "):
        read_json(tmp_path / "a.json")


def test_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    tensors = {
        "weight": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).t(),
        "count": torch.tensor([1, 2]),
        "half": torch.tensor([math.pi], dtype=torch.bfloat16),
    }
    write_tensors(tmp_path / "m.safetensors", tensors)
    back = read_tensors(tmp_path / "m.safetensors")
    assert set(back) == set(tensors)
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor)


def test_broken_tensors_are_named(tmp_path: Path) -> None:
    write_tensors(tmp_path / "m.safetensors", {"w": torch.ones(100)})
    content = (tmp_path / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(content[:200])
    with pytest.raises(UserError, match=r"m\.safetensors: cannot be read as safetensors"):
        read_tensors(tmp_path / "m.safetensors")
    with pytest.raises(UserError, match=r"none\.safetensors"):
        read_tensors(tmp_path / "none.safetensors")


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"step": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"step": 2})
    assert read_json(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_progress_goes_on_from_the_last_state(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "work")
    assert progress.load() is None
    for step in (1, 2, 3):
        progress.save({"step": step}, {"w": torch.full((2,), float(step))})
        loaded = Progress(tmp_path / "work").load()
        assert loaded is not None
        notes, tensors = loaded
        assert notes["step"] == step
        assert tensors["w"].tolist() == [step, step]
    progress.clear()
    assert progress.load() is None
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("dies_in", ["write_tensors", "write_json"])
def test_a_death_while_saving_leaves_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    progress = Progress(tmp_path)
    progress.save({"step": 1}, {"w": torch.ones(2)})
    progress.save({"step": 2}, {"w": torch.ones(2) * 2})

    def die(path: Path, content: object) -> None:
        if dies_in == "write_tensors":  # half a file, as after a cut of power
            path.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, dies_in, die)
        with pytest.raises(KeyboardInterrupt):
            progress.save({"step": 3}, {"w": torch.ones(2) * 3})
    loaded = Progress(tmp_path).load()
    assert loaded is not None
    assert loaded[0]["step"] == 2
    assert loaded[1]["w"].tolist() == [2, 2]


def test_progress_without_a_folder_keeps_nothing() -> None:
    progress = Progress(None)
    progress.save({"step": 1}, {"w": torch.ones(1)})
    assert progress.load() is None
    progress.clear()
