"""Last.fm of 2011: the first tag of an artist is the event, and what cannot be used is told."""

import logging
import zipfile
from pathlib import Path

import pytest

from recinterpreter.data.raw import Raw
from recinterpreter.data.readers.lastfm import read
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Ingest, LastFmRules, Titles

TAGS = "user_taggedartists-timestamps.dat"
FILES = {
    TAGS: "userID\tartistID\ttagID\ttimestamp\n2\t52\t13\t1238536800000\n"
    "2\t52\t15\t1235858400999\n2\t63\t13\t-428720400000\n3\t63\t13\t1238536800000\n"
    "3\t52\t13\t1238536800000\n3\t99\t13\t1238536800000\n",
    "artists.dat": "id\tname\turl\tpictureURL\n51\tUntagged\tu\tp\n"
    '52\t"Weird Al" &amp; Björk\tu\tp\n63\tSigur  Rós\tu\tp\n',
}


def folder(path: Path, **other: str) -> Path:
    path.mkdir()
    for name, text in {**FILES, **other}.items():
        (path / name).write_text(text, encoding="utf-8")
    return path


def raw(path: Path, scratch: Path, core: int | None = None) -> Raw:
    settings = Ingest(
        reader="lastfm",
        files=["archive"],
        min_rating=None,
        titles=Titles(style="paper", allow_markup=False),
        source=LastFmRules(core=core),
    )
    return read({"archive": path}, settings, scratch)


def test_an_event_is_a_users_first_tag_of_an_artist(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "recinterpreter")
    found = raw(folder(tmp_path / "in"), tmp_path)
    assert found.events.collect().rows() == [
        ("2", "52", 1235858400),
        ("3", "63", 1238536800),
        ("3", "52", 1238536800),
        ("3", "99", 1238536800),
    ]
    assert found.items == [("52", '"Weird Al" & Björk'), ("63", "Sigur Rós"), ("99", "99")]
    assert "1 of 6 tags are from before 2002, left out" in caplog.text
    assert "users: 2 here, 1220 in LLaRA" in caplog.text


def test_the_zip_gives_what_the_folder_gives(tmp_path: Path) -> None:
    unpacked = folder(tmp_path / "in")
    path = tmp_path / "hetrec2011-lastfm-2k.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in FILES:
            archive.write(unpacked / name, name)
    zipped, found = raw(path, tmp_path), raw(unpacked, tmp_path)
    assert zipped.events.collect().equals(found.events.collect())
    assert zipped.items == found.items


def test_users_and_artists_of_few_events_are_left_out(tmp_path: Path) -> None:
    tags = {TAGS: FILES[TAGS] + "2\t63\t13\t1238536800000\n"}
    found = raw(folder(tmp_path / "in", **tags), tmp_path, core=2)
    pairs = found.events.select("user", "item").collect().rows()
    assert pairs == [("2", "52"), ("3", "63"), ("3", "52"), ("2", "63")]
    assert [item for item, _ in found.items] == ["52", "63"]


BAD = {
    "a time that is none": ({TAGS: "userID\tartistID\ttagID\ttimestamp\n2\t52\t13\tx\n"},
                            r"timestamps\.dat, line 2: got 2 \| 52 \| 13 \| x, wanted userID"),
    "a short line": ({TAGS: "userID\tartistID\ttagID\ttimestamp\n2\t52\n"}, r"line 2: got 2 \| 52"),
    "another table": ({TAGS: "a\tb\n1\t2\n"}, r"no column userID, artistID, tagID, timestamp"),
    "an empty file": ({"artists.dat": ""}, r"artists\.dat: cannot be read as a table of tabs"),
    "an artist without a number": ({"artists.dat": "id\tname\nx\ty\n"}, r"line 2: got x, wan"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_told(tmp_path: Path, files: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        raw(folder(tmp_path / "in", **files), tmp_path)


def test_a_core_that_leaves_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no tag is left .* at least 5 events \(data\.lastfm\.core"
    ):
        raw(folder(tmp_path / "in"), tmp_path, core=5)
