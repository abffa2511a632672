"""A decoded history is read like a real one, and what the recommender then does is compared."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from recommender_models import N_ITEMS, POSITIONS, make
from sequence_examples import RECOMMENDERS, training_settings, windows_of, write_tables

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import write_json, write_tensors
from recinterpreter.data.evaluated import last_examples
from recinterpreter.errors import UserError
from recinterpreter.recommenders.consistency import behave, cosines, resemblance, with_histories
from recinterpreter.recommenders.models import build
from recinterpreter.recommenders.ranking import Sequences
from recinterpreter.scoring.comparison import Cell
from recinterpreter.scoring.consistency import consistency_scores
from recinterpreter.settings.evidence import Consistency
from recinterpreter.settings.scores import Scores
from recinterpreter.stages.measure_consistency import measure_consistency

CPU = torch.device("cpu")
SCORES = Scores(cutoffs=[10], confidence=0.95, resamples=100, seed=0, power=0.8, similarity=0.85)
FORM = ("This user has watched ", " in the previous.")


def study(seed: int = 0):
    """Last examples of a few users, and all that happened."""
    random = np.random.default_rng(seed)
    sequences = [random.integers(1, N_ITEMS + 1, n).tolist() for n in (3, 5, 6, 4, 6)]
    windows = windows_of(sequences, POSITIONS)
    return windows, Sequences.of_examples(windows)


def histories_of(windows) -> list[list[int]]:
    return [
        items[:length].tolist()
        for items, length in zip(windows.items, windows.lengths, strict=True)
    ]


@pytest.mark.parametrize("recommender", RECOMMENDERS)
def test_the_real_history_does_exactly_what_it_did(recommender: str) -> None:
    model, (windows, sequences) = make(recommender), study()
    real = behave(model, windows, sequences, 3, 4)
    found = resemblance(model, windows, real, histories_of(windows), sequences, 5)
    np.testing.assert_allclose(found.cosine, 1, atol=1e-4)
    assert (found.overlap == 1).all()
    assert found.same_first.all()


@pytest.mark.parametrize("recommender", RECOMMENDERS)
def test_best_items_are_the_highest_scores_of_what_was_not_met(recommender: str) -> None:
    model, (windows, sequences) = make(recommender), study()
    found = behave(model, windows, sequences, N_ITEMS, 100).best
    for row in range(len(windows)):
        alone = windows.take(np.array([row]))
        _, met = sequences.before(alone.user_ids, alone.positions)
        with torch.no_grad():
            scores = model.scores(alone.batch(CPU))[0].numpy()
        left = [item for item in range(1, N_ITEMS + 1) if item not in met]
        wanted = sorted(left, key=lambda item: -scores[item])
        assert found[row, : len(left)].tolist() == wanted
        assert not found[row, len(left) :].any()


def test_where_nothing_was_decoded_nothing_is_alike() -> None:
    model, (windows, sequences) = make("sasrec"), study()
    real = behave(model, windows, sequences, 3, 4)
    histories = histories_of(windows)
    histories[1] = []
    found = resemblance(model, windows, real, histories, sequences, 5)
    assert (found.cosine[1], found.overlap[1], found.same_first[1]) == (0, 0, False)
    others = np.arange(len(windows)) != 1
    assert (found.overlap[others] == 1).all()
    nothing = resemblance(model, windows, real, [[]] * len(windows), sequences, 5)
    assert not nothing.overlap.any()


def test_of_a_long_answer_the_last_items_are_read() -> None:
    windows, _ = study()
    some = windows.take(np.array([0, 1]))
    found = with_histories(some, [[9, *range(1, POSITIONS + 1)], [4]])
    assert found.items[0].tolist() == list(range(1, POSITIONS + 1))
    assert found.items[1].tolist() == [4] + [0] * (POSITIONS - 1)
    assert found.lengths.tolist() == [POSITIONS, 1]
    assert found.example_ids.tolist() == some.example_ids.tolist()


def test_what_all_states_have_in_common_does_not_count() -> None:
    random = np.random.default_rng(0)
    real = random.normal(size=(500, 8)) * np.arange(1, 9) + 100
    found = cosines(real, real[::-1], np.arange(500))
    assert abs(found.mean()) < 0.05
    np.testing.assert_allclose(cosines(real, real[3:5], np.array([3, 4])), 1)
    # a dimension in which all are the same divides by nothing
    assert np.isfinite(cosines(np.ones((4, 2)), np.ones((4, 2)), np.arange(4))).all()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set, a recommender, and answers that name the history for even examples alone."""
    random = np.random.default_rng(0)
    sequences = [(random.permutation(N_ITEMS)[:6] + 1).tolist() for _ in range(40)]
    write_tables(tmp_path, sequences, POSITIONS, N_ITEMS)
    items = [
        {"item_id": i, "source_id": str(i), "raw_title": f"Film {i}", "title": f"Film {i}"}
        for i in range(1, N_ITEMS + 1)
    ]
    tables.write_rows(tmp_path / "items.parquet", items, schemas.ITEMS)
    settings = training_settings("sasrec", seed=3)
    facts = {"settings": settings.model_dump(mode="json"), "n_items": N_ITEMS}
    write_json(tmp_path / "config.json", facts | {"history": POSITIONS})
    model = build(settings, N_ITEMS, POSITIONS, CPU)
    write_tensors(tmp_path / "model.safetensors", model.state_dict())
    test = [
        r for r in read(tmp_path / "examples.parquet", schemas.EXAMPLES) if r["split"] == "test"
    ]
    for adapter in ("conv_linear", "mlp"):
        answers = []
        for row in test:
            titles = [f"Film {item}" for item in row["history"]]
            if row["example_id"] % 2:
                titles = ["No Such Film"]
            answers.append(
                {"example_id": row["example_id"], "template": "", "n_new_tokens": 1}
                | {"finished": True, "text": f"{FORM[0]}{', '.join(titles)}{FORM[1]}"}
            )
        about = {"recommender": "sasrec", "seed": 3, "task": "recovery", "adapter": adapter}
        about |= {"source": "recorded", "answer_prefix": FORM[0], "answer_suffix": FORM[1]}
        tables.write_rows(tmp_path / f"{adapter}.parquet", answers[::-1], schemas.ANSWERS, about)
    return tmp_path


def read(path: Path, schema) -> list[dict]:
    return tables.read(path, schema).to_pylist()


def measure(folder: Path) -> pl.DataFrame:
    measure_consistency(
        settings=Consistency(top=3, seed=0),
        batch_size=7,
        config=folder / "config.json",
        weights=folder / "model.safetensors",
        items=folder / "items.parquet",
        interactions=folder / "interactions.parquet",
        examples=folder / "examples.parquet",
        answers=[folder / "conv_linear.parquet", folder / "mlp.parquet"],
        consistency=folder / "consistency.parquet",
    )
    table = pl.from_arrow(tables.read(folder / "consistency.parquet", schemas.CONSISTENCY))
    assert isinstance(table, pl.DataFrame)
    return table


def test_answers_that_name_the_history_are_consistent_and_others_are_not(folder: Path) -> None:
    found = measure(folder)
    noted = tables.metadata(folder / "consistency.parquet")
    assert noted == {"recommender": "sasrec", "seed": 3, "top": 3}
    examples = tables.read(folder / "examples.parquet", schemas.EXAMPLES)
    last = dict(
        zip(examples["example_id"].to_pylist(), last_examples(examples).tolist(), strict=True)
    )
    for adapter in ("conv_linear", "mlp"):
        own = found.filter(adapter=adapter, source="recorded")
        named = own["example_id"] % 2 == 0
        assert (own["named"] > 0).to_list() == named.to_list()
        assert (own["cosine"] > 0.999).to_list() == named.to_list()
        assert own["overlap"].to_list() == named.cast(pl.Float64).to_list()
        assert own["same_first"].to_list() == named.to_list()
        assert own["last"].to_list() == [last[example] for example in own["example_id"]]
        other = found.filter(adapter=adapter, source="another_user")
        assert other["example_id"].equals(own["example_id"])
        assert other["cosine"].max() < 0.999
    rows = list(consistency_scores({Cell("sasrec", 3): found}, SCORES))
    scores = {(r["adapter"], r["source"], r["evaluation"], r["metric"]): r for r in rows}
    assert len(scores) == len(rows) == 2 * 2 * (3 * 3 + 1)
    share = float(named.mean())
    for metric in ("decoded cosine", "decoded overlap", "decoded same first"):
        row = scores["mlp", "recorded", "all", metric]
        assert row["value"] == pytest.approx(share, abs=1e-3)
        assert (row["recommender"], row["seed"], row["task"]) == ("sasrec", 3, "recovery")
        assert scores["mlp", "another_user", "all", metric]["value"] < row["value"]
        assert scores["mlp", "recorded", "all", f"{metric} minus another_user"]["low"] > 0
    assert scores["mlp", "recorded", "all", "decoded nothing"]["value"] == 1 - share
    tables.write_rows(folder / "scores.parquet", rows, schemas.SCORES)


def test_answers_to_other_examples_are_refused(folder: Path) -> None:
    path = folder / "mlp.parquet"
    rows, noted = read(path, schemas.ANSWERS), tables.metadata(path)
    rows[0]["example_id"] = 10_000
    tables.write_rows(path, rows, schemas.ANSWERS, noted)
    with pytest.raises(UserError, match="delete the answers and run again"):
        measure(folder)
