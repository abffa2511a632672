"""Scores of decoders and the LLM's share of the best, of numbers that can be told by hand."""

import polars as pl
import pytest

from recinterpreter.errors import UserError
from recinterpreter.scoring.bounds import bound_scores, recorded_cells
from recinterpreter.scoring.comparison import Cell
from recinterpreter.scoring.statistics import wilson
from recinterpreter.settings.scores import Scores

SETTINGS = Scores(
    cutoffs=[1, 10], confidence=0.95, resamples=300, seed=0, power=0.8, similarity=0.9
)
N_USERS = 40
USERS = range(N_USERS)
OWNER = Cell("sasrec", 0)


def replies(task: str, every: dict[str, int]) -> pl.DataFrame:
    """Two examples per user; every k-th user's replies are right, k for each decoder."""
    rows = []
    for probe, k in every.items():
        for example in range(2 * N_USERS):
            right = (example // 2) % k == 0
            rows.append(
                {"probe": probe, "task": task, "example_id": example, "user_id": example // 2}
                | {"last": example % 2 == 1, "hits": 4 * right, "correct": right}
                | {"rank": 1 if right else 5}
            )
    return pl.DataFrame(rows)


def read(task: str, k: int) -> dict[Cell, pl.DataFrame]:
    return {Cell("sasrec", 0, task, "conv_linear"): replies(task, {"llm": k})}


def scored(probes: pl.DataFrame, reading: dict[Cell, pl.DataFrame]) -> dict[tuple, dict]:
    rows = list(bound_scores({OWNER: probes}, reading, SETTINGS))
    found = {(row["adapter"], row["evaluation"], row["metric"]): row for row in rows}
    assert len(found) == len(rows), "a score stands twice"
    return found


def test_accuracies_the_best_of_them_and_the_share_that_is_read():
    found = scored(replies("residual", {"linear": 1, "nearest": 2}), read("residual", 4))
    assert set(found) == {
        (adapter, evaluation, metric)
        for evaluation in ("last", "all")
        for adapter, metric in (
            (None, "linear accuracy"),
            (None, "nearest accuracy"),
            (None, "best bound accuracy"),
            ("conv_linear", "efficiency accuracy"),
        )
    }
    nearest = found[None, "last", "nearest accuracy"]
    wanted = wilson(20, 40, 0.95)
    assert (nearest["value"], nearest["low"], nearest["high"]) == (0.5, wanted.low, wanted.high)
    best = found[None, "last", "best bound accuracy"]
    assert best == {**found[None, "last", "linear accuracy"], "metric": "best bound accuracy"}
    for evaluation, n in (("last", 40), ("all", 80)):
        efficiency = found["conv_linear", evaluation, "efficiency accuracy"]
        assert (efficiency["value"], efficiency["n"]) == (0.25, n)
        assert efficiency["low"] < 0.25 < efficiency["high"]


def test_an_llm_that_finds_more_than_the_decoders_reads_more_than_all():
    found = scored(replies("recovery", {"linear": 4, "nearest": 8}), read("recovery", 2))
    assert found[None, "all", "linear hits"]["value"] == 1
    assert found["conv_linear", "all", "efficiency hits"]["value"] == 2


def test_a_task_that_is_ranked_has_its_metrics_at_all_cutoffs():
    found = scored(replies("preference", {"ridge": 1}), read("preference", 2))
    assert found[None, "last", "ridge ndcg@10"]["value"] == 1
    assert found["conv_linear", "last", "efficiency hr@1"]["value"] == 0.5
    assert found["conv_linear", "last", "efficiency hr@10"]["value"] == 1
    metrics = {metric for adapter, _, metric in found if adapter}
    assert metrics == {f"efficiency {m}@{k}" for m in ("hr", "ndcg") for k in (1, 10)}


def test_decoders_that_find_nothing_bound_nothing():
    probes = replies("residual", {"linear": 1}).with_columns(correct=pl.lit(False))
    found = scored(probes, read("residual", 2))
    assert found[None, "last", "best bound accuracy"]["value"] == 0
    assert not [metric for _, _, metric in found if "efficiency" in metric]


def test_only_what_is_read_of_the_same_states_is_related():
    others = {
        Cell("gru4rec", 0, "residual", "conv_linear"): replies("residual", {"llm": 1}),
        Cell("sasrec", 1, "residual", "conv_linear"): replies("residual", {"llm": 1}),
        Cell("sasrec", 0, "recovery", "conv_linear"): replies("recovery", {"llm": 1}),
    }
    found = scored(replies("residual", {"linear": 1}), others)
    assert {adapter for adapter, _, _ in found} == {None}


def test_other_examples_are_refused():
    fewer = {cell: t.filter(pl.col("example_id") > 4) for cell, t in read("residual", 2).items()}
    with pytest.raises(UserError, match="of other examples than"):
        scored(replies("residual", {"linear": 1}), fewer)


def test_only_answers_to_recorded_states_are_what_is_read():
    columns = {"recommender": "sasrec", "seed": 0, "task": "residual", "adapter": "mlp"}
    rows = [{**columns, "source": s, "example_id": 1} for s in ("recorded", "mean_state")]
    (cell,), (table,) = zip(*recorded_cells(pl.DataFrame(rows)).items(), strict=True)
    assert cell == Cell("sasrec", 0, "residual", "mlp")
    assert table["source"].to_list() == ["recorded"]
