"""P5's sequences: numbers become Amazon's ids, times are those of a table or places."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recinterpreter.data.raw import Raw
from recinterpreter.data.readers.p5 import read
from recinterpreter.errors import UserError
from recinterpreter.settings.data import AmazonRules, Ingest, Titles

DAY = 86_400
MAPS = {
    "id2user": {"1": "A1", "2": "A2"},
    "id2item": {"1": "B1", "2": "B2", "3": "B3"},
}
TITLES = "p5_item\tasin\ttitle\n1\tB1\tOne &amp; only\n2\tB2\t\n3\tB3\tThree\n"
TIMES = (
    "p5_user\tp5_item\treviewerID\tasin\tunixReviewTime\n"
    "1\t2\tA1\tB2\t7\n1\t1\tA1\tB1\t7\n2\t3\tA2\tB3\t5\n"
)


def written(folder: Path, sequences: str = "1 2 1\n2 3\n", **others: Any) -> dict[str, Path]:
    texts = {"sequences": sequences, "datamaps": json.dumps(MAPS), "titles": TITLES, **others}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in texts}


def raw(files: dict[str, Path]) -> Raw:
    settings = Ingest(
        reader="p5",
        files=list(files),
        min_rating=None,
        titles=Titles(style="paper", allow_markup=False),
        source=AmazonRules(release="p5", core=None, longest_title=100),
    )
    return read(files, settings, Path())


def test_times_are_places_in_days_where_there_are_none(tmp_path: Path) -> None:
    found = raw(written(tmp_path))
    rows = [("A1", "B2", 0), ("A1", "B1", DAY), ("A2", "B3", 0)]
    assert found.events.collect().rows() == rows
    assert found.items == [("B1", "One & only"), ("B3", "Three"), ("B2", "B2")]


def test_times_of_a_table_are_taken_where_all_have_one(tmp_path: Path) -> None:
    found = raw(written(tmp_path, times=TIMES))
    assert found.events.collect()["time"].to_list() == [7, 7, 5]
    for other in (TIMES.replace("\t5\n", "\t\n"), TIMES.replace("unix", "relative")):
        times = raw(written(tmp_path, times=other)).events.collect()["time"]
        assert times.to_list() == [0, DAY, 0]


def test_titles_of_p5s_own_metadata(tmp_path: Path) -> None:
    files = written(tmp_path)
    files["titles"] = tmp_path / "meta.json.gz"
    lines = "{'asin': 'B3', 'title': \"It's 3\"}\n{'asin': 'B1', 'title': 'One'}\n"
    files["titles"].write_bytes(gzip.compress(lines.encode()))
    assert raw(files).items == [("B3", "It's 3"), ("B1", "One"), ("B2", "B2")]


BAD = {
    "text": ({"sequences": "1 2 x\n"}, r"line 1: got '1 2 x', wanted the numbers of a user"),
    "nothing": ({"sequences": "\n"}, r"line 1: got '', wanted the numbers of a user"),
    "a user twice": ({"sequences": "1 2\n1 3\n"}, r"user 1 has two lines"),
    "an unknown item": ({"sequences": "1 9\n"}, r"the number 9 \(item\) is not in datamaps"),
    "an unknown user": ({"sequences": "9 1\n"}, r"the number 9 \(user\) is not in datamaps"),
    "maps of no kind": ({"datamaps": "[]"}, r"wanted JSON with the maps id2user and id2item"),
    "maps cut off": ({"datamaps": '{"id2user": '}, r"wanted JSON with the maps"),
    "times of others": ({"times": TIMES.replace("1\t2\tA1", "1\t3\tA1")}, r"3 rows are not the 3"),
    "times without": ({"times": "a\tb\n1\t2\n"}, r"no column p5_item, p5_user"),
    "titles of no kind": ({"titles": "asin,title\nB1,One\n"}, r"wanted three, of which the secon"),
}


@pytest.mark.parametrize(("files", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_told(tmp_path: Path, files: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        raw(written(tmp_path, **files))


@pytest.mark.parametrize(
    ("category", "titles", "counts"),
    [
        ("beauty", "p5_item_titles.tsv", (22_363, 12_101, 198_502)),
        ("toys", "p5_item_short_text.tsv", (19_412, 11_924, 167_597)),
    ],
)
def test_the_real_sequences_have_the_published_counts(
    shared_data: Path, category: str, titles: str, counts: tuple[int, int, int]
) -> None:
    folder = shared_data / "amazon" / category
    if not folder.is_dir():
        pytest.skip(f"needs P5's sequences in ../shared/data/amazon/{category}")
    names = {"sequences": "p5_sequential.txt", "datamaps": "p5_datamaps.json", "titles": titles}
    names["times"] = "p5_interactions.tsv.gz"
    found = raw({kind: folder / name for kind, name in names.items()})
    events = found.events.collect()
    assert (events["user"].n_unique(), len(found.items), len(events)) == counts
    # no user's events go back in time, so that sorted by it they are P5's sequence still
    assert events.select(pl.col("time").diff().over("user").min()).item() >= 0
