"""Planted fakes: what does not read the state, or reads nothing learned, is called so."""

from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest
from adapter_examples import asked_about, new_adapter
from language_models import TITLES, frozen

from recinterpreter.interpretation.answering import Interview
from recinterpreter.interpretation.reading import Reading
from recinterpreter.interpretation.shown import ShownStates
from recinterpreter.language_model.prompts import templates
from recinterpreter.scoring.comparison import Cell
from recinterpreter.scoring.matcher import AnswerForm, Catalogue
from recinterpreter.scoring.reading import reading_scores
from recinterpreter.scoring.tasks import task_scores
from recinterpreter.scoring.verdicts import judge
from recinterpreter.settings.scores import Scores

N = 200
SETTINGS = Scores(
    cutoffs=[1, 3], confidence=0.95, resamples=200, seed=0, power=0.8, similarity=0.85
)
CATALOGUE = Catalogue(dict(enumerate(TITLES, 1)))
SOURCES = ("recorded", "another_user", "prompt_only")


def verdicts(said: Mapping[str, list[str]], wanted: list[int], cell: Cell) -> pl.DataFrame:
    """VERDICTS of answers by source, one example per user."""
    form = AnswerForm(templates("residual", "movies")[0].prefix, " in List2 but not in List1.")
    rows = []
    for source, texts in said.items():
        for i, (text, item) in enumerate(zip(texts, wanted, strict=True)):
            verdict = judge(CATALOGUE, [item], CATALOGUE.find(text, form))
            place = {"source": source, "example_id": i, "user_id": i, "last": True, "text": text}
            named = {"recommender": cell.recommender, "seed": cell.seed}
            named |= {"task": cell.task, "adapter": cell.adapter}
            rows.append({**named, **place, **vars(verdict)})
    return pl.DataFrame(rows, infer_schema_length=None)


def figures(table: pl.DataFrame, metric: str, recommender: str = "sasrec") -> float:
    rows = task_scores(table, CATALOGUE, [1], 4, SETTINGS)
    wanted = ("last", metric, "recorded", recommender)
    (value,) = [
        r["value"]
        for r in rows
        if (r["evaluation"], r["metric"], r["source"], r["recommender"]) == wanted
    ]
    return float(value)


def popular_items(seed: int) -> list[int]:
    """Last items of which one is far more frequent than the others."""
    random = np.random.default_rng(seed)
    return np.where(random.random(N) < 0.6, 1, random.integers(1, len(TITLES) + 1, N)).tolist()


def test_a_model_that_names_the_most_popular_title_does_not_read_the_state() -> None:
    wanted, cell = popular_items(0), Cell("sasrec", 0, "residual", "conv_linear")
    popular = templates("residual", "movies")[0].answer([TITLES[0]])
    table = verdicts({source: [popular] * N for source in SOURCES}, wanted, cell)
    assert figures(table, "accuracy") > 0.5, "right often enough to be mistaken for reading"
    assert figures(table, "reads the state") == 0
    reader = [templates("residual", "movies")[0].answer([TITLES[i - 1]]) for i in wanted]
    honest = verdicts(
        {s: reader if s == "recorded" else [popular] * N for s in SOURCES}, wanted, cell
    )
    assert figures(honest, "reads the state") == 1


def controlled(states: ShownStates) -> dict[str, ShownStates]:
    """The recorded states, those of the example before, and none."""
    others = ShownStates(states.example_ids, np.roll(states.values, 1, 0), states.mask)
    return {
        "recorded": states,
        "another_user": others,
        "prompt_only": ShownStates(states.example_ids, None, np.zeros_like(states.mask)),
    }


def test_an_adapter_of_zeros_does_not_read_the_state_whatever_is_asked() -> None:
    llm, adapter = frozen(), new_adapter(32)
    for parameter in adapter.parameters():
        parameter.data.zero_()
    asked = asked_about(60, "residual")
    template = templates("residual", "movies")[0]
    interview = Interview(adapter, llm, template, 32, 12)
    said = {}
    for source, states in controlled(asked.states).items():
        list(interview.ask(states))
        said[source] = [row["text"] for row in interview.rows(states)]
    wanted = [items[-1] for items in asked.items]
    table = verdicts(said, wanted, Cell("sasrec", 0, "residual", "conv_linear"))
    assert figures(table, "reads the state") == 0

    preference = asked_about(60, "preference")
    reading = Reading(adapter, llm, templates("preference", "movies")[0], TITLES, 32)
    cell = Cell("sasrec", 0, "preference", "conv_linear")
    read = {}
    for source, states in controlled(preference.states).items():
        list(reading.ask(states))
        titles = [TITLES[items[-1] - 1] for items in preference.items]
        read[source] = ranking(reading.ranks(states, titles, [[]] * 60))
    rows = list(reading_scores({cell: read}, {}, SETTINGS))
    assert {r["value"] for r in rows if r["metric"] == "reads the state"} == {0.0}


def ranking(ranks: np.ndarray) -> pl.DataFrame:
    users = np.arange(len(ranks))
    return pl.DataFrame({"example_id": users, "user_id": users, "last": True, "rank": ranks})


@pytest.mark.parametrize(("trained", "learned"), [(1, 1.0), (3, 0.0), (7, 0.0)])
def test_what_an_untrained_encoder_holds_as_well_was_not_learned(
    trained: int, learned: float
) -> None:
    random = np.random.default_rng(0)
    cells = {
        name: Cell(name, 0, "preference", "conv_linear") for name in ("sasrec", "untrained_sasrec")
    }
    readings = {
        cells["sasrec"]: {"recorded": ranking(random.integers(1, 1 + trained, N))},
        cells["untrained_sasrec"]: {"recorded": ranking(random.integers(1, 4, N))},
    }
    rows = list(reading_scores(readings, {}, SETTINGS))
    found = [r for r in rows if r["metric"] == "reads what was learned"]
    assert {r["recommender"] for r in found} == {"sasrec"}
    assert {r["value"] for r in found} == {learned}


def test_a_guess_above_an_untrained_encoder_was_not_read_from_what_was_learned() -> None:
    random = np.random.default_rng(0)
    good, bad = random.integers(1, 3, N), random.integers(3, 9, N)
    readings = {
        Cell(name, 0, "preference", "conv_linear"): {
            "recorded": ranking(own),
            "mean_state": ranking(guessed),
        }
        for name, own, guessed in (("sasrec", good, good), ("untrained_sasrec", bad, bad))
    }
    rows = [r for r in reading_scores(readings, {}, SETTINGS) if r["recommender"] == "sasrec"]
    found = {r["metric"]: r for r in rows if r["evaluation"] == "all"}
    assert found["ndcg@3 minus best untrained"]["low"] > 0
    assert found["reads what was learned"]["value"] == 0


def test_a_share_of_the_recommenders_own_and_the_distance_from_popularity() -> None:
    cell, own = Cell("sasrec", 0, "preference", "conv_linear"), Cell("sasrec", 0)
    read = {cell: {"recorded": ranking(np.array([1, 9, 9, 2]))}}
    known = {own: ranking(np.array([1, 2, 3, 3])), Cell("popularity"): ranking(np.full(4, 9))}
    rows = {
        r["metric"]: r for r in reading_scores(read, known, SETTINGS) if r["evaluation"] == "all"
    }
    assert rows["share of own hr@3"]["value"] == pytest.approx(2 / 4)
    assert rows["own hr@3"]["value"] == 1
    assert rows["ndcg@3 minus popularity"]["value"] == rows["ndcg@3"]["value"] > 0
