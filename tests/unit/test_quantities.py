"""Numbers as a person reads them."""

import doctest

import pytest

from recinterpreter import quantities


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(quantities).failed == 0


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00 min"), (3599.6, "1:00 h"), (59.5, "1:00 min")]
)
def test_times_are_rounded_before_they_are_split(seconds: float, shown: str) -> None:
    assert quantities.duration(seconds) == shown


def test_the_largest_prefix_goes_on() -> None:
    assert quantities.count(1.23e21) == "1.23e+03 E"
