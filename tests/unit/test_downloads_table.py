"""The table of official files: what every row must say, and how a bad one is told."""

import json
from pathlib import Path

import pytest
import yaml

from recinterpreter.data.downloads import TABLE, row_json, table
from recinterpreter.errors import UserError
from recinterpreter.origins import ORIGINS, amazon_origins
from recinterpreter.settings.data import AmazonSource
from recinterpreter.settings.downloads import Download
from recinterpreter.workflow.digest import PACKAGE, import_closure

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))
ROW = yaml.safe_load(TABLE.read_text(encoding="utf-8"))[0]


@pytest.mark.parametrize("row", table().values(), ids=lambda row: row.name)
def test_a_row_says_what_a_download_needs(row: Download) -> None:
    assert all(url.startswith("https://") for url in row.urls)
    assert len({url.rpartition("/")[2] for url in row.urls}) == 1  # a mirror has the same file
    assert len(set(row.urls)) == len(row.urls)
    block: object = CONFIG
    for key in row.setting.split("."):
        assert isinstance(block, dict)
        assert key in block, f"{row.setting} is no key of config.yaml"
        block = block[key]


def test_no_address_stands_in_two_rows() -> None:
    urls = [url for row in table().values() for url in row.urls]
    assert len(set(urls)) == len(urls)


def files_of(release: int) -> set[str]:
    source = AmazonSource.model_validate({**CONFIG["data"]["amazon"], "release": release})
    [origin] = amazon_origins(source).values()
    return {*origin.files.values()}


def test_a_file_name_means_one_row_and_every_downloaded_file_has_one() -> None:
    names = [row.file for row in table().values() if not row.name.startswith("amazon-")]
    assert len(set(names)) == len(names)
    public = [origin.files.values() for origin in ORIGINS.values() if origin.downloaded]
    assert {*names} == set().union(*public)


@pytest.mark.parametrize("release", [2014, 2018, 2023])
def test_a_row_of_amazon_is_that_of_every_category(release: int) -> None:
    dataset = f"amazon-{release}-beauty"
    rows = [Download.model_validate_json(row_json(file, dataset)) for file in files_of(release)]
    assert {row.name for row in rows} == {
        f"amazon-{release}-{kind}-Beauty" for kind in ("reviews", "metadata")
    }
    for row in rows:
        assert row.file in files_of(release)
        assert "{" not in "".join(row.urls)


def test_movielens_terms_are_shown() -> None:
    movielens = [row for row in table().values() if "/movielens/" in row.urls[0]]
    assert movielens
    for row in movielens:
        assert row.notice is not None
        assert "redistribute" in row.notice


def test_a_stage_is_handed_its_row_in_one_line() -> None:
    text = row_json("ml-100k.zip", "ml-100k")
    assert "\n" not in text
    assert Download.model_validate_json(text) == table()["ml-100k"]
    assert json.loads(text)["sha256"] == ROW["sha256"]


def test_no_stage_reaches_the_table_so_a_row_is_of_one_download() -> None:
    stages = (PACKAGE / "stages").glob("*.py")
    assert TABLE.with_suffix(".py") not in import_closure(stages)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"ml-100k": ROW}, "wanted a list of rows, got dict"),
        ([{**ROW, "colour": "red"}], "row 1: colour: got 'red'; Extra inputs are not permitted"),
        ([{k: v for k, v in ROW.items() if k != "notice"}], "row 1: notice: .*Field required"),
        ([{**ROW, "bytes": "4924029"}], "row 1: bytes: got '4924029'; Input should be .* integer"),
        ([{**ROW, "sha256": ROW["sha256"].upper()}], r"row 1: sha256: .*\[0-9a-f\]\{64\}"),
        ([{**ROW, "urls": []}], r"row 1: urls: got \[\]; List should have at least 1"),
        ([{**ROW, "urls": ["ftp://a/b"]}], "row 1: urls: 0: got 'ftp://a/b'"),
        ([{**ROW, "sha256": None, "urls": ["https://a/b.csv"]}], "sha256 is null; wanted one"),
        ([ROW, ROW], "row 2: name: ml-100k is taken by another row"),
    ],
)
def test_a_bad_row_is_told(tmp_path: Path, rows: object, told: str) -> None:
    file = tmp_path / "downloads.yaml"
    file.write_text(yaml.safe_dump(rows))
    with pytest.raises(UserError, match=told):
        table(file)
