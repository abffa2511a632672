"""Forty kinds of malformed raw files: each is told with where it is wrong; nothing is written."""

import gzip
import io
import zipfile
from pathlib import Path

import polars as pl
import pytest

from recinterpreter.data.interactions import check_dataset
from recinterpreter.data.raw import read_raw
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Columns, Ingest, SteamSample, Titles

Files = dict[str, bytes]

OWN = Columns(user="user", item="item", time="time", title="title", rating="stars")
STEAM = SteamSample(min_reviews=1, users=1.0, games=1.0, seed=0)
EVENTS = b"user,item,time,stars\na,x,1,5\nb,y,2,4\nc,x,3,3\n"
ITEMS = b"item,title\nx,The X\ny,The Y\n"
JSON = b"".join(
    b'{"user": "%s", "item": "x", "time": %d, "stars": 5}\n' % (user, time)
    for time, user in enumerate([b"a", b"b", b"c"], start=1)
)
FILM = "1|Toy Story (1995)|01-Jan-1995||" + "|0" * 19 + "\n"
RATING = "1\t1\t5\t100\n"
GAME = b"{u'id': u'1', u'title': u'Portal'}\n"
REVIEW = b"{u'username': u'ann', u'product_id': u'1', u'date': u'2015-03-01'}\n"


def parquet(**changed: list[object]) -> bytes:
    columns = {"user": ["a", "b", "c"], "item": ["x", "y", "x"], "time": [1, 2, 3]}
    file = io.BytesIO()
    pl.DataFrame({**columns, "stars": [5.0, 4.0, 3.0], **changed}).write_parquet(file)
    return file.getvalue()


def zipped(**members: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"ml-100k/u.{name}", text.encode("latin-1"))
    return file.getvalue()


def own(told: str, name: str = "e.csv", events: bytes = EVENTS, items: bytes = ITEMS) -> object:
    """Own tables: what the message says, and files of which one is malformed."""
    return pytest.param("events", {name: events, "i.csv": items}, told, id=f"{name}: {told}")


def movielens(told: str, archive: bytes) -> object:
    return pytest.param("ml_100k", {"ml-100k.zip": archive}, told, id=f"ml-100k: {told}")


def steam(told: str, games: bytes = GAME, reviews: bytes = REVIEW, packed: bool = True) -> object:
    pack = gzip.compress if packed else bytes
    files = {"games.json.gz": pack(games), "reviews.json.gz": pack(reviews)}
    return pytest.param("steam_sample", files, told, id=f"steam: {told}")


def with_row(row: bytes) -> bytes:
    return EVENTS + row + b"\n"


MALFORMED = [
    # the user's own tables as CSV
    own("e.csv: the table is empty; wanted a header", events=b""),
    own("e.csv: the table has no row; wanted at least one", events=b"user,item,time,stars\n"),
    own(
        "e.csv: no column 'user'; it has 'who', .*Set data.events.columns",
        events=b"who,item\na,x\n",
    ),
    own("e.csv: no column 'user'; it has 'user;item'", events=b"user;item\na;x\n"),
    own(
        "e.csv: 2 columns are called 'time'; rename all but one",
        events=b"user,item,time,time,stars\na,x,1,1,5\n",
    ),
    own(
        "e.csv, row 4: got 3 fields in 'd,x,4', wanted 4 as in the header",
        events=with_row(b"d,x,4"),
    ),
    own("e.csv, row 4: got 5 fields in 'd,x,4,5,6', wanted 4", events=with_row(b"d,x,4,5,6")),
    own("e.csv, row 4: column 'user' is no UTF-8; .*iconv", events=with_row(b"\xe9,x,4,5")),
    own("e.csv: the header is no UTF-8; .*iconv", events=EVENTS.replace(b"stars", b"st\xe9")),
    own("e.csv: the text is UTF-16; wanted UTF-8", events=EVENTS.decode().encode("utf-16")),
    own("e.csv: a double quote opens a field that does not end", events=with_row(b'd,x,4,"5')),
    own("e.csv, row 4: column 'user' is empty, wanted an id", events=with_row(b",x,4,5")),
    own("e.csv, row 4: column 'item' is 'nan', wanted an id", events=with_row(b"d,nan,4,5")),
    own("e.csv, row 4: column 'time' is 'noon', wanted a number", events=with_row(b"d,x,noon,5")),
    own(
        "e.csv, row 4: column 'time' is '1717156800000'.*divide by 1000",
        events=with_row(b"d,x,1717156800000,5"),
    ),
    own(
        "e.csv, row 1: column 'time' is '31.5.2024', wanted seconds .* or ISO",
        events=b"user,item,time,stars\na,x,31.5.2024,5\n",
    ),
    own(
        "e.csv, row 1: column 'time' is '2024-02-30', wanted seconds .* or ISO",
        events=b"user,item,time,stars\na,x,2024-02-30,5\n",
    ),
    own("e.csv, row 4: column 'stars' is 'good', wanted a number", events=with_row(b"d,x,4,good")),
    own(
        "events name items that the table of items does not hold: 'z' \\(such events: 1\\); add",
        events=with_row(b"d,z,4,5"),
    ),
    own("got users: 2, .* wanted at least 3", events=EVENTS.replace(b"c,", b"a,")),
    own("e.xlsx: a file of type '.xlsx'; wanted .csv, .tsv", name="e.xlsx"),
    own("e.csv.gz: cannot be read as CSV .*write it again", name="e.csv.gz"),
    own(
        "e.csv.gz: cannot be read as CSV .*cut short",
        name="e.csv.gz",
        events=gzip.compress(EVENTS)[:-12],
    ),
    own("e.tsv: no column 'user'; it has 'user,item,time,stars'", name="e.tsv"),
    # the table of items
    own(
        "row 3 of the items has the id 'x' again; ids must be distinct", items=ITEMS + b"x,Again\n"
    ),
    own("item 'z', title '': is empty; give the item a title", items=ITEMS + b"z,\n"),
    own("item 'z', title .*: holds '<b>', which reads as markup", items=ITEMS + b"z,<b>Z</b>\n"),
    own("item 'z', title .*control character U\\+000A", items=ITEMS + b'z,"two\nlines"\n'),
    # JSON lines and Parquet
    own("e.jsonl: the table is empty; wanted one JSON object per line", "e.jsonl", b""),
    own("e.jsonl, row 4: .* is no JSON", "e.jsonl", JSON + b'{"user": "d", \n'),
    own(
        "e.jsonl, row 1: got .*; wanted one JSON object per line",
        "e.jsonl",
        b"[1, 2]\n",
    ),
    own(
        "e.jsonl, row 4: column 'item' is \\[1\\], wanted text",
        "e.jsonl",
        JSON + b'{"user": "d", "item": [1], "time": 4, "stars": 5}\n',
    ),
    own(
        "e.jsonl: no column 'stars'; it has 'user', 'item', 'time'",
        "e.jsonl",
        JSON.replace(b', "stars": 5', b""),
    ),
    own("e.parquet: not a readable Parquet file .*; write it again", "e.parquet", parquet()[:200]),
    own("e.parquet, row 2: column 'time' is empty", "e.parquet", parquet(time=[1, None, 3])),
    own("e.parquet: column 'user' is Boolean; wanted ids", "e.parquet", parquet(user=[True] * 3)),
    # MovieLens-100K
    movielens("a truncated, damaged or encrypted zip", zipped(data=RATING, item=FILM)[:150]),
    movielens("the zip holds no u.item; wanted the official", zipped(data=RATING)),
    movielens("u.data, line 2: got 3 fields", zipped(data=RATING + "1\t1\t5\n", item=FILM)),
    movielens("u.data, line 2: timestamp is 'x'", zipped(data=RATING + "1\t1\t5\tx\n", item=FILM)),
    movielens(
        "u.data, line 2: item id 9 is not in u.item",
        zipped(data=RATING + "1\t9\t5\t1\n", item=FILM),
    ),
    movielens("u.item, line 2: got 2 fields", zipped(data=RATING, item=FILM + "2|Two\n")),
    # Steam
    steam("games.json.gz: a truncated or damaged gzip file .*download it again", packed=False),
    steam("games.json.gz: of 1 lines most are of no use: 1 broken; wanted", games=b"not one\n"),
    steam("reviews.json.gz: of 1 lines most are of no use: 1 broken; wanted", reviews=b"not one\n"),
]


@pytest.mark.parametrize(("reader", "files", "told"), MALFORMED)
def test_malformed(reader: str, files: Files, told: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    names = {
        "events": ["events", "items"],
        "ml_100k": ["archive"],
        "steam_sample": ["games", "reviews"],
    }
    settings = Ingest(
        reader=reader,
        files=names[reader],
        min_rating=1.0,
        titles=Titles(style="paper", allow_markup=False),
        source={"events": OWN, "steam_sample": STEAM}.get(reader),
    )
    paths = [tmp_path / name for name in files]
    with (
        pytest.raises(UserError, match=told),
        read_raw(paths, settings, tmp_path / "scratch") as raw,
    ):
        check_dataset(raw, settings)
    assert not [*tmp_path.glob("scratch/*")]
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == files


def test_there_are_forty_of_them() -> None:
    assert len(MALFORMED) >= 40
