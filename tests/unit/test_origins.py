"""Categories of Amazon: which data sets they are, and which of a user's files are read."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from recinterpreter.experiment import Settings
from recinterpreter.origins import amazon_origins
from recinterpreter.settings.data import AmazonRules, AmazonSource

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))


def source(**said: Any) -> AmazonSource:
    return AmazonSource.model_validate({**CONFIG["data"]["amazon"], **said})


def settings(**said: Any) -> Settings:
    amazon = {**CONFIG["data"]["amazon"], **said}
    data = {**CONFIG["data"], "sources": ["demo", "amazon", "lastfm"], "amazon": amazon}
    return Settings.model_validate({**CONFIG, "data": data})


def test_each_category_is_a_data_set_with_words_of_its_own() -> None:
    asked = settings(release=2018, categories=["All_Beauty", "Video_Games", "Movies_and_TV"])
    names = ["amazon-2018-all-beauty", "amazon-2018-video-games", "amazon-2018-movies-and-tv"]
    assert asked.datasets == ["demo", *names, "lastfm"]
    assert [asked.data.domain(name) for name in names] == ["items", "games", "movies"]


def test_rules_are_handed_on_and_places_are_not(tmp_path: Path) -> None:
    here, there = settings(core=3), settings(core=3, path=str(tmp_path))
    handed = here.data.ingest("amazon-2014-beauty")
    assert handed == there.data.ingest("amazon-2014-beauty")
    assert (handed.reader, handed.files) == ("amazon", ["reviews", "metadata"])
    assert handed.source == AmazonRules(release=2014, core=3, longest_title=100)
    assert here.data.places("amazon-2014-beauty") == []
    assert there.data.parts("amazon-2014-beauty") == [
        str(tmp_path / "reviews_Beauty_5.json.gz"),
        str(tmp_path / "meta_Beauty.json.gz"),
    ]


@pytest.mark.parametrize(
    ("there", "read"),
    [
        ([], "reviews_Beauty_5.json.gz"),
        (["reviews_Beauty.json.gz", "Beauty_5.csv.gz"], "reviews_Beauty.json.gz"),
        (["reviews_Beauty.json.gz", "reviews_Beauty_5.json.gz"], "reviews_Beauty_5.json.gz"),
        (["Beauty_5.csv.gz"], "Beauty_5.csv.gz"),
    ],
)
def test_of_a_users_files_the_official_one_comes_first(
    tmp_path: Path, there: list[str], read: str
) -> None:
    for name in there:
        (tmp_path / name).touch()
    [origin] = amazon_origins(source(path=str(tmp_path))).values()
    assert origin.files["reviews"] == read


def test_p5_has_times_where_the_user_has_them(tmp_path: Path) -> None:
    said = source(release="p5", categories=["beauty"], path=str(tmp_path))
    [origin] = amazon_origins(said).values()
    assert [*origin.files] == ["sequences", "datamaps", "titles"]
    assert origin.reader == "p5"
    assert not origin.downloaded
    (tmp_path / "beauty").mkdir()
    (tmp_path / "beauty" / "p5_interactions.tsv.gz").touch()
    assert [*amazon_origins(said)["amazon-p5-beauty"].files][-1] == "times"
