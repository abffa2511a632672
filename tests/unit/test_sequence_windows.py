"""Examples as padded arrays, and the choice of an epoch's windows."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sequence_examples import examples_of, windows_of

from recinterpreter.recommenders.windows import from_rows, training_rows

CPU = torch.device("cpu")


def test_histories_are_padded_on_the_right() -> None:
    windows = windows_of([[7, 8, 9, 10]], history=2)
    assert windows.items.tolist() == [[7, 0], [7, 8], [8, 9]]
    assert windows.lengths.tolist() == [1, 2, 2]
    assert windows.targets.tolist() == [8, 9, 10]
    assert windows.positions.tolist() == [1, 2, 3]


def test_targets_stand_where_the_item_before_them_does() -> None:
    windows = windows_of([[7, 8, 9, 10]], history=3)
    assert windows.batch(CPU).targets.tolist() == [[8, 0, 0], [0, 9, 0], [0, 0, 10]]
    counts = np.array([1, 2, 3])
    assert windows.batch(CPU, counts).targets.tolist() == [[8, 0, 0], [8, 9, 0], [8, 9, 10]]


def test_a_history_longer_than_the_model_is_refused() -> None:
    rows = examples_of([[1, 2, 3, 4]] * 10, history=3)
    with pytest.raises(ValueError, match="1 to 3 items; wanted 1 to 2"):
        from_rows(rows, 2)


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 40), min_size=1, max_size=6),
    history=st.integers(2, 12),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_every_transition_is_trained_exactly_once_an_epoch(
    lengths: list[int], history: int, seed: int, data: st.DataObject
) -> None:
    first = np.cumsum([0, *lengths])  # every event its own item: a transition names itself
    sequences = [list(range(a + 1, b + 1)) for a, b in pairwise(first)]
    windows = windows_of(sequences, history)
    stride = data.draw(st.integers(1, history))
    rows, counts = training_rows(windows, stride, np.random.default_rng(seed))
    batch = windows.take(rows).batch(CPU, counts)
    at, place = torch.nonzero(batch.targets, as_tuple=True)
    trained = zip(
        batch.item_ids[at, place].tolist(), batch.targets[at, place].tolist(), strict=True
    )
    wanted = [(item, item + 1) for items in sequences for item in items[:-1]]
    assert Counter(trained) == Counter(wanted)
    if stride == 1:
        assert len(rows) == len(windows)


def test_an_epoch_is_drawn_from_its_generator_alone() -> None:
    windows = windows_of([list(range(1, 60))] * 5, 10)
    one, same, other = (
        training_rows(windows, 10, np.random.default_rng(s))[0].tolist() for s in (3, 3, 4)
    )
    assert one == same
    assert sorted(one) != sorted(other)
