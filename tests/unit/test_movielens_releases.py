"""MovieLens-1M, 20M, 25M and latest-small: what is read of files of their official formats."""

import zipfile
from pathlib import Path

import pytest

from recinterpreter.data.raw import Raw
from recinterpreter.data.readers.movielens import read
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Ingest, MovieLensRelease, Titles

CSV = {
    "ratings.csv": "userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n1,110,0.5,1112486000\n"
    "7,2,5.0,978300760\n",
    "movies.csv": "movieId,title,genres\n2,Jumanji (1995),Adventure|Children\n"
    '11,"American President, The (1995)",Comedy\n110,"Say ""Café"" (2001)",Drama\n',
}
DAT = {
    "ratings.dat": "1::1193::5::978300760\n1::661::3::978302109\n2::1193::4::978298413\n",
    "movies.dat": "661::James and the Giant Peach (1996)::Animation\n"
    "1193::Misérables, Les: Part 2::One (1995)::Drama\n3000::Nobody's (1999)::Comedy\n",
}


def folder(path: Path, files: dict[str, str], **other: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in {**files, **other}.items():
        (path / name).write_text(text, "latin-1" if name.endswith(".dat") else "utf-8")
    return path


def releases(
    path: Path, scratch: Path, release: str = "ml-25m", min_rating: float | None = None
) -> Raw:
    settings = Ingest(
        reader="movielens",
        files=["archive"],
        min_rating=min_rating,
        titles=Titles(style="paper", allow_markup=False),
        source=MovieLensRelease.model_validate({"release": release}),
    )
    scratch.mkdir(exist_ok=True)
    return read({"archive": path}, settings, scratch)


def test_csv_releases(tmp_path: Path) -> None:
    events, items = releases(folder(tmp_path / "ml-25m", CSV), tmp_path)
    assert items == [("2", "Jumanji (1995)"), ("110", 'Say "Café" (2001)')]  # 11: nobody rated it
    assert events.collect().rows() == [
        ("1", "2", 1112486027),
        ("1", "110", 1112486000),
        ("7", "2", 978300760),
    ]


def test_ratings_are_numbers_where_they_are_wanted(tmp_path: Path) -> None:
    events, _ = releases(folder(tmp_path / "ml-25m", CSV), tmp_path, min_rating=3)
    assert events.collect()["rating"].to_list() == [3.5, 0.5, 5.0]


def test_dat_release(tmp_path: Path) -> None:
    events, items = releases(folder(tmp_path / "ml-1m", DAT), tmp_path, "ml-1m")
    assert items == [
        ("661", "James and the Giant Peach (1996)"),
        ("1193", "Misérables, Les: Part 2::One (1995)"),
    ]
    assert events.collect().rows() == [
        ("1", "1193", 978300760),
        ("1", "661", 978302109),
        ("2", "1193", 978298413),
    ]


@pytest.mark.parametrize(("release", "files"), [("ml-20m", CSV), ("ml-1m", DAT)])
def test_zip_and_folder_give_the_same(tmp_path: Path, release: str, files: dict[str, str]) -> None:
    unpacked = folder(tmp_path / "parent" / release, files)
    path = tmp_path / f"{release}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files:
            archive.write(unpacked / name, f"{release}/{name}")
            archive.writestr(f"../{name}", "never unpacked")
    events, items = releases(path, tmp_path / "scratch", release)
    for place in (unpacked, unpacked.parent):
        again, again_items = releases(place, tmp_path / "unused", release)
        assert items == again_items
        assert events.collect().equals(again.collect())
    assert sorted(p.name for p in (tmp_path / "scratch").iterdir()) == sorted(files)
    assert not list((tmp_path / "unused").iterdir())


def test_utf_8_is_read_as_it_is(tmp_path: Path) -> None:
    path = folder(tmp_path / "ml-1m", DAT)
    (path / "movies.dat").write_text(DAT["movies.dat"], "utf-8")
    assert releases(path, tmp_path, "ml-1m").items[1][1].startswith("Misérables")


BAD = {
    "a rating that is none": (CSV, "ratings.csv", "userId,movieId,rating,timestamp\n1,2,x,3\n",
                              r"ratings\.csv, line 2: got 1 \| 2 \| x \| 3, wanted userId"),
    "a line that is short": (CSV, "ratings.csv", CSV["ratings.csv"] + "1,2\n",
                             r"ratings\.csv, line 5: got 1 \| 2 \| None \| None"),
    "a line that is long": (CSV, "ratings.csv", CSV["ratings.csv"] + "1,2,3,4,5\n",
                            r"ratings\.csv: cannot be read \(.*fields"),
    "another header": (CSV, "ratings.csv", "user,item,rating,time\n1,2,3,4\n",
                       r"no column userId, movieId, timestamp, only 'user'"),
    "an empty file": (CSV, "ratings.csv", "", r"ratings\.csv: cannot be read as CSV"),
    "an unknown movie": (CSV, "ratings.csv", CSV["ratings.csv"] + "1,99,3,4\n",
                         r"1 movies are rated that movies\.csv does not hold: 99; wanted both"),
    "a movie twice": (CSV, "movies.csv", CSV["movies.csv"] + "2,Again (1995),x\n",
                      r"4 movies of 3 different numbers"),
    "a movie without a title": (CSV, "movies.csv", "movieId,title,genres\n2,,x\n",
                                r"movies\.csv, line 2: got 2 \| None, wanted movieId, title"),
    "single colons": (DAT, "ratings.dat", "1:2:3:4:5:6:7\n", r"ratings\.dat, line 1: got 1 \| 3"),
    "a movie without genres": (DAT, "movies.dat", "661::James\n", r"line 1: got '661::James', wan"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "name", "text", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_told(
    tmp_path: Path, files: dict[str, str], name: str, text: str, told: str
) -> None:
    path = folder(tmp_path / "ml", files, **{name: text})
    with pytest.raises(UserError, match=told):
        releases(path, tmp_path / "scratch", "ml-25m" if files is CSV else "ml-1m")


def test_archives_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file or folder; correct data\.ml-1m\.path"):
        releases(tmp_path / "ml-1m.zip", tmp_path, "ml-1m")
    with pytest.raises(UserError, match=r"no ratings\.csv in this folder; correct data\.ml-25m"):
        releases(folder(tmp_path / "ml-1m", DAT), tmp_path)
    path = tmp_path / "ml-1m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ml-1m/users.dat", "1::F::1::10::48067")
    with pytest.raises(UserError, match=r"the zip holds no ratings\.dat"):
        releases(path, tmp_path, "ml-1m")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match=r"truncated, damaged or encrypted zip"):
        releases(path, tmp_path, "ml-1m")
