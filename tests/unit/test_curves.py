"""TensorBoard: written where the environment says so, an error where it cannot be."""

import sys
from pathlib import Path

import pytest

from recinterpreter.curves import FOLDER, Curves
from recinterpreter.errors import UserError


def test_nothing_is_written_unless_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.chdir(tmp_path)
    curves = Curves("sasrec.residual")
    curves.add(1, loss=0.5)
    curves.close()
    assert list(tmp_path.iterdir()) == []


def test_without_tensorboard_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match="pip install tensorboard"):
        Curves("sasrec.residual")


def test_with_it_the_points_can_be_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is optional and not installed",
    )
    monkeypatch.setenv(FOLDER, str(tmp_path))
    curves = Curves("sasrec.residual")
    for step in (1, 2):
        curves.add(step, loss=1 / step)
    curves.close()
    held = events.EventAccumulator(str(tmp_path / "sasrec.residual")).Reload()
    assert [(e.step, e.value) for e in held.Scalars("loss")] == [(1, 1.0), (2, 0.5)]
