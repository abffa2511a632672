"""States in a scratch file: the rows that were put in, and nothing left behind."""

from pathlib import Path

import numpy as np
import pytest

from recinterpreter.interpretation.scratch import Scratch


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_rows_are_read_as_they_were_written(tmp_path: Path, kind: type) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(50, 2, 4, 3)).astype(kind)
    order = random.permutation(50)
    held = Scratch(tmp_path)
    for start in range(0, 50, 7):
        held.append(rows[start : start + 7])
    shown = held.reorder(order)
    wanted = np.array([3, 3, 49, 0, 17])
    assert np.array_equal(shown[wanted], rows[order][wanted])
    assert shown[wanted].dtype == kind
    assert len(shown) == 50
    assert list(tmp_path.iterdir()) == []  # it has no name that could be left behind
