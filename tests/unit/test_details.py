"""Order, place, recency, popularity, near titles, legacy: every number told by hand."""

from itertools import permutations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from recinterpreter.scoring.comparison import Cell
from recinterpreter.scoring.details import Knowledge, catalogue_scores, detail_scores
from recinterpreter.scoring.matcher import Catalogue
from recinterpreter.scoring.places import at_their_place, from_the_end, hit_places, pairs_in_order
from recinterpreter.scoring.recovery import training_interactions
from recinterpreter.scoring.seeds import seed_scores
from recinterpreter.scoring.significance import detectable_difference
from recinterpreter.scoring.statistics import UserBootstrap, wilson
from recinterpreter.scoring.strata import popularity_strata, within
from recinterpreter.settings.scores import Scores

SETTINGS = Scores(cutoffs=[1], confidence=0.95, resamples=300, seed=0, power=0.8, similarity=0.85)
TITLES = {1: "Alien", 2: "Aliens", 3: "Ghost", 4: "ghost", 5: "M*A*S*H", 6: "Seven (Se7en)"}
CATALOGUE = Catalogue(TITLES)


@pytest.mark.parametrize(
    ("expected", "named", "places"),
    [
        ([1, 2, 3], [3, 1], [2, 0]),
        ([1, 2, 3], [0, 5, 1, 1], [0]),
        ([5, 1, 5], [5, 5, 5], [0, 2]),
        ([], [1], []),
    ],
)
def test_a_hit_has_its_place(expected, named, places):
    assert hit_places(expected, named) == places


def test_pairs_in_order_are_kendalls_tau():
    for places in permutations(range(4)):
        tau = stats.kendalltau(range(4), places).statistic
        assert pairs_in_order(places) == (pytest.approx((1 + tau) / 2), 1)
    assert pairs_in_order([3]) == pairs_in_order([]) == (0, 0)


def test_a_place_is_recovered_by_title():
    assert at_their_place(CATALOGUE, [1, 2, 4], [1, 3, 3, 2]) == (2, 3)
    assert at_their_place(CATALOGUE, [1, 2], [0, 1, 2]) == (0, 2)
    assert at_their_place(CATALOGUE, [1, 2], []) == (0, 2)


def test_recency_is_counted_from_the_end():
    assert [from_the_end([7, 8, 9], [0, 2], k) for k in (1, 2, 3, 4)] == [
        *((1, 1), (0, 1), (1, 1), (0, 0))
    ]


def test_strata_hold_a_third_of_the_interactions_each():
    counts = {1: 30, 2: 20, 3: 15, 4: 15, 5: 5, 6: 5}
    strata = popularity_strata(range(1, 9), counts)
    assert [strata[i] for i in range(1, 9)] == [
        *("popular", "middling", "middling", "rare", "rare", "rare", "rare", "rare")
    ]
    assert set(popularity_strata([1, 2], {}).values()) == {"rare"}
    assert within("middling", strata, [1, 2, 2, 3], [0, 2]) == (1, 3)


def test_training_interactions_are_those_of_the_train_split():
    rows = [(1, [5], 5, "train"), (2, [5, 5], 7, "train"), (1, [9], 9, "test")]
    schema = ["position", "history", "target", "split"]
    assert training_interactions(pl.DataFrame(rows, schema=schema, orient="row")) == {5: 2, 7: 1}


def answers(
    task: str, made: list[tuple[list[int], list[int], list[str]]], seed: int = 0, **cell: str
) -> pl.DataFrame:
    """A user with two examples for each (expected, named, words): the last, and one alike."""
    rows = []
    for user, (expected, named, words) in enumerate(made):
        ends = np.cumsum([len(w) + 2 for w in words]) - 2
        spans = [int(x) for w, e in zip(words, ends, strict=True) for x in (e - len(w), e)]
        hits = len(hit_places(expected, named))
        rows += [
            {"recommender": "sasrec", "seed": seed, "task": task, "adapter": "conv_linear"}
            | {"source": "recorded", "example_id": 2 * user + last, "user_id": user}
            | {"last": bool(last), "expected": expected, "named": named, "spans": spans}
            | {"hits": hits, "correct": hits == len(expected) == len(named)}
            | {"text": ", ".join(words)}
            | cell
            for last in (0, 1)
        ]
    return pl.DataFrame(rows)


def scored(table: pl.DataFrame, strata: dict[int, str] | None = None) -> dict[tuple, dict]:
    known = Knowledge(TITLES, CATALOGUE, strata or dict.fromkeys(TITLES, "rare"))
    rows = list(detail_scores(table, known, 3, SETTINGS))
    found = {(r["evaluation"], r["metric"]): r for r in rows}
    assert len(found) == len(rows), "a score stands twice"
    return found


def test_recovery_in_detail():
    strata = {1: "popular", 2: "rare", 3: "rare", 4: "rare", 5: "middling", 6: "rare"}
    found = scored(
        answers(
            "recovery",
            [
                ([1, 2, 3], [1, 3], ["Alien", "Ghost"]),
                ([1, 2], [2, 1, 0], ["Aliens", "Alien", "M*A*S*H!"]),
                ([5], [0], ["Nothing of the kind"]),
                ([6], [], []),
            ],
        ),
        strata,
    )
    value = {metric: row["value"] for (evaluation, metric), row in found.items()}
    assert value["pairs in order"] == 0.5
    assert found["last", "pairs in order"]["n"] == 2
    assert value["at their place"] == pytest.approx(1 / 7)
    assert value["recovered, 1 from the end"] == pytest.approx(2 / 4)
    assert value["recovered, 2 from the end"] == pytest.approx(1 / 2)
    assert value["recovered, 3 from the end"] == 1
    assert found["last", "recovered, 3 from the end"]["n"] == 1
    assert value["recovered, popular"] == 1
    assert value["recovered, middling"] == 0
    assert value["recovered, rare"] == pytest.approx(2 / 4)
    # of one answer of three titles one is near: a sign too many
    assert value["fuzzy"] == pytest.approx(1 / 3 / 4)
    # theirs finds Alien in Aliens too; M*A*S*H in anything with an H, here in nothing of ours
    assert value["legacy hits"] == pytest.approx((2 + 2 + 0 + 0) / 4)
    assert value["legacy hits minus ours"] == 0
    late = found["last", "recovered, 1 from the end"]
    assert (late["low"], late["high"]) == (wilson(2, 4, 0.95).low, wilson(2, 4, 0.95).high)
    assert {metric for _, metric in found} & {"accuracy, rare", "detectable difference"} == set()


def test_residual_in_detail():
    made = [([1], [2], ["Aliens"])] * 3 + [([6], [6], ["Seven (Se7en)"])] * 5
    made += [([5], [5, 1], ["M*A*S*H", "Alien"])] * 2
    found = scored(answers("residual", made), {i: "rare" if i == 6 else "popular" for i in TITLES})
    last = {metric: row for (evaluation, metric), row in found.items() if evaluation == "last"}
    assert last["accuracy, rare"]["value"] == 1
    # two titles are no right answer, whatever they hit
    assert last["accuracy, popular"]["value"] == 0
    assert (last["accuracy, rare"]["n"], last["accuracy, popular"]["n"]) == (5, 5)
    assert "accuracy, middling" not in last, "nothing was asked"
    # theirs finds Alien in Aliens, M*A*S*H in itself by its H, and no brackets
    assert last["legacy accuracy"]["value"] == pytest.approx(5 / 10)
    assert last["legacy accuracy minus ours"]["value"] == pytest.approx(0)
    assert last["detectable difference"]["value"] == detectable_difference(0.5, 10, 0.95, 0.8)
    assert last["detectable difference at the paper's n"]["n"] == 95
    assert ("all", "detectable difference") not in found
    assert found["all", "accuracy, rare"]["n"] == 10


def test_a_catalogue_by_both_ways_of_matching():
    titles = {**TITLES, 7: "Hud", 8: "+1"}
    known = Knowledge(titles, Catalogue(titles), {})
    rows = {r["metric"]: r for r in catalogue_scores(known)}
    assert {metric: row["value"] for metric, row in rows.items()} == {
        "ours, lost": 0,
        "ours, in others": 0,
        "legacy, lost": 1,  # Seven (Se7en)
        "legacy, in others": 2,  # Alien in Aliens, M*A*S*H in Hud
        "legacy, taken literally": 1,  # +1
    }
    assert {row["n"] for row in rows.values()} == {8}
    assert {row["evaluation"] for row in rows.values()} == {"titles"}


def test_means_over_seeds_of_answers():
    right, wrong = ([1], [1], ["Alien"]), ([1], [0], ["x"])
    tables = [
        answers("residual", [right] * n + [wrong] * (20 - n), seed=seed)
        for seed, n in ((0, 20), (3, 10))
    ]
    tables += [answers("residual", [wrong] * 20, seed=seed, source="mean_state") for seed in (0, 3)]
    tables += [answers("residual", [right] * 20, seed=0, recommender="gru4rec")]
    rows = list(seed_scores(pl.concat(tables), SETTINGS))
    found = {(r["recommender"], r["evaluation"], r["source"], r["metric"]): r for r in rows}
    assert len(found) == len(rows)
    assert {r["recommender"] for r in rows} == {"sasrec"}, "one seed is its own mean"
    mean = found["sasrec", "last", "recorded", "accuracy"]
    assert (mean["seed"], mean["n_seeds"], mean["value"], mean["n"]) == (None, 2, 0.75, 20)
    own = UserBootstrap(np.arange(20), 0.95, 300, 0).share([1.0] * 10 + [0.5] * 10)
    assert (mean["low"], mean["high"]) == (own.low, own.high)
    deviation = found["sasrec", "last", "recorded", "accuracy sd over seeds"]
    assert deviation["value"] == pytest.approx(np.std([1, 0.5], ddof=1))
    margin = found["sasrec", "last", "recorded", "accuracy minus best control"]
    assert margin["value"] == pytest.approx(0.75)
    assert found["sasrec", "last", "recorded", "reads the state"]["value"] == 1


def test_recommenders_are_compared_in_recovery_too():
    two, none = ([1, 2], [1, 2], ["Alien", "Aliens"]), ([1, 2], [], [])
    tables = [
        answers("recovery", made, seed=seed, recommender=name)
        for name, made in (("sasrec", [two] * 9 + [none]), ("gru4rec", [none] * 10))
        for seed in (0, 1)
    ]
    rows = [r for r in seed_scores(pl.concat(tables), SETTINGS) if r["evaluation"] == "last"]
    apart = {r["seed"]: r for r in rows if r["metric"] == "hits minus gru4rec"}
    assert set(apart) == {0, 1, None}
    for row in apart.values():
        assert row["recommender"] == "sasrec"
        assert row["value"] == pytest.approx(1.8)
        assert 0 < row["low"] <= row["value"] <= row["high"]
    assert Cell("sasrec", None, "recovery", "conv_linear", 2).n_seeds == apart[None]["n_seeds"]
