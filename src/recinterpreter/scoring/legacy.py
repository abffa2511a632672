"""The authors' way of matching: titles, unescaped, searched as regular expressions in the answer.

It stands beside ours to show what it does. A title that is no valid pattern would crash it, so that
one is escaped whole; and titles are data, so none may hang it. Python's matcher goes back and tries
again, and with nested repetition, (a+)+, it does so exponentially often. Before a title is searched
as a pattern, the ways in which its repetitions can share a text out are therefore counted, at most,
from the pattern's own parse. Where steps beyond LIMIT are possible, it is escaped whole as well.
That depends on title and text alone, not on a clock: the same inputs give the same scores.
"""

from __future__ import annotations

import math
import re
import sys
import warnings
from collections.abc import Iterable
from functools import cache
from itertools import accumulate
from re import _constants as code  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

LIMIT = 4e6
"""Steps that a search may take at most: some tens of milliseconds."""

_MANY = 100.0  # logarithm of more ways than anyone could wait for
_SIGNS = frozenset(".^$*+?{}[]\\|()")
_SIGNS_VARIABLE = frozenset("*+?{|\\")
_SIGNS_BEYOND = _SIGNS_VARIABLE | frozenset("^$\n")
_REPEATS = (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT)
_SINGLE = (code.LITERAL, code.NOT_LITERAL, code.ANY, code.IN)


def found(title: str, text: str) -> bool:
    """Say whether the authors' way finds a title in a text."""
    return title in text if _hopeless(title, text) else _searched(title, text)


def taken_literally(title: str) -> bool:
    """Say whether a title is no valid pattern, or one that could take too long on itself."""
    return _pattern(title) is None or _hopeless(title, title)


def found_elsewhere(titles: Iterable[str]) -> set[str]:
    """Return the titles that the authors' way finds in some other of these titles."""
    distinct = sorted(set(titles))
    whole = "\n".join(distinct)
    starts = accumulate((len(title) + 1 for title in distinct), initial=0)
    elsewhere = set()
    for title, start in zip(distinct, starts, strict=False):
        # all other titles at once: a quick no for most, where no sign looks beyond its line
        if not _SIGNS_BEYOND.intersection(title):
            others = (0, start), (start + len(title), len(whole))
            if not any(_searched(title, whole, *part) for part in others):
                continue
        if any(found(title, other) for other in distinct if other != title):
            elsewhere.add(title)
    return elsewhere


def _searched(title: str, text: str, start: int = 0, end: int = sys.maxsize) -> bool:
    pattern = _pattern(title) if _SIGNS.intersection(title) else None
    if pattern is None:
        return text.find(title, start, end) >= 0
    return pattern.search(text, start, end) is not None


def _hopeless(title: str, text: str) -> bool:
    """Say whether a search could take too long: never where nothing in the title can vary."""
    if not _SIGNS_VARIABLE.intersection(title) or _pattern(title) is None:
        return False
    return _steps(title, text) > LIMIT


@cache
def _pattern(title: str) -> re.Pattern[str] | None:
    # no title means "(?...)" as an extension: look-around and flags, which _ways does not count
    if "(?" in title:
        return None
    try:
        with warnings.catch_warnings():
            # "[[" may come to mean something else: no concern of a title's
            warnings.simplefilter("ignore")
            return re.compile(title)
    except (re.error, RecursionError, OverflowError):
        return None


@cache
def _parsed(title: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return parser.parse(title)


def _steps(title: str, text: str) -> float:
    """Bound the steps of a search: from every place, in every way, over title and text."""
    try:
        log = _ways(_parsed(title), text)
    except RecursionError:  # brackets in brackets, hundreds deep
        return math.inf
    size = len(text) + 1
    return size * (size + len(title)) * math.exp(min(log, _MANY))


def _ways(pattern: Any, text: str) -> float:
    """Bound the logarithm of the number of ways in which a pattern can match at one place."""
    return sum(_ways_of(operation, argument, text) for operation, argument in pattern)


def _ways_of(operation: Any, argument: Any, text: str) -> float:
    if operation in _REPEATS:
        least, most, body = argument
        ways = _ways(body, text)
        times = min(int(most), _longest_run(body, text))
        if not times:
            return 0.0
        # each time in one of its ways, and after any number of times an end
        return times * ways + math.log1p(max(times - least, 0))
    if operation is code.SUBPATTERN:
        return _ways(argument[-1], text)
    if operation is code.BRANCH:
        return math.log(sum(math.exp(min(_ways(part, text), _MANY)) for part in argument[1]))
    if operation in (*_SINGLE, code.AT):
        return 0.0
    return math.inf


def _longest_run(body: Any, text: str) -> int:
    """Bound how often a pattern can match in a row: as often as its one letter stands in a row."""
    if len(body) != 1 or body[0][0] is not code.LITERAL:
        return len(text)
    letter, longest, run = chr(body[0][1]), 0, 0
    for character in text:
        run = run + 1 if character == letter else 0
        longest = max(longest, run)
    return longest
