"""Titles are found literally, whole, once each, whatever they are made of."""

import itertools
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recinterpreter.scoring.matcher import OUTSIDE, AnswerForm, Catalogue, canonical

FORM = AnswerForm("This user has watched ", " in the previous.")
AWKWARD = [
    "Alien",
    "Aliens",
    "M*A*S*H",
    "Seven (Se7en)",
    "[Rec]",
    "What? (No!) +1 ^ $ | \\d",
    "Good, the Bad and the Ugly",
    "Bad",
    "Ugly",
    '"Crocodile" Dundee',
    "Schindler's List",
    "Spider-Man",
    "Man",
    "七人の侍",
    "Amélie",
    "<script>alert(1)</script>",
    "Star Trek",
    "Star Trek: First Contact",
    "8 1/2",
    "...",
    "Straße",
    "नमस्ते",
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(dict(enumerate(AWKWARD, start=1)))


def names(catalogue: Catalogue, text: str, form: AnswerForm | None = None) -> list[str | None]:
    found = catalogue.find(text, form)
    return [AWKWARD[o.title - 1] if o.title != OUTSIDE else None for o in found]


@pytest.mark.parametrize("form", [FORM, None], ids=["form", "free text"])
@pytest.mark.parametrize("title", AWKWARD)
def test_every_awkward_title_finds_itself_alone(catalogue, title, form):
    text = f"{FORM.prefix}{title}{FORM.suffix}"
    assert names(catalogue, text, form) == [title]
    (found,) = catalogue.find(text, form)
    assert text[found.start : found.end] == title


def test_a_list_of_all_titles_is_read_in_order(catalogue):
    # two titles without a word are left out: between commas they are signs among signs
    titles = [t for t in AWKWARD if t != "..."]
    assert names(catalogue, FORM.prefix + ", ".join(titles) + FORM.suffix, FORM) == titles


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Aliens", ["Aliens"]),
        ("Alienated", []),
        ("xAlien", []),
        ("Spider-Man", ["Spider-Man"]),
        ("Good, the Bad and the Ugly", ["Good, the Bad and the Ugly"]),
        ("Star Trek: First Contact", ["Star Trek: First Contact"]),
        ("ALIEN, aliens", ["Alien", "Aliens"]),
        ("schindler’s  list", ["Schindler's List"]),
        ("Spider–Man", ["Spider-Man"]),
        ("Ame\u0301lie", ["Amélie"]),
        ("STRASSE", ["Straße"]),
        ("Ａｌｉｅｎ", ["Alien"]),
        ("Alien and Aliens", ["Alien", "Aliens"]),
        ("Man's", []),
    ],
)
def test_boundaries_and_canonical_form_in_free_text(catalogue, text, wanted):
    assert names(catalogue, text) == (wanted or [None])


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("Alien Harvest", [None]),
        ("Alien Harvest, Bad", [None, "Bad"]),
        ("Bad, Alien Harvest, , Man", ["Bad", None, "Man"]),
        ("Alien: Harvest", [None]),
        ("Star Trek: Second Contact", [None]),
        ('"Alien", "Aliens"', ["Alien", "Aliens"]),
        ("", []),
        (", ,", []),
    ],
)
def test_in_the_answer_form_a_title_fills_an_element(catalogue, body, wanted):
    assert names(catalogue, FORM.prefix + body + FORM.suffix, FORM) == wanted


def test_words_of_the_form_are_no_titles():
    catalogue = Catalogue({1: "Movie", 2: "List2", 3: "This User", 4: "Heat", 5: "List1"})
    form = AnswerForm("This user watched movie ", " in List2 but not in List1.")
    (found,) = catalogue.find("This user watched movie Heat in List2 but not in List1.", form)
    assert catalogue.items_of(found.title) == [4]
    assert catalogue.find("This user watched movie in List2 but not in List1.", form) == []


def test_an_answer_cut_before_its_suffix_and_words_after_it(catalogue):
    assert names(catalogue, FORM.prefix + "Alien, Ali", FORM) == ["Alien", None]
    text = FORM.prefix + "Alien" + FORM.suffix + " This user has watched Man"
    assert names(catalogue, text, FORM) == ["Alien"]


def test_the_longest_title_wins_wherever_it_begins():
    catalogue = Catalogue({1: "Red Blue", 2: "Blue Green Yellow"})
    (found,) = catalogue.find("red blue green yellow")
    assert catalogue.items_of(found.title) == [2]


def test_a_word_is_used_once_and_duplicates_name_a_set():
    catalogue = Catalogue({3: "Ghost", 5: "GHOST", 7: "Heat"})
    assert catalogue.title_of(3) == catalogue.title_of(5) != catalogue.title_of(7)
    (found,) = catalogue.find("Ghost")
    assert catalogue.items_of(found.title) == [3, 5]
    assert len(catalogue.find("Ghost, Ghost")) == 2
    assert catalogue.title_of(0) == OUTSIDE


def test_spans_point_into_the_original_text(catalogue):
    text = "  \u00bdx ﬁlms: Ame\u0301lie — “Alien”"
    found = catalogue.find(text)
    assert [text[o.start : o.end] for o in found] == ["Ame\u0301lie", "Alien"]


LETTERS = st.characters(codec="utf-8", categories=["L", "M", "N", "P", "Z", "S"])


@given(st.text(LETTERS, max_size=30))
def test_canonical_is_idempotent_and_blind_to_composition(text):
    assert canonical(canonical(text)) == canonical(text)
    composed, decomposed = (unicodedata.normalize(f, text) for f in ("NFC", "NFD"))
    assert canonical(composed) == canonical(decomposed)


@given(st.lists(st.text(LETTERS, min_size=1, max_size=12), min_size=1, max_size=6))
def test_found_titles_never_overlap(titles):
    catalogue = Catalogue(dict(enumerate(titles, start=1)))
    found = catalogue.find(", ".join(titles))
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert all(o.start < o.end for o in found)


@given(st.lists(st.text(max_size=12), max_size=6), st.text(max_size=60), st.booleans())
def test_any_text_is_read_against_any_titles(titles, text, framed):
    catalogue = Catalogue(dict(enumerate(titles, start=1)))
    form = FORM if framed else None
    answer = f"{FORM.prefix}{text}{FORM.suffix}"
    found = catalogue.find(answer, form)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert all(0 <= o.start < o.end <= len(answer) for o in found)
    for item, title in enumerate(titles, start=1):
        if any(not c.isspace() for c in canonical(title)):
            assert [o.title for o in catalogue.find(title)] == [catalogue.title_of(item)], title


def test_titles_made_of_each_other_do_not_hang_it():
    catalogue = Catalogue({n: " ".join(["a"] * n) for n in range(1, 101)})
    started = time.process_time()
    found = catalogue.find("a " * 1050)
    assert time.process_time() - started < 5
    assert [catalogue.items_of(o.title) for o in found] == [[100]] * 10 + [[50]]


def test_every_title_of_ml_100k_finds_itself(shared_data):
    lines = (shared_data / "movielens/ml-100k/u.item").read_text("latin-1").splitlines()
    titles = {i: line.split("|")[1] for i, line in enumerate(lines, start=1)}
    assert len(titles) == 1682
    catalogue = Catalogue(titles)
    assert len({catalogue.title_of(i) for i in titles}) == 1664
    for item, title in titles.items():
        text = f"{FORM.prefix}{title}{FORM.suffix}"
        for found in (catalogue.find(text, FORM), catalogue.find(title)):
            assert [o.title for o in found] == [catalogue.title_of(item)], title
