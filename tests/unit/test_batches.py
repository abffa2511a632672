"""Batches of an epoch: everything once, from (seed, epoch) alone, like lengths together."""

import threading

import numpy as np
import pytest
from adapter_examples import settings
from hypothesis import given
from hypothesis import strategies as st

from recinterpreter.interpretation.batches import epoch_batches, made_ready, steps_per_epoch
from recinterpreter.interpretation.ragged import Ragged


@given(
    n=st.integers(1, 300),
    size=st.integers(1, 40),
    some=st.none() | st.integers(1, 200),
    by_length=st.booleans(),
)
def test_every_drawn_example_is_asked_once(
    n: int, size: int, some: int | None, by_length: bool
) -> None:
    chosen = settings(batch_size=size, examples_per_epoch=some, batches_by_length=by_length)
    lengths = np.random.default_rng(n).integers(1, 90, n)
    batches = epoch_batches(chosen, lengths, 3, epoch=2)
    rows = np.concatenate([batch.rows for batch in batches])
    assert len(set(rows.tolist())) == len(rows) == min(n, some or n)
    assert len(batches) == steps_per_epoch(chosen, n)
    assert sorted(len(b.rows) for b in batches)[1:] == [size] * (len(batches) - 1)
    assert all((np.diff(lengths[b.rows]) <= 0).all() for b in batches)
    assert {b.phrasing for b in batches} <= {0, 1, 2}


def test_an_epoch_is_drawn_from_its_seed_and_number_alone() -> None:
    lengths = np.arange(1, 201)

    def drawn(seed: int, epoch: int) -> list[list[int]]:
        batches = epoch_batches(settings(seed=seed), lengths, 2, epoch)
        return [[b.phrasing, *b.rows.tolist()] for b in batches]

    assert drawn(0, 0) == drawn(0, 0)
    assert drawn(0, 0) != drawn(0, 1)
    assert drawn(0, 0) != drawn(1, 0)


def test_by_length_less_is_padded_and_no_length_comes_first() -> None:
    lengths = np.random.default_rng(0).integers(10, 90, 4000)

    def padding(by_length: bool) -> float:
        chosen = settings(batches_by_length=by_length)
        batches = epoch_batches(chosen, lengths, 1, 0)
        return sum(lengths[b.rows].max() * len(b.rows) for b in batches) / lengths.sum() - 1

    assert padding(False) > 0.5
    assert padding(True) < 0.1
    batches = epoch_batches(settings(), lengths, 1, 0)
    means = np.array([lengths[b.rows].mean() for b in batches])
    order = np.corrcoef(means, np.arange(len(means)))[0, 1]
    assert abs(order) < 0.3


def test_jobs_are_made_ready_in_order_and_ahead() -> None:
    made, seen = [], threading.Event()

    def prepare(job: int) -> int:
        made.append(job)
        if job == 1:
            seen.set()
        return -job

    ready = made_ready(range(6), prepare)
    assert next(ready) == (0, 0)
    assert seen.wait(5)  # the next one is made while the first is at work
    assert list(ready) == [(job, -job) for job in range(1, 6)]
    assert made == list(range(6))


def test_what_fails_while_made_ready_is_told() -> None:
    def prepare(job: int) -> int:
        return 1 // job

    with pytest.raises(ZeroDivisionError):
        list(made_ready([0], prepare))


@given(st.lists(st.lists(st.integers(-9, 10**6), max_size=8), max_size=30))
def test_ragged_lists_are_what_was_put_in(lists: list[list[int]]) -> None:
    held = Ragged(lists)
    assert [row.tolist() for row in held] == lists
    assert held.lengths.tolist() == [len(row) for row in lists]
    assert [held[i].tolist() for i in range(len(held))] == lists
