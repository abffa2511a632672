import os
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest

from recinterpreter import schemas, tables
from recinterpreter.data.readers.ml_100k import read_movielens
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Ingest, Split, Titles
from recinterpreter.stages.ingest_source import ingest_source
from recinterpreter.stages.split_examples import split_examples

SETTINGS = Ingest(
    reader="ml_100k",
    files=["archive"],
    min_rating=None,
    titles=Titles(style="paper", allow_markup=False),
    source=None,
)
GENRES = "|".join(["0"] * 19)
ITEMS = [
    f"1|Toy Story (1995)|01-Jan-1995||http://x|{GENRES}",
    f"2|Misérables, Les (1995)|01-Jan-1995||http://x|{GENRES}",
    f"3|Heat (1995)|01-Jan-1995||http://x|{GENRES}",
]
EVENTS = ["7\t1\t5\t100", "8\t2\t3\t90", "9\t3\t1\t120", "7\t3\t4\t110"]


def write(folder: Path, events: list[str] = EVENTS, items: list[str] = ITEMS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "u.data").write_text("".join(f"{line}\n" for line in events), "latin-1")
    (folder / "u.item").write_text("".join(f"{line}\n" for line in items), "latin-1")
    return folder


def ingest(source: Path, out: Path) -> dict[str, Path]:
    paths = {name: out / f"{name}.parquet" for name in ("users", "items", "interactions")}
    ingest_source(settings=SETTINGS, files=[source], **paths)
    return paths


def archive(folder: Path, path: Path, inner: str = "ml-100k/") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name in ("u.data", "u.item"):
            zipped.write(folder / name, inner + name)
    return path


def test_folder_and_zip_give_the_same(tmp_path: Path) -> None:
    folder = write(tmp_path / "parent" / "ml-100k")
    events, items = read_movielens(folder)
    assert items == [
        ("1", "Toy Story (1995)"),
        ("2", "Misérables, Les (1995)"),
        ("3", "Heat (1995)"),
    ]
    assert events.rows() == [
        ("7", "1", 100, 5.0),
        ("8", "2", 90, 3.0),
        ("9", "3", 120, 1.0),
        ("7", "3", 110, 4.0),
    ]
    others = [
        tmp_path / "parent",
        archive(folder, tmp_path / "official.zip"),
        archive(folder, tmp_path / "flat.zip", inner=""),
    ]
    for source in others:
        again, titles = read_movielens(source)
        assert again.equals(events)
        assert titles == items


def test_windows_line_ends(tmp_path: Path) -> None:
    folder = write(tmp_path)
    for name in ("u.data", "u.item"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content.replace(b"\n", b"\r\n"))
    assert len(read_movielens(folder)[0]) == 4


def test_the_stage_writes_tables_and_counts(tmp_path: Path) -> None:
    paths = ingest(write(tmp_path / "in"), tmp_path)
    users = tables.read(paths["users"], schemas.USERS)
    assert users["source_id"].to_pylist() == ["8", "7", "9"]
    rows = tables.read(paths["interactions"], schemas.INTERACTIONS).to_pylist()
    assert [(r["user_id"], r["item_id"], r["time"], r["position"]) for r in rows] == [
        (1, 2, 90, 0),
        (2, 1, 100, 0),
        (2, 3, 110, 1),
        (3, 3, 120, 0),
    ]
    assert tables.metadata(paths["interactions"]) == {"n_users": 3, "n_items": 3}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("7\t1\t5", r"line 2: got 3 fields in '7\\t1\\t5', wanted 4"),
        ("7 1 5 100", "line 2: got 1 fields"),
        ("", "line 2: got 1 fields"),
        ("seven\t1\t5\t100", "line 2: user id is 'seven', wanted a whole number"),
        ("7\tx\t5\t100", "line 2: item id is 'x'"),
        ("7\t1\tNaN\t100", "line 2: rating is 'NaN'"),
        ("7\t1\t5\tnan", "line 2: timestamp is 'nan'"),
        ("7\t1\t5\t1e9", "line 2: timestamp is '1e9'"),
        ("7\t1\t5\t٣", "line 2: got|line 2: timestamp is"),
        (f"{'9' * 25}\t1\t5\t100", "line 2: user id is '9999"),
        ("7\t-1\t5\t100", "line 2: item id is '-1'"),
        ("7\t99\t5\t100", r"line 2: item id 99 is not in u.item, which holds 3 items"),
    ],
)
def test_a_bad_event_is_named_by_its_line(tmp_path: Path, line: str, complaint: str) -> None:
    folder = write(tmp_path)
    content = "\n".join([EVENTS[0], line, *EVENTS[1:]]) + "\n"
    (folder / "u.data").write_bytes(content.encode("utf-8"))
    with pytest.raises(UserError, match=complaint) as caught:
        read_movielens(folder)
    assert "u.data" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("4|Short (1999)|0|1", "line 4: got 4 fields"),
        (f"four|Title|||http://x|{GENRES}", "line 4: item id is 'four'"),
    ],
)
def test_a_bad_item_is_named_by_its_line(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        read_movielens(write(tmp_path, items=[*ITEMS, line]))


def test_an_item_may_not_stand_twice(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has the id '1' again"):
        ingest(write(tmp_path, items=[*ITEMS, ITEMS[0]]), tmp_path)


def test_u_item_as_utf8_is_recognised(tmp_path: Path) -> None:
    folder = write(tmp_path)
    text = (folder / "u.item").read_text("latin-1")
    (folder / "u.item").write_text(text, "utf-8")
    with pytest.raises(UserError, match=r"u.item, line 2: the file is UTF-8, wanted latin-1"):
        read_movielens(folder)
    (folder / "u.item").write_text(text.replace("é", "e"), "utf-8-sig")
    with pytest.raises(UserError, match=r"line 1: the file is UTF-8"):
        read_movielens(folder)
    (folder / "u.item").write_text(text.replace("é", "e"), "utf-8")
    assert read_movielens(folder)[1][1][1] == "Miserables, Les (1995)"


@pytest.mark.parametrize("name", ["u.data", "u.item"])
def test_empty_and_missing_files(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path)
    (folder / name).write_text("\n")
    with pytest.raises(UserError, match=f"{name}: the file is empty"):
        read_movielens(folder)
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"no {name} in this folder"):
        read_movielens(folder)


def test_a_missing_source(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file or folder; correct data.ml-100k.path"):
        read_movielens(tmp_path / "absent")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "text", "other"])
def test_a_damaged_zip(tmp_path: Path, damage: str) -> None:
    path = archive(write(tmp_path / "in"), tmp_path / "ml-100k.zip")
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[45:60] = os.urandom(15)
        path.write_bytes(content)
    elif damage == "text":
        path.write_text("<html>not found</html>")
    else:
        with zipfile.ZipFile(path, "w") as zipped:
            zipped.writestr("readme.txt", "hello")
    with pytest.raises(
        UserError, match=r"truncated, damaged or encrypted zip|the zip holds no u.item"
    ):
        read_movielens(path)


def test_one_user_only_leaves_no_table_behind(tmp_path: Path) -> None:
    source = write(tmp_path / "in", events=["7\t1\t5\t100", "7\t2\t5\t101"])
    with pytest.raises(UserError, match=r"got users: 1, "):
        ingest(source, tmp_path)
    assert not list(tmp_path.glob("*.parquet"))


# --- the real release ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = shared_data / "movielens" / "ml-100k"
    if not folder.is_dir():
        pytest.skip("needs MovieLens-100K in ../shared/data/movielens/ml-100k")
    out = tmp_path_factory.mktemp("ml-100k")
    paths = {**ingest(folder, out), "examples": out / "examples.parquet", "source": folder}
    chosen = Split(unit="sequence", train=0.8, validation=0.1, history=10)
    split_examples(settings=chosen, interactions=paths["interactions"], examples=paths["examples"])
    return paths


def test_real_counts(real: dict[str, Path]) -> None:
    assert tables.metadata(real["examples"]) == {
        "n_users": 943,
        "n_items": 1682,
        "history": 10,
        "unit": "sequence",
    }
    items = tables.read(real["items"], schemas.ITEMS)
    assert len(items) == 1682
    assert len(set(items["raw_title"].to_pylist())) == 1664  # the spec's count
    assert len(tables.read(real["interactions"], schemas.INTERACTIONS)) == 100_000
    assert "Empire Strikes Back" in items["title"].to_pylist()
    examples = tables.read(real["examples"], schemas.EXAMPLES).to_pylist()
    assert len(examples) == 100_000 - 943
    users = defaultdict(set)
    for row in examples:
        users[row["split"]].add(row["user_id"])
    assert [len(users[name]) for name in ("train", "validation", "test")] == [754, 94, 95]


def test_real_histories_against_the_raw_file(real: dict[str, Path]) -> None:
    by_user: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for line in (real["source"] / "u.data").read_text().splitlines():
        user, item, _, time = line.split("\t")
        by_user[user].append((int(time), item))
    for events in by_user.values():
        events.sort(key=lambda event: event[0])  # stable: ties in the file's order
    ranked = sorted(by_user, key=lambda user: by_user[user][0][0])

    source_user = tables.read(real["users"], schemas.USERS)["source_id"].to_pylist()
    source_item = tables.read(real["items"], schemas.ITEMS)["source_id"].to_pylist()
    last = {}
    for row in tables.read(real["examples"], schemas.EXAMPLES).to_pylist():
        if row["split"] == "test":
            last[source_user[row["user_id"] - 1]] = row  # positions ascend
    # the authors' group's test users: ranks 848-942 (from 0) by first timestamp
    assert set(last) == set(ranked[848:943])
    for user, row in last.items():
        named = [source_item[item - 1] for item in [*row["history"], row["target"]]]
        assert named == [item for _, item in by_user[user][-11:]]
