import gzip
import io
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recinterpreter import schemas, tables
from recinterpreter.data.readers import delimited, json_lines, rows
from recinterpreter.data.readers.events import read_events, read_items
from recinterpreter.data.readers.fields import Field, times
from recinterpreter.data.readers.rows import Piece
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Columns, Ingest, Titles
from recinterpreter.stages.ingest_source import ingest_source

COLUMNS = Columns(user="who", item="what", time="when", title="name", rating=None)
RATED = Columns(user="who", item="what", time="when", title="name", rating="stars")
EVENTS = {
    "who": ["ann", "bob", "cid", "ann"],
    "what": ["x", "y", "x", "y"],
    "when": [10, 20, 30, 40],
    "stars": [5.0, 3.0, 4.0, 1.0],
}
ITEMS = {"what": ["x", "y"], "name": ["The X", 'Y, "Z" & more']}


def save(path: Path, columns: dict[str, list[object]]) -> Path:
    frame = pl.DataFrame(columns, strict=False)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
        return path
    content = io.BytesIO()
    if ".jsonl" in path.suffixes:
        frame.write_ndjson(content)
    else:
        frame.write_csv(content, separator="\t" if ".tsv" in path.suffixes else ",")
    packed = path.suffix == ".gz"
    path.write_bytes(gzip.compress(content.getvalue()) if packed else content.getvalue())
    return path


def events(path: Path, **changed: object) -> Path:
    return save(path, {**EVENTS, **changed})


FORMATS = ["t.csv", "t.csv.gz", "t.tsv", "t.jsonl", "t.jsonl.gz", "t.parquet"]


@pytest.fixture(params=FORMATS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / request.param


def test_all_formats_read_the_same(path: Path) -> None:
    read = read_events(events(path), COLUMNS, None)
    assert read.columns == ["user", "item", "time"]
    assert read.rows() == [("ann", "x", 10), ("bob", "y", 20), ("cid", "x", 30), ("ann", "y", 40)]
    rated = read_events(path, RATED, 2.0)
    assert rated["rating"].to_list() == [5.0, 3.0, 4.0, 1.0]
    items = read_items(save(path, ITEMS), COLUMNS)
    assert items == [("x", "The X"), ("y", 'Y, "Z" & more')]


def test_whole_number_ids(path: Path) -> None:
    read = read_events(events(path, who=[1, 2, 3, 1], what=[7, 8, 7, 8]), COLUMNS, None)
    assert read["user"].to_list() == ["1", "2", "3", "1"]
    assert read["item"].to_list() == ["7", "8", "7", "8"]


def test_whole_floats_are_ids_others_are_not(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    read = read_events(events(path, what=[7.0, 8.0, 7.0, 8.0]), COLUMNS, None)
    assert read["item"].to_list() == ["7", "8", "7", "8"]
    with pytest.raises(UserError, match=r"row 2: column 'what' is 8.5"):
        read_events(events(path, what=[7.0, 8.5, 7.0, 8.0]), COLUMNS, None)
    with pytest.raises(UserError, match=r"column 'what' is Boolean; wanted ids"):
        read_events(events(path, what=[True, False, True, True]), COLUMNS, None)


NOON = 1_717_156_800  # 2024-05-31T12:00:00Z, by `date -u -d @1717156800`


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-31T12:00:00Z",
        "2024-05-31 12:00:00",
        "2024-05-31T14:00:00+02:00",
        "2024-05-31T12:00:00.900",
        str(NOON),
        f"{NOON}.9",
    ],
)
def test_times_as_text(path: Path, text: str) -> None:
    read = read_events(events(path, when=[text] * 4), COLUMNS, None)
    assert read["time"].to_list() == [NOON] * 4


def test_times_as_parquet_has_them(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    moments = [
        datetime(2024, 5, 31, 12),
        datetime(2024, 5, 31, 12, tzinfo=UTC),
        datetime(2024, 5, 31, 14, tzinfo=timezone(timedelta(hours=2))),
    ]
    for moment in moments:
        column = pl.Series([moment] * 4)
        if moment.tzinfo is not None and moment.utcoffset():
            column = column.dt.convert_time_zone("Europe/Paris")  # +02:00 in May
        read = read_events(events(path, when=column), COLUMNS, None)
        assert read["time"].to_list() == [NOON] * 4
    days = read_events(events(path, when=[date(2024, 5, 31)] * 4), COLUMNS, None)
    assert days["time"].to_list() == [NOON - 12 * 3600] * 4
    floats = read_events(events(path, when=[NOON + 0.7] * 4), COLUMNS, None)
    assert floats["time"].to_list() == [NOON] * 4


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (
            {"when": ["2024-05-31", "soon", "2024-05-31", "never"]},
            r"row 2: .*'soon'.*rows like it among 1 to 4: 2",
        ),
        ({"when": ["1", "2", "2024-05-31", "4"]}, r"row 3: column 'when' is '2024-05-31'"),
        ({"when": ["1", "2", "NaN", "4"]}, "row 3: column 'when' is 'NaN'"),
        ({"when": [1, 2, None, 4]}, "row 3: column 'when' is empty"),
        ({"when": [1, 2, 3, 1_717_156_800_000]}, "row 4: .*milliseconds"),
        ({"who": ["ann", None, "bob", "cid"]}, "row 2: column 'who' is empty"),
        ({"what": ["x", "y", "NaN", "x"]}, "row 3: column 'what' is 'NaN'"),
    ],
)
def test_a_bad_event_is_named_by_its_row(
    path: Path, changed: dict[str, list[object]], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint) as caught:
        read_events(events(path, **changed), COLUMNS, None)
    assert str(path) in str(caught.value)


def test_a_bad_rating(path: Path) -> None:
    with pytest.raises(UserError, match="row 2: column 'stars' is empty"):
        read_events(events(path, stars=[5.0, None, 4.0, 1.0]), RATED, 3.0)
    with pytest.raises(UserError, match=r"min_rating is 3, but data.events.columns.rating is null"):
        read_events(path, COLUMNS, 3.0)
    # not read where nothing is filtered by it
    assert len(read_events(path, RATED, None)) == 4


def test_a_missing_column_is_named_with_what_is_there(path: Path) -> None:
    save(path, {"who": ["a"], "item_id": ["x"], "when": [1]})
    with pytest.raises(UserError, match="no column 'what'; it has 'who', 'item_id', 'when'"):
        read_events(path, COLUMNS, None)


def test_empty_tables(path: Path) -> None:
    save(path, {name: [] for name in EVENTS})
    with pytest.raises(UserError, match=r"the table (is empty|has no row)"):
        read_events(path, COLUMNS, None)


def test_unreadable_files(tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(UserError, match="the table is empty"):
        read_items(empty, COLUMNS)
    latin = tmp_path / "latin.csv"
    latin.write_bytes("what,name\nx,Café\n".encode("latin-1"))
    with pytest.raises(UserError, match="wanted UTF-8 text"):
        read_items(latin, COLUMNS)
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("what,name\nx,One,more,still\n")
    with pytest.raises(UserError, match=r"row 1: got 4 fields in .*, wanted 2 as in the header"):
        read_items(ragged, COLUMNS)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"not a readable Parquet file .*; write it again$"):
        read_items(broken, COLUMNS)
    sheet = tmp_path / "t.xlsx"
    sheet.write_text("x")
    with pytest.raises(UserError, match=r"of type '.xlsx'; wanted .csv, .tsv"):
        read_items(sheet, COLUMNS)
    with pytest.raises(UserError, match="no such file"):
        read_items(tmp_path / "absent.csv", COLUMNS)


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_text("what,name\nx,Café\n", "utf-8-sig")
    assert read_items(path, COLUMNS) == [("x", "Café")]


def test_a_folder_of_parts_is_read_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, users in (("b.csv", ["cid", "ann"]), ("a.csv", ["ann", "bob"])):
        save(folder / name, {"who": users, "what": ["x", "y"], "when": [1, 2]})
    (folder / "_SUCCESS").touch()
    (folder / ".b.csv.crc").touch()
    assert read_events(folder, COLUMNS, None)["user"].to_list() == ["ann", "bob", "cid", "ann"]
    save(folder / "c.csv", {"who": ["ann", None], "what": ["x", "y"], "when": [1, 2]})
    with pytest.raises(UserError, match=r"c\.csv, row 2: column 'who' is empty"):
        read_events(folder, COLUMNS, None)


@pytest.mark.parametrize(
    ("name", "made", "told"),
    [
        ("c.csv", lambda part: part.symlink_to("gone.csv"), r"c\.csv: a link to no file"),
        ("d=1", Path.mkdir, "d=1: a folder, not a file"),
        ("c.csv", os.mkfifo, r"c\.csv: a pipe or a device, not a file"),
    ],
    ids=["dead link", "folder", "pipe"],
)
def test_nothing_in_a_folder_of_parts_is_silently_left_out(
    tmp_path: Path, name: str, made: Callable[[Path], object], told: str
) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    events(folder / "a.csv")
    (folder / "_temporary").mkdir()
    assert len(read_events(folder, COLUMNS, None)) == 4
    made(folder / name)
    with pytest.raises(UserError, match=f"{told}; wanted a folder of files, without folders in it"):
        read_events(folder, COLUMNS, None)


def test_a_pipe_is_no_table(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "e.csv")
    with pytest.raises(UserError, match=r"e\.csv: a pipe or a device, not a file; correct data"):
        read_events(tmp_path / "e.csv", COLUMNS, None)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of a few hundred rows come in many pieces."""
    for module in (delimited, json_lines):
        monkeypatch.setattr(module, "BLOCK", 512)
    monkeypatch.setattr(rows, "_ROWS", 10)


@pytest.mark.usefixtures("small_blocks")
def test_a_table_is_the_same_in_many_pieces(path: Path) -> None:
    n = 300
    table = {
        "who": [f"user {i % 7}" for i in range(n)],
        "what": ["x", "y"] * (n // 2),
        "when": [1000 + i for i in range(n)],
    }
    read = read_events(save(path, table), COLUMNS, None)
    assert read["user"].to_list() == table["who"]
    assert read["time"].to_list() == table["when"]
    table["when"][250] = "soon"
    with pytest.raises(UserError, match=r"row 251: column 'when' is 'soon'.*\(rows like it among"):
        read_events(save(path, {**table, "when": [str(t) for t in table["when"]]}), COLUMNS, None)


@pytest.mark.usefixtures("small_blocks")
def test_rows_of_text_are_counted_over_all_pieces(tmp_path: Path) -> None:
    good = [f"u{i},x,{i}" for i in range(200)]
    path = tmp_path / "t.csv"
    for bad, told in [
        ("u,x", "row 201: got 2 fields in 'u,x', wanted 3"),
        ("u\udce9,x,3", "row 201: column 'who' is no UTF-8"),
        ('u,x,"3', "a double quote opens a field that does not end"),
    ]:
        text = "\n".join(["who,what,when", *good, bad, *good])
        path.write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(UserError, match=told):
            read_events(path, COLUMNS, None)


def test_quotes_line_breaks_and_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'name,what,\r\n"a ""b""\r\nc, d",x,1\r\n\r\nsix 5" pipes,y,2')
    assert read_items(path, COLUMNS) == [("x", 'a "b"\r\nc, d'), ("y", 'six 5" pipes')]


def test_an_open_quote_in_a_column_that_is_not_read_loses_no_row_silently(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('what,name,review\nx,X,fine\ny,Y,"so so\nz,Z,good\n')
    with pytest.raises(UserError, match="a double quote opens a field that does not end"):
        read_items(path, COLUMNS)


@settings(max_examples=200, deadline=None)
@given(
    moment=st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
    minutes=st.integers(-14 * 60, 14 * 60) | st.none(),
    timespec=st.sampled_from(["minutes", "seconds", "microseconds"]),
    sep=st.sampled_from("T "),
)
def test_iso_times_are_what_python_reads(
    moment: datetime, minutes: int | None, timespec: str, sep: str
) -> None:
    zone = None if minutes is None else timezone(timedelta(minutes=minutes))
    text = moment.replace(tzinfo=zone).isoformat(sep, timespec)
    read = datetime.fromisoformat(text).replace(microsecond=0, tzinfo=zone or UTC)
    column = pl.DataFrame({"time": [text]})
    got = times(Field(Piece(Path("t"), 1, column), "time", "time"), as_seconds=False)
    assert got.to_list() == [(read - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)]


def stage(tmp_path: Path, events_table: Path, items_table: Path, **changed: object) -> Path:
    settings = Ingest(
        reader="events",
        files=["events", "items"],
        min_rating=None,
        titles=Titles(style="raw", allow_markup=False),
        source=COLUMNS,
    )
    out = tmp_path / "out"
    ingest_source(
        settings=settings,
        files=[events_table, items_table],
        users=out / "users.parquet",
        items=out / "items.parquet",
        interactions=out / "interactions.parquet",
    )
    return out


def test_the_stage(tmp_path: Path) -> None:
    out = stage(tmp_path, events(tmp_path / "e.csv"), save(tmp_path / "i.parquet", ITEMS))
    rows = tables.read(out / "interactions.parquet", schemas.INTERACTIONS)
    assert rows["user_id"].to_pylist() == [1, 1, 2, 3]
    assert rows["item_id"].to_pylist() == [1, 2, 2, 1]
    assert tables.read(out / "items.parquet", schemas.ITEMS)["title"].to_pylist() == ITEMS["name"]


def test_the_stage_refuses_unknown_items_lone_users_and_bad_titles(tmp_path: Path) -> None:
    items = save(tmp_path / "i.csv", ITEMS)
    with pytest.raises(
        UserError, match=r"events name items .* not hold: 'w', 'v' \(such events: 2\)"
    ):
        stage(tmp_path, events(tmp_path / "e.csv", what=["x", "w", "v", "y"]), items)
    with pytest.raises(UserError, match=r"got users: 1, events: 4; wanted at least 3"):
        stage(tmp_path, events(tmp_path / "e.csv", who=["ann"] * 4), items)
    for title, complaint in [(None, "is empty"), ("a\nb", "U\\+000A"), ("<SeqH>", "SeqH")]:
        bad = save(tmp_path / "bad.csv", {"what": ["x", "y"], "name": ["ok", title]})
        with pytest.raises(UserError, match=complaint) as caught:
            stage(tmp_path, events(tmp_path / "e.csv"), bad)
        assert "item 'y'" in str(caught.value)
    assert not [*tmp_path.glob("out/*")]
