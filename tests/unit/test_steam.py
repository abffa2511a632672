"""Steam's two raw files: what is read of them, what is left out, and who is drawn."""

import datetime
import gzip
import logging
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_literals import python2

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import read_json
from recinterpreter.data.readers import steam_sample
from recinterpreter.data.readers.steam import read_games, read_reviews
from recinterpreter.data.readers.steam_sample import read
from recinterpreter.errors import UserError
from recinterpreter.settings.data import Ingest, SteamSample, Titles
from recinterpreter.stages.check_source import check_source
from recinterpreter.stages.ingest_source import ingest_source


def sample(min_reviews: int = 1, users: float = 1.0, games: float = 1.0, seed: int = 0) -> Ingest:
    return Ingest(
        reader="steam_sample",
        files=["games", "reviews"],
        min_rating=None,
        titles=Titles(style="paper", allow_markup=False),
        source=SteamSample(min_reviews=min_reviews, users=users, games=games, seed=seed),
    )


def packed(path: Path, *lines: dict[str, Any] | bytes) -> Path:
    written = [line if isinstance(line, bytes) else python2(line).encode() for line in lines]
    path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in written)))
    return path


def review(user: Any, game: Any, day: Any = "2015-03-01", **more: Any) -> dict[str, Any]:
    return {"username": user, "hours": 1.5, "product_id": game, "date": day, "text": "x", **more}


def catalogue(folder: Path, n: int = 9) -> Path:
    return packed(folder / "g.gz", *({"id": str(i), "title": f"Game {i}"} for i in range(1, n + 1)))


def events(folder: Path, settings: Ingest, *reviews: dict[str, Any]) -> list[tuple[str, str, int]]:
    files = {"games": catalogue(folder), "reviews": packed(folder / "r.gz", *reviews)}
    found = read(files, settings, folder).events.collect()
    return found.rows()


def days(date: str) -> int:
    return (datetime.date.fromisoformat(date) - datetime.date(1970, 1, 1)).days * 86_400


def test_a_game_has_an_id_and_a_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "recinterpreter")
    path = packed(
        tmp_path / "g.gz",
        {"id": "7", "title": "Half-Life &amp; more", "app_name": "other", "tags": ["a", "b"]},
        {"id": "8", "app_name": "Portal"},
        {"id": 9, "title": "Rocksmith\x99 - \ud83d\ude00 \ud83d"},
        {"id": "7", "title": "again"},
        {"title": "no id"},
        {"id": "10", "title": ""},
        {"id": "11", "title": "\x99"},
        b"{u'id': u'12', u'title",
        {"id": "13", "title": "Braid"},
        {"id": "14", "title": "Limbo"},
        {"id": "15", "title": "Fez"},
    )
    assert read_games(path) == [
        ("7", "Half-Life &amp; more"),
        ("8", "Portal"),
        ("9", "Rocksmith  - 😀 \ufffd"),
        ("13", "Braid"),
        ("14", "Limbo"),
        ("15", "Fez"),
    ]
    counted = "1 of an id that stood before, 1 without an id, 2 without a name, 1 broken"
    assert caplog.messages[-1] == f"g.gz: 11 lines; left out: {counted}"


def test_the_real_catalogue(shared_data: Path) -> None:
    games = read_games(shared_data / "steam" / "steam_games.json.gz")
    # 32,135 lines, 2 without an id (one of them nameless too), another without a name, one id twice
    assert len(games) == len({game for game, _ in games}) == 32_131
    assert games[0] == ("761140", "Lost Summoner Kitty")


def test_reviews_without_user_game_or_day_are_left_out(tmp_path: Path, caplog) -> None:
    caplog.set_level(logging.INFO, "recinterpreter")
    good = [review("ann", "1", "2015-03-01"), review("bo♥", 2, "1969-12-31", user_id="765")]
    useless = [review("", "1"), review("ann", None), review("ann", "1", "2015-02-30"), b"{"]
    frames = list(read_reviews(packed(tmp_path / "r.gz", *good, *useless, *good)))
    assert [row for frame in frames for row in frame.rows()] == [
        ("ann", "1", days("2015-03-01")),
        ("bo♥", "2", -86_400),
    ] * 2
    assert "8 lines; left out: 1 broken, 1 without a username, 1 without a game" in caplog.text


@pytest.mark.parametrize("read", [read_games, lambda path: list(read_reviews(path))])
def test_a_file_of_which_most_is_of_no_use_is_refused(tmp_path: Path, read) -> None:
    with pytest.raises(UserError, match=r"of 3 lines most are of no use: .*data\.steam\.path"):
        read(
            packed(tmp_path / "x.gz", b"<html>", b"", {"id": "1", "title": "a", **review("a", "1")})
        )
    with pytest.raises(UserError, match="the file is empty"):
        read(packed(tmp_path / "x.gz"))


def test_of_several_reviews_of_a_game_the_earliest_counts(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        sample(),
        review("ann", "1", "2015-03-02"),
        review("ann", "2", "2015-03-01"),
        review("ann", "1", "2015-03-01"),
        review("ann", "1", "2015-03-01", text="again"),
        review("bo", "1", "2015-03-09"),
        review("bo", "99", "2015-03-01"),
    )
    first = days("2015-03-01")
    assert found == [
        ("ann", "2", first),
        ("ann", "1", first),
        ("bo", "1", days("2015-03-09")),
    ]


def test_users_of_fewer_games_are_left_out(tmp_path: Path) -> None:
    one = [review("one", game) for game in "11119"]  # two games, and one of them four times
    two = [review("two", game) for game in "123"]
    assert {user for user, *_ in events(tmp_path, sample(3), *one, *two)} == {"two"}
    with pytest.raises(UserError, match="no review is left of users with at least 4"):
        events(tmp_path, sample(4), *one, *two)


def world(seed: int = 0, n: int = 600) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        review(
            f"user{rng.randrange(60)}", str(rng.randrange(1, 13)), f"2015-01-{rng.randrange(1, 28)}"
        )
        for _ in range(n)
    ]


@pytest.mark.parametrize("classes", [1, 7, steam_sample._CLASSES])
def test_who_is_drawn_follows_the_rule(tmp_path: Path, monkeypatch, classes: int) -> None:
    """Against the rule written out; however many users share a class."""
    monkeypatch.setattr(steam_sample, "_CLASSES", classes)
    reviews = world()
    games_of = defaultdict(set)
    for one in reviews:
        if int(one["product_id"]) <= 9:
            games_of[one["username"]].add(one["product_id"])
    frequent = {user: games for user, games in games_of.items() if len(games) >= 6}
    assert 10 < len(frequent) < len(games_of)
    whole = events(tmp_path, sample(6), *reviews)
    assert {(user, game) for user, game, _ in whole} == {
        (user, game) for user, games in frequent.items() for game in games
    }
    drawn = events(tmp_path, sample(6, 0.5, 1 / 3), *reviews)
    users, games = {user for user, *_ in drawn}, {game for _, game, _ in drawn}
    assert len(games) == 3
    assert len(users) <= round(0.5 * len(frequent))
    kept = [row for row in whole if row[0] in users and row[1] in games]
    assert drawn == kept


def test_a_seed_draws_the_same_whatever_the_order_of_the_file(tmp_path: Path) -> None:
    reviews = world()
    one, again = (events(tmp_path, sample(3, 0.4, 0.5), *r) for r in (reviews, reviews[::-1]))
    assert sorted(one) == sorted(again)
    assert sorted(one) != sorted(events(tmp_path, sample(3, 0.4, 0.5, seed=1), *reviews))
    users = events(tmp_path, sample(3, 0.4, 1.0), *reviews)
    assert {user for user, *_ in one} <= {user for user, *_ in users}


def test_the_three_tables(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "recinterpreter")
    games, reviews = catalogue(tmp_path), packed(tmp_path / "r.gz", *world())
    paths = {name: tmp_path / f"{name}.parquet" for name in ("users", "items", "interactions")}
    found = tmp_path / "raw" / "found.json"
    check_source(settings=sample(3), files=[games, reviews], found=found)
    ingest_source(settings=sample(3), files=[games, reviews], **paths)
    read = {name: tables.read(path, getattr(schemas, name.upper())) for name, path in paths.items()}
    assert read_json(found) == {name: len(table) for name, table in read.items()}
    assert {"Game 1", "Game 9"} <= set(read["items"]["title"].to_pylist())
    assert f"users: {len(read['users'])} here, 11938 in the paper's Table 1" in caplog.text
    assert isinstance(read["users"], pa.Table)
    assert read["users"]["source_id"].to_pylist()[0].startswith("user")


lines = st.binary(max_size=60) | st.sampled_from(
    [python2(one).encode() for one in [*world(n=20), {"id": "1", "title": "a"}, {"id": 3}, {}]]
)


@given(st.lists(lines), st.lists(lines), st.binary(max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_arbitrary_files_are_read_or_refused(tmp_path: Path, games, reviews, spoilt) -> None:
    """With a UserError, never another exception."""
    (tmp_path / "g.gz").write_bytes(gzip.compress(b"\n".join(games)) + spoilt)
    (tmp_path / "r.gz").write_bytes(gzip.compress(b"\n".join(reviews)))
    try:
        files = {"games": tmp_path / "g.gz", "reviews": tmp_path / "r.gz"}
        found, items = read(files, sample(), tmp_path)
    except UserError:
        return
    assert set(found.collect()["item"]) == {item for item, _ in items}
