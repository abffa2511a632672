import pytest
from hypothesis import given
from hypothesis import strategies as st

from recinterpreter.data.titles import build_items, styled
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Titles

PAPER = Titles(style="paper", allow_markup=False)


@pytest.mark.parametrize(
    ("raw", "paper", "natural"),
    [
        # the spec's example
        ("Empire Strikes Back, The (1980)", "Empire Strikes Back", "The Empire Strikes Back"),
        ("Toy Story (1995)", "Toy Story", "Toy Story"),
        ("Little Princess, A (1995)", "Little Princess", "A Little Princess"),
        ("Enfer, L' (1994)", "Enfer", "L'Enfer"),
        ("Postino, Il (1994)", "Postino", "Il Postino"),
        ("Seven (Se7en) (1995)", "Seven", "Seven"),
        (
            "Horseman on the Roof, The (Hussard sur le toit, Le) (1995)",
            "Horseman on the Roof",
            "The Horseman on the Roof",
        ),
        ("Mrs. Brown (Her Majesty, Mrs. Brown) (1997)", "Mrs. Brown", "Mrs. Brown"),
        (
            "Land Before Time III: The Time of the Great Giving (1995) (V)",
            "Land Before Time III: The Time of the Great Giving",
            "Land Before Time III: The Time of the Great Giving",
        ),
        ("Heidi Fleiss: Hollywood Madam (1995) ", *["Heidi Fleiss: Hollywood Madam"] * 2),
        ("unknown", "unknown", "unknown"),
        # no year, no article behind a comma, no alternate title
        ("20,000 Leagues Under the Sea (1954)", *["20,000 Leagues Under the Sea"] * 2),
        ("Paris, Texas (1984)", "Paris, Texas", "Paris, Texas"),
        ("Portal (Deluxe Edition)", "Portal (Deluxe Edition)", "Portal (Deluxe Edition)"),
        ("2001: A Space Odyssey (1968)", *["2001: A Space Odyssey"] * 2),
        ("(1984)", "(1984)", "(1984)"),
        (", The (1984)", ", The", ", The"),
        ("Salt &amp;  Smoke", "Salt & Smoke", "Salt & Smoke"),
        ("Rock &ampere", "Rock &ampere", "Rock &ampere"),
        ("Cafe\u0301", "Café", "Café"),
    ],
)
def test_styles(raw: str, paper: str, natural: str) -> None:
    assert styled(raw, "paper") == paper
    assert styled(raw, "natural") == natural


def test_raw_keeps_all_but_white_space_and_entities() -> None:
    assert styled("Seven  (Se7en)\u00a0(1995) ", "raw") == "Seven (Se7en) (1995)"
    assert styled("Tom &amp; Viv, The (1994)", "raw") == "Tom & Viv, The (1994)"


@given(st.text(st.characters(exclude_categories=["Cc", "Zl", "Zp", "Cs"]), min_size=1))
def test_a_title_is_never_styled_away(raw: str) -> None:
    if raw.strip():
        for style in ("paper", "natural", "raw"):
            title = styled(raw, style)
            assert title == title.strip()
            assert title


def test_items_are_numbered_in_their_order() -> None:
    items = build_items([("7", "Heron, The (1987)"), ("3", "Otter (1950)")], PAPER)
    assert items.to_pylist() == [
        {"item_id": 1, "source_id": "7", "raw_title": "Heron, The (1987)", "title": "Heron"},
        {"item_id": 2, "source_id": "3", "raw_title": "Otter (1950)", "title": "Otter"},
    ]


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("&nbsp;", "is empty"),
        ("Two\nLines", r"U\+000A"),
        ("Two&#10;Lines", r"U\+000A"),
        ("Two\u2028Lines", r"U\+2028"),
        ("Tab\there", r"U\+0009"),
        ("Nul\x00", r"U\+0000"),
        ("a <script>alert(1)</script>", "'<script>'"),
        ("a &lt;script&gt;", "'<script>'"),
        ("Film <SeqH>", "'<SeqH>'"),
        ("Film <SeqH1> and <SeqH2>", "'<SeqH1>'"),
        ("Film </s>", "'</s>'"),
        ("<|endoftext|>", "endoftext"),
    ],
)
def test_a_bad_title_is_named_with_its_item(raw: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as caught:
        build_items([("1", "Good"), ("item-9", raw)], PAPER)
    assert "'item-9'" in str(caught.value)
    assert repr(raw) in str(caught.value)


def test_markup_can_be_allowed_but_not_line_breaks() -> None:
    allowed = Titles(style="raw", allow_markup=True)
    items = build_items([("1", "Film <SeqH>")], allowed)
    assert items["title"].to_pylist() == ["Film <SeqH>"]
    with pytest.raises(UserError, match=r"U\+000A"):
        build_items([("1", "Film\n")], allowed)


@pytest.mark.parametrize("title", ["I <3 You", "3 < 4 > 2", "a > b", "x <- y"])
def test_signs_that_are_no_markup_pass(title: str) -> None:
    assert build_items([("1", title)], PAPER)["title"].to_pylist() == [title]


def test_ids_must_be_given_and_distinct() -> None:
    with pytest.raises(UserError, match="row 3 of the items has the id 'a' again"):
        build_items([("a", "A"), ("b", "B"), ("a", "C")], PAPER)
    with pytest.raises(UserError, match="row 1 of the items has an empty id"):
        build_items([(" ", "A")], PAPER)
    with pytest.raises(UserError, match="empty"):
        build_items([], PAPER)


def test_many_bad_titles_are_counted() -> None:
    with pytest.raises(UserError, match="and 7 more"):
        build_items([(str(n), "") for n in range(12)], PAPER)
