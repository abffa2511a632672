"""Amazon's releases of 2014, 2018 and 2023: what is read of files of their official formats."""

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recinterpreter.data.raw import Raw
from recinterpreter.data.readers.amazon import read
from recinterpreter.data.readers.core import first_of_pairs, k_core
from recinterpreter.data.readers.raw_titles import clean
from recinterpreter.errors import UserError
from recinterpreter.settings.data import AmazonRules, Ingest, Titles

NAMES = {
    2014: ("reviewerID", "asin", "overall", "unixReviewTime"),
    2018: ("reviewerID", "asin", "overall", "unixReviewTime"),
    2023: ("user_id", "parent_asin", "rating", "timestamp"),
}
REVIEWS = [("A1", "B1", 5.0, 100), ("A1", "B2", 3.0, 90), ("A2", "B1", 1.0, 100)]


def packed(path: Path, *lines: Any) -> Path:
    written = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in written).encode()))
    return path


def reviews(release: int, *rows: tuple[Any, ...]) -> list[dict[str, Any]]:
    more = {"reviewText": 'it says "asin": "B9"\n', "style": {"Size:": "L"}, "verified": True}
    return [{**more, **dict(zip(NAMES[release], row, strict=True))} for row in rows]


def products(release: int, *rows: tuple[str, Any]) -> list[dict[str, Any]]:
    key = "parent_asin" if release == 2023 else "asin"
    return [{key: asin, "title": title, "price": "", "details": {}} for asin, title in rows]


def raw(release: int, path: Path, metadata: Path, core: int | None = None, **said: Any) -> Raw:
    source = AmazonRules.model_validate({"release": release, "core": core, "longest_title": 100})
    settings = Ingest(
        reader="amazon",
        files=["reviews", "metadata"],
        min_rating=said.get("min_rating"),
        titles=Titles(style="paper", allow_markup=False),
        source=source,
    )
    return read({"reviews": path, "metadata": metadata}, settings, path.parent)


def rows_of(found: Raw) -> list[tuple[Any, ...]]:
    return found.events.select("user", "item", "time").collect().rows()


@pytest.mark.parametrize("release", [2014, 2018])
def test_json_lines(tmp_path: Path, release: int) -> None:
    path = packed(tmp_path / "r.json.gz", *reviews(release, *REVIEWS))
    titled = products(release, ("B7", "Unbought"), ("B2", "Two"), ("B1", "One"))
    found = raw(release, path, packed(tmp_path / "m.json.gz", *titled))
    assert rows_of(found) == [(user, item, time) for user, item, _, time in REVIEWS]
    assert found.events.collect()["rating"].to_list() == [5.0, 3.0, 1.0]
    assert found.items == [("B2", "Two"), ("B1", "One")]  # as the metadata have them


def test_python_literals_of_2014(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "recinterpreter")
    loose = [repr(record) for record in reviews(2014, *REVIEWS)]
    path = packed(tmp_path / "r.json.gz", *loose, "{'broken': ")
    titled = [repr(p) for p in products(2014, ("B1", "It's \xe9"), ("B2", 'A "2"'))]
    found = raw(2014, path, packed(tmp_path / "m.json.gz", *titled))
    assert len(rows_of(found)) == 3
    assert found.items == [("B1", "It's \xe9"), ("B2", 'A "2"')]
    assert "r.json.gz: 4 lines, of which 1 are of no use" in caplog.text


def test_csv_of_2014_has_no_header(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    line = '{},{},"A, ""B""","[0, 0]","two\nlines",{},good,{},"02 28, 2014"\n'
    path.write_text("".join(line.format(*row) for row in REVIEWS))
    found = raw(2014, path, packed(tmp_path / "m.gz", *products(2014, ("B1", "One"))))
    assert rows_of(found) == [(user, item, time) for user, item, _, time in REVIEWS]


def test_2023_is_in_milliseconds_and_has_parents(tmp_path: Path) -> None:
    path = tmp_path / "r.csv.gz"
    lines = [f"{user},{item},{rating},{time}123" for user, item, rating, time in REVIEWS]
    packed(path, ",".join(NAMES[2023]), *lines)
    metadata = packed(tmp_path / "m.jsonl.gz", *products(2023, ("B1", "One"), ("B2", None)))
    found = raw(2023, path, metadata)
    assert rows_of(found) == [(user, item, time) for user, item, _, time in REVIEWS]
    assert found.items == [("B1", "One"), ("B2", "B2")]
    ms = [(user, item, rating, time * 1000) for user, item, rating, time in REVIEWS]
    unfiltered = packed(tmp_path / "r.jsonl.gz", *reviews(2023, *ms))
    assert rows_of(raw(2023, unfiltered, metadata)) == rows_of(found)


def test_reviews_without_a_value_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "recinterpreter")
    odd = [
        ("", "B1", 1.0, 1),
        ("A3", None, 1.0, 1),
        ("A3", "B1", 1.0, "soon"),
        ("A4", "B1", "2", "7"),
    ]
    path = packed(tmp_path / "r.gz", *reviews(2018, *REVIEWS, *odd))
    found = raw(2018, path, packed(tmp_path / "m.gz", *products(2018, ("B1", "One"))))
    assert rows_of(found)[3:] == [("A4", "B1", 7)]
    assert "3 reviews without user, item, rating or time, left out" in caplog.text


def test_items_without_a_title_are_called_by_id_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "recinterpreter")
    path = packed(tmp_path / "r.gz", *reviews(2018, *REVIEWS, ("A2", "B3", 1.0, 100)))
    script = "var aPageStart = (new Date()).getTime();\nvar ue_t0=ue_t0||+new Date();"
    titled = products(2018, ("B2", script), ("B1", "One"), ("B1", "Again"))
    found = raw(2018, path, packed(tmp_path / "m.gz", *titled))
    assert found.items == [("B1", "One"), ("B2", "B2"), ("B3", "B3")]
    assert "2 of 3 items have no title: they are called by id" in caplog.text


def test_raw_files_filtered_give_what_the_5_core_files_give(tmp_path: Path) -> None:
    core = [(f"A{u}", f"B{i}", 5.0, 10 * u + i) for u in range(5) for i in range(5)]
    raws = [("A9", "B0", 1.0, 1), *core, ("A0", "B9", 1.0, 1), ("A9", "B9", 1.0, 1)]
    metadata = packed(tmp_path / "m.gz", *products(2014, *((f"B{i}", f"T{i}") for i in range(10))))
    small = raw(2014, packed(tmp_path / "r_5.gz", *reviews(2014, *core)), metadata)
    whole = raw(2014, packed(tmp_path / "r.gz", *reviews(2014, *raws)), metadata, core=5)
    assert rows_of(whole) == rows_of(small)
    assert whole.items == small.items


EVENTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 3)), max_size=60)


@given(EVENTS, st.integers(1, 4))
def test_a_core_is_the_largest_part_with_enough_events(
    rows: list[tuple[int, int, int]], least: int
) -> None:
    left = list(rows)  # one event at a time, in any order, until none is to go
    while odd := [
        row
        for row in left
        if sum(r[0] == row[0] for r in left) < least or sum(r[1] == row[1] for r in left) < least
    ]:
        left.remove(odd[-1])
    frame = pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")
    assert sorted(k_core(frame, least).rows()) == sorted(left)


@given(EVENTS)
def test_of_several_events_of_a_pair_the_earliest_stays(rows: list[tuple[int, int, int]]) -> None:
    frame = pl.DataFrame(rows, schema=["user", "item", "time"], orient="row").with_row_index("n")
    best = {min((t, n) for n, (u, i, t) in enumerate(rows) if (u, i) == (v, j)) for v, j, _ in rows}
    assert first_of_pairs(frame)["n"].to_list() == sorted(n for _, n in best)


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("  Maggiano&#39;s\n\tGift Card ", "Maggiano's Gift Card"),
        ("Johnson &amp;amp; Johnson", "Johnson & Johnson"),
        ('<span class="a-size">Lip</span>Balm <br/>', "Lip Balm"),
        ("&lt;b&gt;Bold&lt;/b&gt;", "Bold"),
        ("I <3 you > all", "I 3 you all"),
        ("a\x00b\u2028c\ud83d", "a b c"),
        ("var x; function(){ }", ""),
        (["a list"], ""),
        (None, ""),
        ("x" * 200, "x" * 100),
        ("word " * 19 + "ends, here and more", ("word " * 19 + "ends").strip()),
    ],
)
def test_titles_are_made_fit_to_be_said(written: object, title: str) -> None:
    assert clean(written, 100) == title


@given(st.text(max_size=300))
def test_any_title_is_one_plain_line(text: str) -> None:
    title = clean(text, 40)
    assert len(title) <= 40
    assert title == " ".join(title.split())
    assert not {*title} & {*"<>\n"}


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    metadata = packed(tmp_path / "m.gz", *products(2018, ("B1", "One")))
    good = packed(tmp_path / "r.gz", *reviews(2018, *REVIEWS))
    with pytest.raises(UserError, match=r"of 3 reviews none is left .* \(data\.amazon\.core\)"):
        raw(2018, good, metadata, core=5)
    with pytest.raises(UserError, match=r"of 2 items none has a title; wanted events and titles"):
        raw(2018, good, packed(tmp_path / "n.gz", *products(2018, ("B9", "Nine"))))
    with pytest.raises(UserError, match=r"of 3 lines 2 are of no use; wanted the official file"):
        raw(2018, packed(tmp_path / "b.gz", "no", "[]", *reviews(2018, REVIEWS[0])), metadata)
    with pytest.raises(UserError, match=r"e\.gz: the file is empty"):
        raw(2018, packed(tmp_path / "e.gz"), metadata)
    with pytest.raises(UserError, match=r"no such file; correct data\.amazon\.path"):
        raw(2023, tmp_path / "none.csv.gz", metadata)
    path = tmp_path / "r.csv"
    path.write_text("user_id,parent_asin,rating,timestamp\nA1,B1,5,soon\n")
    with pytest.raises(
        UserError, match=r"r\.csv, line 2: got A1 \| B1 \| 5 \| soon, wanted user_id"
    ):
        raw(2023, path, metadata)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(
        UserError, match=r"no column user_id, parent_asin, rating, timestamp, only a"
    ):
        raw(2023, path, metadata)
    damaged = bytearray(
        packed(tmp_path / "r.csv.gz", ",".join(NAMES[2023]), "A1,B1,5,3").read_bytes()
    )
    damaged[-6] ^= 1  # of the checksum
    (tmp_path / "r.csv.gz").write_bytes(damaged)
    with pytest.raises(UserError, match=r"r\.csv\.gz: cannot be read"):
        raw(2023, tmp_path / "r.csv.gz", metadata)
    good.write_bytes(good.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"a truncated or damaged gzip file"):
        raw(2018, good, metadata)


def counts(found: Raw) -> tuple[int, int, int]:
    events = found.events.collect()
    return events["user"].n_unique(), len(found.items), len(events)


def test_the_real_gift_cards(shared_data: Path) -> None:
    folder = shared_data / "amazon" / "gift_cards"
    if not folder.is_dir():
        pytest.skip("needs Amazon's gift cards in ../shared/data/amazon/gift_cards")
    files = folder / "Gift_Cards_5.json.gz", folder / "meta_Gift_Cards.json.gz"
    # 2,972 reviews, 7 of them of an item that its user had reviewed before
    assert counts(raw(2018, *files)) == (458, 148, 2965)
    assert counts(raw(2018, *files, core=5)) == (453, 147, 2941)


def test_the_real_musical_instruments(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "amazon" / "musical_instruments" / "Musical_Instruments_5.csv.gz"
    if not path.is_file():
        pytest.skip("needs ../shared/data/amazon/musical_instruments")
    metadata = packed(tmp_path / "m.gz", *products(2014, ("1384719342", "Pop filter")))
    found = raw(2014, path, metadata)
    assert counts(found) == (1381, 392, 5050)
    assert rows_of(found)[0] == ("A2IBPI20UZIR0U", "1384719342", 1393545600)
    lines = path.with_name("Musical_Instruments_5_first_lines.json").read_text().splitlines()
    of_json = raw(2014, packed(tmp_path / "r.gz", *lines), metadata)
    assert rows_of(of_json) == rows_of(found)[: len(lines)]
