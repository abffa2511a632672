"""Searching recipes: what is tried, what it is called, what is chosen, and what is refused."""

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sequence_examples import training_settings, walks, write_tables

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import Progress, read_json
from recinterpreter.configuration import load
from recinterpreter.errors import UserError
from recinterpreter.experiment import Settings
from recinterpreter.recommenders.selection import Trial, ranked, rows, varied
from recinterpreter.search import LONGEST_SLUG, slug
from recinterpreter.settings.recommenders import RecommenderTraining
from recinterpreter.stages.select_recipe import select_recipe
from recinterpreter.stages.train_recommender import train_recommender
from recinterpreter.stages.try_recipe import try_recipe

ROOT = Path(__file__).parents[2]
N_ITEMS, HISTORY = 40, 5


def configuration(search: str = "{}", **recipes: dict[str, Any]) -> dict[str, Any]:
    """config.yaml with some keys of the search and of recipes replaced."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    block = config["recommenders"]
    for key, value in yaml.safe_load(search).items():
        is_grid = isinstance(value, dict)
        block["search"][key] = {**block["search"][key], **value} if is_grid else value
    for name, recipe in recipes.items():
        block[name] |= recipe
    return config


def settings(search: str = "{}", **recipes: dict[str, Any]) -> Settings:
    config = configuration(search, **recipes)
    return load(config, {"config.yaml": config})


def errors(search: str, **recipes: dict[str, Any]) -> list[str]:
    with pytest.raises(UserError) as caught:
        settings(search, **recipes)
    return [line.strip() for line in str(caught.value).split("\n")[1:]]


# --- what is tried ------------------------------------------------------------------------------


def test_the_points_are_all_combinations_laid_over_the_recipe() -> None:
    read = settings("{sasrec: {embedding_size: [4, 8], l2: [0.1, 0]}}", sasrec={"layers": 3})
    points = read.recommenders.search.points("sasrec")
    assert list(points) == [
        "embedding_size=4+l2=0.1",
        "embedding_size=4+l2=0.0",
        "embedding_size=8+l2=0.1",
        "embedding_size=8+l2=0.0",
    ]
    trial = read.trial("sasrec", "embedding_size=4+l2=0.1")
    recipe = read.training("sasrec", "0").recipe
    assert trial.recipe == recipe.model_copy(update={"embedding_size": 4, "l2": 0.1})
    assert trial.recipe.model_dump()["layers"] == 3


def test_the_shipped_grids_are_the_papers() -> None:
    search = settings("{trials: null}").recommenders.search
    assert [len(search.drawn(name)) for name in ("gru4rec", "caser", "sasrec")] == [20, 20, 20]
    widths = {point["embedding_size"] for point in search.points("caser").values()}
    assert widths == {16, 64, 256, 1024}
    assert len(search.points("dreamrec")) == 4 * 3 * 4 * 4 * 3 * 4
    assert all(len(name) < LONGEST_SLUG for name in search.points("dreamrec"))


def test_a_key_set_to_null_is_not_searched() -> None:
    search = settings("{gru4rec: {embedding_size: null}}").recommenders.search
    assert {tuple(point) for point in search.points("gru4rec").values()} == {("l2",)}


def test_slugs_are_names_on_any_system_and_lead_back_to_their_points() -> None:
    search = settings(
        "{caser: {sizes: [[2, 3], [23]], learning_rate: [1.0e-7, 1, 1.0e+20], l2: [0.0, 1.0e-3]}}"
    ).recommenders.search
    points = search.points("caser")
    assert len(points) == 2 * 3 * 2 * 4
    for name, point in points.items():
        assert re.fullmatch(r"[A-Za-z0-9_.=+-]+", name)  # also the wildcard's constraint
        assert slug(point) == name
    assert "learning_rate=1e-07" in next(iter(points))
    assert "sizes=2-3" in next(iter(points))


def test_the_order_of_keys_in_a_file_names_nothing_anew() -> None:
    config = configuration()
    grid = config["recommenders"]["search"]["dreamrec"]
    config["recommenders"]["search"]["dreamrec"] = dict(reversed(grid.items()))
    turned = load(config, {"config.yaml": config}).recommenders.search
    assert turned.drawn("dreamrec") == settings().recommenders.search.drawn("dreamrec")


def test_the_drawing_belongs_to_its_seed_and_is_without_replacement() -> None:
    drawn = [
        settings(f"{{trials: 20, seed: {s}}}").recommenders.search.drawn("dreamrec") for s in (0, 1)
    ]
    again = settings("{trials: 20}").recommenders.search.drawn("dreamrec")
    assert again == drawn[0] != drawn[1]
    assert len(set(drawn[0])) == len(drawn[0]) == 20
    assert settings("{trials: 99999}").recommenders.search.drawn("sasrec") == list(
        settings().recommenders.search.points("sasrec")
    )


def test_more_trials_keep_those_before() -> None:
    few, many = (
        set(settings(f"{{trials: {n}}}").recommenders.search.drawn("dreamrec")) for n in (10, 30)
    )
    assert few < many


def test_another_value_exchanges_few_of_the_trials() -> None:
    schedules = "dreamrec: {schedule: [linear, cosine, exp]}"
    before = settings(f"{{trials: 40, {schedules}}}").recommenders.search.drawn("dreamrec")
    after = settings("{trials: 40}").recommenders.search.drawn("dreamrec")
    kept = set(before) & set(after)
    # a quarter of the combinations is new, so about a quarter of the trials are
    assert all("schedule=sqrt" in name for name in set(after) - kept)
    assert 20 <= len(kept) <= 38


def test_every_combination_is_drawn_as_often_as_another() -> None:
    search = settings().recommenders.search
    counts = dict.fromkeys(search.points("sasrec"), 0)
    for seed in range(200):
        drawing = search.model_copy(update={"trials": 5, "seed": seed})
        for name in drawing.drawn("sasrec"):
            counts[name] += 1
    # 200 draws of 5 out of 20: 50 on average, standard deviation 6
    assert all(25 < count < 75 for count in counts.values())


def test_a_trial_that_is_no_point_is_told() -> None:
    with pytest.raises(UserError, match=r"l2=3: no combination of recommenders\.search\.sasrec"):
        settings().trial("sasrec", "l2=3")


def test_a_grid_is_spelled_out_once_and_not_for_every_trial(monkeypatch) -> None:
    """Else a search of n trials takes n * n steps before its first job."""
    one = settings()
    drawn = one.recommenders.search.drawn("dreamrec")
    monkeypatch.setattr("recinterpreter.search.slug", pytest.fail)
    for trial in drawn:
        assert one.trial("dreamrec", trial).recipe


def test_a_training_takes_the_chosen_recipe_or_that_of_the_file() -> None:
    read = settings()
    recipe = {**read.training("sasrec", "0").recipe.model_dump(), "embedding_size": 32}
    chosen = read.training("sasrec", "3", json.loads(json.dumps(recipe)))
    assert (chosen.seed, chosen.recipe.embedding_size) == (3, 32)
    assert read.training("sasrec", "3").recipe.embedding_size == 128
    # in the very words of a training that was never searched: nothing is stale when they agree
    same = read.training("sasrec", "3", read.training("sasrec", "3").recipe.model_dump(mode="json"))
    assert same.as_json() == read.training("sasrec", "3").as_json()


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search", "told"),
    [
        (
            "{sasrec: {embedding_size: [1]}}",
            "search.sasrec.embedding_size.0: got 1; wanted greater",
        ),
        (
            "{sasrec: {embeding_size: [8]}}",
            "unknown key; did you mean 'embedding_size'? valid here: embedding_size, batch_size",
        ),
        ("{sasrec: {l2: []}}", "search.sasrec.l2: got []; wanted at least one entry"),
        ("{sasrec: {l2: 0.1}}", "search.sasrec.l2: got 0.1; wanted a list"),
        ("{sasrec: {l2: [1e-3]}}", "(YAML reads this as text; write 0.001)"),
        ("{sasrec: {filters: [3]}}", "search.sasrec.filters: unknown key; did you mean"),
        ("{dreamrec: {schedule: [sine]}}", 'search.dreamrec.schedule.0: got "sine"; wanted \'li'),
        ("{dreamrec: {item_table: [sasrec]}}", "search.dreamrec.item_table: unknown key"),
        ("{trials: 0}", "recommenders.search.trials: got 0; wanted greater than or equal to 1"),
        ("{names: [markov]}", "recommenders.search.names.0: got \"markov\"; wanted 'gru4rec'"),
        ("{names: [sasrec, sasrec]}", "recommenders.search.names: names sasrec twice"),
        ("{names: [sasrec], sasrec: {l2: [0.1, 0.1]}}", "search.sasrec.l2: names 0.1 twice"),
        (
            "{names: [sasrec], sasrec: {embedding_size: null, l2: null}}",
            "recommenders.search.names.0: got sasrec, and recommenders.search.sasrec has no values",
        ),
        (
            "{names: [sasrec], sasrec: {embedding_size: [15, 16]}}",
            "search.sasrec.embedding_size: 2 heads cannot share an embedding_size of 15",
        ),
        (
            "{names: [sasrec], sasrec: {heads: [4, 32]}}",
            "search.sasrec.heads: 32 heads cannot share an embedding_size of 16",
        ),
        (
            "{names: [dreamrec], dreamrec: {diffusion_steps: [10, 200]}}",
            "search.dreamrec.diffusion_steps: 20 steps of sampling, and a diffusion of 10",
        ),
        (
            "{names: [dreamrec], dreamrec: {sampling_steps: [20, 201]}}",
            "search.dreamrec.sampling_steps: 201 steps of sampling, and a diffusion of 200",
        ),
    ],
)
def test_what_cannot_be_searched_is_told_before_any_job(search: str, told: str) -> None:
    (line,) = errors(search)
    assert told in line


def test_grids_of_what_is_not_searched_may_contradict() -> None:
    assert settings("{sasrec: {heads: [7]}, gru4rec: {embedding_size: null, l2: null}}")


def test_names_too_long_for_a_file_are_told() -> None:
    recipe = settings().recommenders.dreamrec.model_dump()
    grid = {key: [value] for key, value in recipe.items() if key != "item_table"}
    (line,) = errors(json.dumps({"names": ["dreamrec"], "dreamrec": grid}))
    assert "18 keys make names too long for files; search fewer at once" in line


FROM_SASREC = {"item_table": "sasrec"}


@pytest.mark.parametrize(
    ("search", "where"),
    [
        ("{names: [dreamrec]}", "search.dreamrec.embedding_size: got 16 or 64 or 256 or 1024, and"),
        (
            "{names: [sasrec]}",
            "search.sasrec.embedding_size: got 128, and item_table: sasrec takes",
        ),
        (
            "{names: [sasrec, dreamrec], sasrec: {embedding_size: [16]},"
            " dreamrec: {embedding_size: [32]}}",
            "search.dreamrec.embedding_size: got 32, and item_table: sasrec takes vectors of 16",
        ),
    ],
)
def test_items_of_sasrec_have_one_width(search: str, where: str) -> None:
    (line,) = errors(search, dreamrec=FROM_SASREC)
    assert where in line


def test_items_of_sasrec_of_a_width_that_is_known_may_be_searched_with() -> None:
    settings("{names: [dreamrec], dreamrec: {embedding_size: null}}", dreamrec=FROM_SASREC)
    both = "{names: [sasrec, dreamrec], sasrec: {embedding_size: [64]}, dreamrec: {embedding_size: "
    settings(f"{both} [64]}}}}", dreamrec=FROM_SASREC)


# --- what is chosen -----------------------------------------------------------------------------


def trial(name: str, width: int = 8, figure: float = 0.5, recommender: str = "sasrec", **recipe):
    chosen_by = "hr@20" if recommender == "dreamrec" else "ndcg@10"
    validation = {"ndcg@10": 0.9, "hr@10": 0.9, "hr@20": 0.9, chosen_by: figure}
    made = training_settings(recommender, embedding_size=width, **recipe)
    return Trial(name, made, best_epoch=2, epochs=3, validation=validation, seconds=1.5)


def test_the_highest_figure_is_chosen_then_the_smaller_embedding_then_the_earlier() -> None:
    trials = [
        trial("a", width=16, figure=0.4),
        trial("b", width=32, figure=0.7),
        trial("c", width=16, figure=0.7, l2=0.1),
        trial("d", width=16, figure=0.7, l2=0.2),
        trial("e", width=64, figure=0.6),
    ]
    assert [t.name for t in ranked(trials)] == ["c", "d", "b", "e", "a"]
    shuffled = random.Random(0).sample(trials[:2] + trials[4:], 3)
    assert [t.name for t in ranked(shuffled)] == ["b", "e", "a"]


def test_dreamrec_is_chosen_by_its_own_figure() -> None:
    one, other = trial("a", figure=0.2, recommender="dreamrec"), trial("b", recommender="dreamrec")
    assert [t.name for t in ranked([one, other])] == ["b", "a"]


def test_the_keys_that_vary_are_columns_in_the_order_of_the_recipe() -> None:
    trials = [trial("a", l2=0.1, width=16), trial("b", width=8, heads=1), trial("c", width=8)]
    assert varied(trials) == ["embedding_size", "l2", "heads"]
    assert varied(trials[:1]) == []
    assert [row["chosen"] for row in rows(ranked(trials))] == [True, False, False]


def gru4rec(learning_rate: float, epochs: int = 8) -> RecommenderTraining:
    return training_settings("gru4rec", learning_rate=learning_rate, epochs=epochs)


def trained(folder: Path, settings: RecommenderTraining) -> tuple[Path, Path]:
    """A trial of 30 walks through a cycle of 40 items."""
    paths = folder / "trial.json", folder / "steps.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    try_recipe(
        settings=settings,
        examples=folder.parent / "examples.parquet",
        item_table=[],
        trial=paths[0],
        steps=paths[1],
        progress=Progress(folder / "work"),
    )
    return paths


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three trials of GRU4Rec, of which the first cannot learn, and the choice."""
    folder = tmp_path_factory.mktemp("search")
    follow = np.roll(np.arange(N_ITEMS + 1), -1)
    follow[N_ITEMS] = 1
    write_tables(folder, walks(follow, users=30, length=8, seed=1), HISTORY, N_ITEMS)
    made = [trained(folder / f"learning_rate={rate}", gru4rec(rate)) for rate in (1e-9, 0.02, 0.01)]
    select_recipe(
        trials=[trial for trial, _ in made],
        steps=[steps for _, steps in made],
        recipe=folder / "recipe.json",
        table=folder / "trials.parquet",
    )
    return folder


def test_the_stages_choose_a_recipe_that_learns_over_one_that_does_not(searched: Path) -> None:
    table = tables.read(searched / "trials.parquet", schemas.TRIALS)
    assert table.schema.names[:2] == ["trial", "learning_rate"]
    best, *others = table.to_pylist()
    assert best["chosen"]
    assert not any(row["chosen"] for row in others)
    assert others[-1]["trial"] == "learning_rate=1e-09"
    figures = [row["validation ndcg@10"] for row in (best, *others)]
    assert figures == sorted(figures, reverse=True)
    # chance is sum(1 / log2(1 + rank)) / 36 = 0.13: the target is one of 33 to 39 items not seen
    assert figures[-1] < 0.2 < 0.3 < figures[0]
    recipe = read_json(searched / "recipe.json")
    assert recipe["learning_rate"] == best["learning_rate"]
    assert recipe == gru4rec(best["learning_rate"]).recipe.model_dump(mode="json")
    noted = tables.metadata(searched / "trials.parquet")
    assert noted.pop("recipe") == recipe
    assert noted == {"recommender": "gru4rec", "keys": ["learning_rate"], "chosen_by": "ndcg@10"}


def test_a_trial_that_diverges_is_noted_and_not_chosen(searched: Path, tmp_path: Path) -> None:
    made = []
    for rate in (1e25, 0.01):
        (tmp_path / "examples.parquet").write_bytes((searched / "examples.parquet").read_bytes())
        settings = training_settings("sasrec", learning_rate=rate, epochs=2, batch_size=4096)
        made.append(trained(tmp_path / f"learning_rate={rate}", settings))
    assert read_json(made[0][0])["epochs"] == 0
    given = {"recipe": tmp_path / "recipe.json", "table": tmp_path / "trials.parquet"}
    trials, steps = (list(paths) for paths in zip(*made, strict=True))
    select_recipe(trials=trials, steps=steps, **given)
    assert read_json(tmp_path / "recipe.json")["learning_rate"] == 0.01
    last = tables.read(tmp_path / "trials.parquet", schemas.TRIALS).to_pylist()[-1]
    assert (last["epochs"], last["validation ndcg@10"], last["chosen"]) == (0, 0.0, False)
    with pytest.raises(UserError, match=r"all 1 trials diverged; lower .*search\.sasrec"):
        select_recipe(trials=trials[:1], steps=steps[:1], **given)


def test_a_trial_is_the_training_it_stands_for_and_keeps_no_weights(
    searched: Path, tmp_path: Path
) -> None:
    tried = searched / "learning_rate=0.01"
    assert sorted(path.name for path in tried.iterdir()) == ["steps.parquet", "trial.json"]
    train_recommender(
        settings=gru4rec(0.01),
        examples=searched / "examples.parquet",
        item_table=[],
        config=tmp_path / "config.json",
        weights=tmp_path / "model.safetensors",
        steps=tmp_path / "steps.parquet",
        progress=Progress(None),
    )
    assert (tmp_path / "config.json").read_bytes() == (tried / "trial.json").read_bytes()


def test_the_choice_reads_nothing_of_the_test_split(tmp_path: Path) -> None:
    follow = np.roll(np.arange(N_ITEMS + 1), -1)
    follow[N_ITEMS] = 1
    known = walks(follow, users=27, length=8, seed=1)
    written = []
    for name, ending in (("a", [1, 2, 3, 4, 5, 6]), ("b", [9, 8, 7, 6, 5, 4])):
        folder = tmp_path / name
        write_tables(folder, [*known, *[ending] * 3], HISTORY, N_ITEMS)
        found, _ = trained(folder / "trial", gru4rec(0.02, epochs=2))
        written.append(found.read_bytes())
    assert written[0] == written[1]
