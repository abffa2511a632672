import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recinterpreter import schemas, tables
from recinterpreter.data import demo
from recinterpreter.data.demo_titles import AWKWARD, GENRES, WORDS, make_titles
from recinterpreter.data.titles import styled
from recinterpreter.settings.data import DemoSource, Ingest, Titles
from recinterpreter.stages.ingest_demo import ingest_demo

NAMES = ("users", "items", "interactions", "preferences", "successors")


def ingest(out: Path, items: int = 300, users: int = 600, seed: int = 0) -> Path:
    settings = Ingest(
        reader=None,
        files=[],
        min_rating=None,
        titles=Titles(style="paper", allow_markup=False),
        source=DemoSource(items=items, users=users, seed=seed),
    )
    paths = {name: out / f"{name}.parquet" for name in NAMES}
    ingest_demo(settings=settings, truth=out / "truth.json", **paths)
    return out


def frame(path: Path) -> pl.DataFrame:
    table = pl.read_parquet(path)
    assert isinstance(table, pl.DataFrame)
    return table


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ingest(tmp_path_factory.mktemp("demo"))


def test_tables_fit_their_schemas(out: Path) -> None:
    users = tables.read(out / "users.parquet", schemas.USERS)
    assert users["source_id"].to_pylist() == [f"user{n}" for n in range(1, 601)]
    items = tables.read(out / "items.parquet", schemas.ITEMS)
    assert items["source_id"].to_pylist() == [f"film{n}" for n in range(1, 301)]
    assert set(AWKWARD) < set(items["raw_title"].to_pylist())
    interactions = tables.read(out / "interactions.parquet", schemas.INTERACTIONS)
    assert set(interactions["item_id"].to_pylist()) <= set(range(1, 301))
    metadata = tables.metadata(out / "interactions.parquet")
    assert metadata == {"n_users": 600, "n_items": 300}


def test_histories(out: Path) -> None:
    events = frame(out / "interactions.parquet")
    assert not events.select("user_id", "item_id").is_duplicated().any()
    assert not events.select("user_id", "time").is_duplicated().any()
    by_user = events.group_by("user_id").agg(
        pl.len(), pl.col("time").min().alias("first"), pl.col("time").max().alias("last")
    )
    assert by_user["len"].min() == 15
    assert by_user["len"].max() == 40
    # users overlap: most of them start before the median user has ended
    assert (by_user["first"] < by_user["last"].median()).mean() > 0.5


def test_every_item_has_the_planted_successors(out: Path) -> None:
    successors = tables.read(out / "successors.parquet", schemas.SUCCESSORS)
    follows = frame(out / "successors.parquet").group_by("item_id").agg("probability")
    assert successors["item_id"].unique().to_pylist() == list(range(1, 301))
    assert follows["probability"].list.sum().to_list() == pytest.approx([1.0] * 300)
    rows = frame(out / "interactions.parquet").sort("user_id", "time")
    pairs = rows.select("item_id", successor=pl.col("item_id").shift(-1).over("user_id"))
    planted = frame(out / "successors.parquet")
    # what follows often is what was planted: 0.7 of the steps, less those already seen
    assert 0.5 < len(pairs.join(planted, on=["item_id", "successor"])) / len(pairs) < 0.75


def test_preferences_are_distributions(out: Path) -> None:
    preferences = tables.read(out / "preferences.parquet", schemas.PREFERENCES)
    matrix = preferences["preference"].to_numpy().reshape(600, 300)
    assert preferences["user_id"].to_numpy().reshape(600, 300)[:, 0].tolist() == list(range(1, 601))
    assert preferences["item_id"].to_numpy().reshape(600, 300)[0].tolist() == list(range(1, 301))
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-5)
    # the first event of a user is drawn from them alone: chosen items are the preferred ones
    events = frame(out / "interactions.parquet").filter(pl.col("position") == 0)
    chosen = matrix[events["user_id"].to_numpy() - 1, events["item_id"].to_numpy() - 1]
    expected = (matrix**2).sum(axis=1).mean()
    assert chosen.mean() == pytest.approx(expected, rel=0.3)
    assert expected > 2 / 300


def test_the_ceiling_is_reached_and_far_above_popularity(out: Path) -> None:
    truth = json.loads((out / "truth.json").read_text())
    deviation = np.sqrt(truth["expected_hr10"] * (1 - truth["expected_hr10"]) / 600)
    assert abs(truth["hr10"] - truth["expected_hr10"]) < 3 * deviation
    assert abs(truth["ndcg10"] - truth["expected_ndcg10"]) < 3 * 0.42 / np.sqrt(600)
    assert 0.7 < truth["expected_hr10"] < 0.9
    assert truth["expected_ndcg10"] < truth["expected_hr10"]
    assert 0.02 < truth["popularity_hr10"] < 0.2


def test_popularity_against_a_plain_count(out: Path) -> None:
    events = frame(out / "interactions.parquet").sort("user_id", "position")
    histories = events.group_by("user_id", maintain_order=True).agg("item_id")["item_id"].to_list()
    count = np.zeros(301)
    for history in histories:
        count[history[:-1]] += 1
    hits = 0
    for *seen, target in histories:
        candidates = [i for i in range(1, 301) if i not in seen]
        hits += sum(count[i] >= count[target] for i in candidates) <= 10
    truth = json.loads((out / "truth.json").read_text())
    assert truth["popularity_hr10"] == pytest.approx(hits / 600)


def test_a_successor_follows_as_often_as_said(out: Path) -> None:
    # learned from half of the users, the four commonest successors hold for the other half
    events = frame(out / "interactions.parquet").sort("user_id", "position")
    pairs = events.with_columns(next=pl.col("item_id").shift(-1).over("user_id")).drop_nulls()
    counts = np.zeros((301, 301))
    first = pairs.filter(pl.col("user_id") % 2 == 0)
    np.add.at(counts, (first["item_id"].to_numpy(), first["next"].to_numpy()), 1)
    best = np.argsort(-counts, axis=1)[:, :4]
    second = pairs.filter(pl.col("user_id") % 2 == 1)
    followed = (best[second["item_id"].to_numpy()] == second["next"].to_numpy()[:, None]).any(1)
    assert 0.55 < followed.mean() < 0.8


def test_same_seed_same_bytes_other_seed_others(tmp_path: Path) -> None:
    names = [*(f"{name}.parquet" for name in NAMES), "truth.json"]
    first, second = (ingest(tmp_path / n, items=50, users=30) for n in ("a", "b"))
    third = ingest(tmp_path / "c", items=50, users=30, seed=1)
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert (first / "interactions.parquet").read_bytes() != (
        third / "interactions.parquet"
    ).read_bytes()


def test_blocks_of_users_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_BLOCK", 16)
    out = ingest(tmp_path, items=50, users=40)
    assert len(frame(out / "preferences.parquet")) == 40 * 50
    assert frame(out / "preferences.parquet")["user_id"].max() == 40
    assert frame(out / "interactions.parquet")["user_id"].n_unique() == 40


def test_next_item_probabilities_by_hand() -> None:
    follows = np.array([[0, 0.4, 0.6], [0.4, 0, 0.6], [0.5, 0.5, 0]])
    world = demo.World(np.ones(3), np.zeros(3, int), follows)
    preferences = np.array([[0.2, 0.3, 0.5]])
    seen = np.array([[True, False, False]])
    first = demo.next_item_probabilities(world, preferences, None, ~np.ones((1, 3), bool))
    np.testing.assert_allclose(first, preferences)
    then = demo.next_item_probabilities(world, preferences, np.array([0]), seen)
    weights = np.array([0, 0.7 * 0.4 + 0.3 * 0.3, 0.7 * 0.6 + 0.3 * 0.5])
    np.testing.assert_allclose(then, [weights / weights.sum()])


@pytest.mark.parametrize("n_items", [50, 300, 400])
def test_titles_have_words_of_their_own(n_items: int) -> None:
    titles, genres = make_titles(n_items, np.random.default_rng(3))
    assert len(titles) == len(genres) == n_items
    assert set(genres) <= set(GENRES)
    words = [set(styled(t, "paper").split()) for t in titles]
    counts: dict[str, int] = {}
    for title in words:
        for word in title:
            counts[word] = counts.get(word, 0) + 1
    own = [any(counts[word] == 1 for word in title) for title in words]
    assert np.mean(own) > 0.85
    equal = n_items - len({styled(t, "paper") for t in titles})
    assert equal == 3  # Gondola twice, Hollow of two years, A Kestrel and The Kestrel
    assert n_items - len(set(titles)) == 1


def test_no_word_is_listed_twice() -> None:
    second = [word for words in GENRES.values() for word in words]
    awkward = {word for title in AWKWARD for word in styled(title, "paper").split()}
    assert len(WORDS) == len(set(WORDS))
    assert len(second) == len(set(second))
    assert not set(WORDS) & set(second)
    assert not (set(WORDS) | set(second)) & awkward


def test_gain() -> None:
    np.testing.assert_allclose(demo.gain(np.array([1, 3, 10, 11])), [1, 0.5, 1 / np.log2(11), 0])
