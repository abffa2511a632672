"""Running out of memory: smaller passes, then layers computed twice, and the same result."""

import logging

import pytest
import torch

from recinterpreter.errors import UserError
from recinterpreter.interpretation.passes import Passes


class Memory:
    """A device that holds so many examples at once, twice as many when layers keep less."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.done: list[int] = []

    def compute_twice(self) -> None:
        self.room *= 2

    def one_pass(self, part: slice) -> int:
        if part.stop - part.start > self.room:
            raise torch.OutOfMemoryError
        self.done += range(part.start, part.stop)
        return part.stop - part.start


@pytest.mark.parametrize(("room", "passes"), [(64, 1), (20, 4), (16, 4), (3, 16), (1, 32)])
def test_all_examples_go_through_in_the_largest_passes_that_fit(room: int, passes: int) -> None:
    memory = Memory(room)
    over = Passes(memory.compute_twice)
    parts = over.over(64, memory.one_pass, memory.done.clear)
    assert memory.done == list(range(64))
    assert sum(parts) == 64
    assert len(parts) == passes
    # what was learned holds for the next batch, the smaller last one too
    assert over.over(7, memory.one_pass, memory.done.clear)[0] == min(7, over.rows or 7)


def test_it_says_so_once_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory(8)
    logging.getLogger("recinterpreter").propagate = True
    with caplog.at_level("WARNING", logger="recinterpreter"):
        over = Passes(memory.compute_twice)
        for _ in range(3):
            over.over(16, memory.one_pass, memory.done.clear)
    assert [r.message for r in caplog.records] == [
        "out of memory with 16 examples a pass; going on with 8"
    ]


def test_a_single_example_that_does_not_fit_is_a_clear_error() -> None:
    memory = Memory(0)
    with pytest.raises(UserError, match="single example"):
        Passes(memory.compute_twice).over(4, memory.one_pass, memory.done.clear)


def test_no_example_is_no_pass() -> None:
    memory = Memory(1)
    assert Passes(memory.compute_twice).over(0, memory.one_pass, memory.done.clear) == []
