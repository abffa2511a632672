"""The authors' way of matching, as it is, but for what would crash or hang it."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recinterpreter.scoring import legacy
from recinterpreter.scoring.fuzzy import NearTitles


@pytest.mark.parametrize(
    ("title", "text", "found"),
    [
        # found where it is not named
        ("Alien", "saw Aliens", True),
        ("M*A*S*H", "saw Heat, Hud", True),
        ("Se7en|Heat", "saw Heat", True),
        ("8.5", "saw 845", True),
        # not found where it is
        ("Seven (Se7en)", "saw Seven (Se7en)", False),
        ("[Rec]", "saw [Xyz]", False),
        ("What? Now", "saw What? Now", False),
        ("Alien", "saw ALIEN", False),
        # no patterns: escaped whole
        ("+1", "saw +1", True),
        ("+1", "saw 11", False),
        ("[Rec", "saw [Rec", True),
        ("*batteries", "saw *batteries", True),
        ("a{2,1}", "saw a{2,1}", True),
        ("Why (?i) oh", "saw Why (?i) oh", True),
    ],
)
def test_titles_are_patterns(title: str, text: str, found: bool) -> None:
    assert legacy.found(title, text) is found


CATASTROPHES = [
    "(a+)+b",
    "(a*)*b",
    "(a|a)*b",
    "(a|aa)+b",
    "a*a*a*a*a*b",
    "(.*)(.*)(.*)(.*)x",
    "((a{2})+)+b",
    "a?" * 30 + "a" * 30 + "b",
    r"(\w+\s?)*!",
    r"(a+)\1*\1*b",
    "(" * 400 + "a*" + ")*" * 400 + "b",
    "(" * 5000,
    "a{1,99999999999999999999}b",
    "(a{1,4000}){1,4000}b",
]


@pytest.mark.parametrize("title", CATASTROPHES, ids=range(len(CATASTROPHES)))
def test_no_title_hangs(title: str) -> None:
    started = time.process_time()
    assert not legacy.found(title, "a" * 500)
    # where it could hang it is searched as it stands
    assert legacy.found(title, "a" * 500 + title)
    assert time.process_time() - started < 2


def test_a_text_of_usual_length_leaves_usual_patterns_as_they_are() -> None:
    text = "This user has watched " + "Some Title of a Film, " * 20
    for title in ("M*A*S*H", "What's Up, Doc?", "Sgt. Bilko", "Wallace & Gromit (in a box)"):
        assert legacy._steps(title, text) < legacy.LIMIT


PATTERNS = st.text("ab.*+?|()[]{}1,^$\\ ", max_size=12)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@settings(deadline=2000)
@given(PATTERNS, st.text("ab1 ", max_size=60))
def test_where_it_is_a_pattern_it_says_what_re_says(title: str, text: str) -> None:
    try:
        pattern = re.compile(title)
    except re.error:
        wanted = title in text
    else:
        hopeless = legacy._pattern(title) is None or legacy._steps(title, text) > legacy.LIMIT
        wanted = title in text if hopeless else pattern.search(text) is not None
    assert legacy.found(title, text) is wanted


@settings(deadline=2000)
@given(st.text(max_size=40), st.text(max_size=400))
def test_no_text_crashes_it(title: str, text: str) -> None:
    assert legacy.found(title, text) in (True, False)
    assert legacy.taken_literally(title) in (True, False)


def test_titles_found_in_others() -> None:
    titles = ["Alien", "Aliens", "Heat", "M*A*S*H", "Hud", "+1", "A+1", "Heat", "8.5", "1845"]
    # M*A*S*H finds the H of Heat and of Hud
    assert legacy.found_elsewhere(titles) == {"Alien", "M*A*S*H", "+1", "8.5"}
    assert legacy.found_elsewhere([]) == set()


@given(st.lists(st.text("aAB.*+?|()[]^$\\ \n", max_size=6), max_size=8))
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_titles_found_in_others_are_what_one_by_one_would_find(titles: list[str]) -> None:
    by_hand = {t for t in titles if any(legacy.found(t, o) for o in titles if o != t)}
    assert legacy.found_elsewhere(titles) == by_hand


def test_words_near_to_one_title_alone() -> None:
    titles = NearTitles(["Schindler's List", "Star Trek II", "Star Trek IV", "Heat"], 0.85)
    assert titles.near("Schindlers List")
    assert titles.near("SCHINDLER’S  LISTS")
    assert not titles.near("Star Trek IX"), "near to two"
    assert not titles.near("Meat"), "one letter of four"
    assert not titles.near("")
    assert not NearTitles([], 0.85).near("Heat")
