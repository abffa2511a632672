"""Scores of a small experiment whose every number can be told by hand."""

import math
from statistics import stdev

import numpy as np
import polars as pl
import pytest

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.scoring.comparison import Cell
from recinterpreter.scoring.matcher import Catalogue
from recinterpreter.scoring.oracle import oracle_scores
from recinterpreter.scoring.ranking import discounted_gain, ranking_scores
from recinterpreter.scoring.reading import reading_scores
from recinterpreter.scoring.recovery import hits_of_popular, most_popular
from recinterpreter.scoring.statistics import UserBootstrap, wilson
from recinterpreter.scoring.tasks import task_scores
from recinterpreter.settings.scores import Scores

SETTINGS = Scores(
    cutoffs=[1, 10], confidence=0.95, resamples=400, seed=0, power=0.8, similarity=0.85
)
CATALOGUE = Catalogue({i: f"Title {i}" for i in range(1, 21)})
N_USERS = 40


def verdicts(
    source: str, task: str = "residual", hit_every: int = 1, recommender: str = "sasrec"
) -> pl.DataFrame:
    """Two examples per user; every `hit_every`-th user's answers are right."""
    rows = []
    for example in range(2 * N_USERS):
        user = example // 2
        right = user % hit_every == 0
        expected = [1] if task == "residual" else [1, 2]
        rows.append(
            {
                "recommender": recommender,
                "seed": 0,
                "task": task,
                "adapter": "conv_linear",
                "source": source,
                "example_id": example,
                "user_id": user,
                "last": example % 2 == 1,
                "expected": expected,
                "named": expected if right else [3, 0, 3, 4],
                "hits": len(expected) if right else 0,
                "correct": right,
            }
        )
    return pl.DataFrame(rows)


def scored(*parts: pl.DataFrame, history: int = 3) -> dict[tuple, dict]:
    rows = list(task_scores(pl.concat(parts), CATALOGUE, [1, 3], history, SETTINGS))
    keys = ("recommender", "task", "source", "evaluation", "metric")
    found = {tuple(row[k] for k in keys): row for row in rows}
    assert len(found) == len(rows), "a score stands twice"
    return found


def test_residual_accuracy_and_the_verdict_against_controls():
    found = scored(
        verdicts("recorded", hit_every=2),
        verdicts("another_user", hit_every=40),
        verdicts("mean_state", hit_every=20),
    )
    last = found["sasrec", "residual", "recorded", "last", "accuracy"]
    expected = wilson(20, 40, 0.95)
    assert (last["value"], last["low"], last["high"], last["n"]) == (
        0.5,
        expected.low,
        expected.high,
        40,
    )
    both = found["sasrec", "residual", "recorded", "all", "accuracy"]
    assert (both["value"], both["n"]) == (0.5, 80)
    margin = found["sasrec", "residual", "recorded", "last", "accuracy minus another_user"]
    assert margin["value"] == pytest.approx(0.5 - 1 / 40)
    best = found["sasrec", "residual", "recorded", "last", "accuracy minus best control"]
    assert best["value"] == pytest.approx(0.5 - 2 / 40)
    assert 0 < best["low"] < best["value"] < best["high"]
    assert found["sasrec", "residual", "recorded", "last", "reads the state"]["value"] == 1.0


def test_a_control_as_good_as_the_states_means_not_shown():
    found = scored(verdicts("recorded", hit_every=2), verdicts("prompt_only", hit_every=2))
    best = found["sasrec", "residual", "recorded", "all", "accuracy minus best control"]
    assert (best["value"], best["low"], best["high"]) == (0, 0, 0)
    assert found["sasrec", "residual", "recorded", "all", "reads the state"]["value"] == 0.0


def test_recommenders_are_compared_on_the_same_examples():
    found = scored(
        verdicts("recorded", hit_every=1),
        verdicts("recorded", hit_every=2, recommender="gru4rec"),
    )
    difference = found["sasrec", "residual", "recorded", "last", "accuracy minus gru4rec"]
    assert difference["value"] == pytest.approx(0.5)
    p = found["sasrec", "residual", "recorded", "last", "mcnemar p, gru4rec"]
    assert p["value"] == pytest.approx(2 / 2**20)
    assert ("sasrec", "residual", "recorded", "all", "mcnemar p, gru4rec") not in found
    assert ("gru4rec", "residual", "recorded", "last", "accuracy minus sasrec") not in found


def test_recovery_distribution_popularity_and_wording():
    found = scored(
        verdicts("recorded", "recovery", hit_every=4),
        verdicts("another_user", "recovery", hit_every=41),
    )
    assert found["sasrec", "recovery", "recorded", "last", "hits"]["value"] == 0.5
    more = [
        found["sasrec", "recovery", "recorded", "last", f"more than {k}"]["value"] for k in range(3)
    ]
    assert more == [0.25, 0.25, 0.0]
    # naming titles 1 and 3 to everyone recovers the one item 1
    assert found["popularity", "recovery", None, "all", "hits"]["value"] == 1.0
    minus = found["sasrec", "recovery", "recorded", "all", "hits minus popularity"]
    assert minus["value"] == pytest.approx(-0.5)
    # a wrong answer names [3, 0, 3, 4]: a quarter outside, a quarter repeated
    wrong = 0.75 * 0.25
    for metric in ("out of catalogue", "repetition"):
        row = found["sasrec", "recovery", "recorded", "last", metric]
        assert row["value"] == pytest.approx(wrong)


def test_sources_must_cover_the_same_examples():
    with pytest.raises(UserError, match="other examples"):
        scored(verdicts("recorded"), verdicts("mean_state").filter(pl.col("example_id") > 3))
    with pytest.raises(UserError, match="no answers to the recorded states"):
        scored(verdicts("mean_state"))


def test_most_popular_counts_every_train_interaction_once():
    # user 1: 5 5 7 9 (positions 0 to 3), user 2: 7 5; a test user who loves 9
    rows = [
        (1, 1, [5], 5, "train"),
        (1, 2, [5, 5], 7, "train"),
        (1, 3, [5, 5, 7], 9, "train"),
        (2, 1, [7], 5, "train"),
        (3, 1, [9], 9, "test"),
        (3, 2, [9, 9], 9, "test"),
    ]
    examples = pl.DataFrame(
        rows, schema=["user_id", "position", "history", "target", "split"], orient="row"
    )
    assert most_popular(examples) == [5, 7, 9]
    assert most_popular(examples, 1) == [5]
    assert hits_of_popular(CATALOGUE, [5, 7], [[5, 9], [5, 5], [1]]).tolist() == [1, 1, 0]


def ranking(ranks: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "example_id": range(len(ranks)),
            "user_id": range(len(ranks)),
            "split": ["test"] * len(ranks),
            "last": [True] * len(ranks),
            "rank": ranks,
        }
    )


def test_ndcg_is_the_closed_form():
    gains = discounted_gain(pl.Series([1, 2, 3, 10, 11]).to_numpy(), 10)
    assert gains.tolist() == pytest.approx([1, 1 / math.log2(3), 0.5, 1 / math.log2(11), 0])


def test_rankings_and_their_distance_to_baselines():
    rankings = {Cell("sasrec", 0): ranking([1, 2, 50]), Cell("popularity"): ranking([50, 1, 50])}
    rows = list(ranking_scores(rankings, SETTINGS))
    found = {(r["recommender"], r["evaluation"], r["metric"]): r for r in rows}
    assert found["sasrec", "last", "hr@1"]["value"] == pytest.approx(1 / 3)
    assert found["sasrec", "all", "hr@10"]["value"] == pytest.approx(2 / 3)
    ndcg = (1 + 1 / math.log2(3)) / 3
    assert found["sasrec", "last", "ndcg@10"]["value"] == pytest.approx(ndcg)
    distance = found["sasrec", "last", "ndcg@10 minus popularity"]
    assert distance["value"] == pytest.approx(ndcg - 1 / 3)
    assert ("popularity", "last", "ndcg@10 minus popularity") not in found
    assert all(r["evaluation"] != "validation" for r in rows), "there are no validation examples"


def test_several_seeds_have_a_mean_a_deviation_and_a_distance() -> None:
    ranks = {0: [1, 2, 50], 1: [2, 1, 1], 4: [50, 50, 3]}
    rankings = {Cell("sasrec", seed): ranking(found) for seed, found in ranks.items()}
    rankings |= {Cell("gru4rec", 0): ranking([1, 1, 1]), Cell("popularity"): ranking([50, 1, 50])}
    rows = [r for r in ranking_scores(rankings, SETTINGS) if r["evaluation"] == "last"]
    found = {(r["recommender"], r["seed"], r["metric"]): r for r in rows}
    assert len(found) == len(rows), "a score stands twice"

    gains = np.array([discounted_gain(np.array(r), 10) for r in ranks.values()])
    mean = found["sasrec", None, "ndcg@10"]
    assert (mean["value"], mean["n_seeds"], mean["n"]) == (pytest.approx(gains.mean()), 3, 3)
    # the interval is that of the mean of each example, not of the nine examples of three seeds
    example = UserBootstrap(np.arange(3), 0.95, 400, 0).mean(gains.mean(axis=0))
    assert (mean["low"], mean["high"]) == (pytest.approx(example.low), pytest.approx(example.high))
    deviation = found["sasrec", None, "hr@10 sd over seeds"]
    assert deviation["value"] == pytest.approx(stdev([2 / 3, 1, 1 / 3]))
    assert (deviation["low"], deviation["high"]) == (None, None)
    distance = found["sasrec", None, "ndcg@10 minus popularity"]
    assert distance["value"] == pytest.approx(gains.mean() - 1 / 3)

    assert found["sasrec", 4, "ndcg@10"]["n_seeds"] == found["gru4rec", 0, "hr@1"]["n_seeds"] == 1
    assert found["popularity", None, "hr@1"]["n_seeds"] == 0
    assert not [m for r, s, m in found if r == "popularity" and ("sd" in m or "minus" in m)]
    assert ("gru4rec", None, "hr@1") not in found, "one seed is its own mean"


def test_readings_of_several_adapters_are_scored_each_for_itself() -> None:
    cells = [Cell("sasrec", s, "residual", a) for a in ("linear", "mlp") for s in (0, 1)]
    readings = {cell: {"recorded": ranking([i + 1, 1, 1])} for i, cell in enumerate(cells)}
    rows = [r for r in reading_scores(readings, {}, SETTINGS) if r["metric"] == "hr@1"]
    found = {(r["adapter"], r["seed"]): r for r in rows if r["evaluation"] == "last"}
    assert {(r["task"], r["source"]) for r in rows} == {("residual", "recorded")}
    assert found["linear", 0]["value"] == 1
    assert found["linear", None]["value"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["mlp", None]["value"] == pytest.approx(2 / 3)
    assert found["mlp", None]["n_seeds"] == 2


def test_rankings_of_other_examples_are_refused():
    rankings = {Cell("sasrec", 0): ranking([1, 2]), Cell("popularity"): ranking([1])}
    with pytest.raises(UserError, match="covers other"):
        list(ranking_scores(rankings, SETTINGS))


def test_oracle_items_count_hits_and_what_was_met_before():
    table = pl.DataFrame(
        {
            "user_id": [1, 1, 2, 2],
            "last": [False, True, False, True],
            "cosine": [0.5, 1.0, 0.0, 0.5],
            "seen": [True, False, False, False],
            "rank": [1, 11, 10, 2],
        }
    )
    rows = list(oracle_scores({Cell("dreamrec", 3): table}, SETTINGS))
    found = {(r["evaluation"], r["metric"]): r for r in rows}
    assert len(found) == len(rows) == 2 * 4
    wanted = {"oracle hr@1": (0, 0.25), "oracle hr@10": (0.5, 0.75)}
    wanted |= {"oracle nearest seen": (0, 0.25), "oracle nearest cosine": (0.75, 0.5)}
    for metric, values in wanted.items():
        for evaluation, value in zip(("last", "all"), values, strict=True):
            row = found[evaluation, metric]
            assert row["value"] == pytest.approx(value)
            assert row["low"] <= value <= row["high"]
            assert (row["recommender"], row["seed"], row["n_seeds"]) == ("dreamrec", 3, 1)
    assert not list(oracle_scores({}, SETTINGS))


def test_rows_fit_the_schema(tmp_path):
    rows = list(task_scores(verdicts("recorded"), CATALOGUE, [1], 3, SETTINGS))
    tables.write_rows(tmp_path / "scores.parquet", rows, schemas.SCORES)
    assert tables.read(tmp_path / "scores.parquet", schemas.SCORES).num_rows == len(rows)
