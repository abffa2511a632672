"""Readers whose skill is known: one that reads, one that does not look, one that babbles."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recinterpreter import schemas, tables
from recinterpreter.data.edits import edits_of
from recinterpreter.errors import UserError
from recinterpreter.scoring.edits import Wanted, edit_scores, marks, said, wanted_of
from recinterpreter.settings.scores import Scores
from recinterpreter.stages.check_edits import check_edits

SETTINGS = Scores(cutoffs=[10], confidence=0.95, resamples=300, seed=0, power=0.8, similarity=0.85)
N_ITEMS, HISTORY, N_USERS = 40, 6, 30
KINDS = ["drop", "swap", "replace", "append"]
FORMS = {
    "recovery": ("This user has watched ", " in the previous."),
    "residual": ("This user watched movie ", " in List2 but not in List1."),
}
TITLES = {item: f"Film {item}" for item in range(1, N_ITEMS + 1)}


def all_of(history, task):
    return history if task == "recovery" else history[-1:]


def babble(about):
    """Half of the catalogue, another one for every history."""
    return (np.random.default_rng(about).permutation(N_ITEMS)[: N_ITEMS // 2] + 1).tolist()


# what a reader names, of a history, of how it was before the edit, and of the user
READERS = {
    "perfect": lambda now, was, user, task: all_of(now, task),
    "blind": lambda now, was, user, task: all_of([1, 2, 3, 4, 5, 6], task),
    "deaf": lambda now, was, user, task: all_of(was, task),
    "babbling": lambda now, was, user, task: babble([user, *now]),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The last histories of 30 users, and their edits."""
    random = np.random.default_rng(0)
    histories = {
        user: (random.permutation(N_ITEMS)[:HISTORY] + 1).tolist() for user in range(1, N_USERS + 1)
    }
    for user in (3, 4, 5):  # so that who always names film 6 is right by chance
        histories[user] = [*(i for i in histories[user][1:] if i != 6), 6]
    strangers = {u: [i for i in TITLES if i not in history] for u, history in histories.items()}
    alike = {item: item for item in TITLES}
    rows = [
        {"example_id": example, "user_id": example, "edit": kind, "positions": edit.positions}
        | {"taken": edit.taken, "put": edit.put, "history": edit.history}
        for kind in KINDS
        for example, edit in edits_of(kind, histories, strangers, alike, HISTORY, 0).items()
    ]
    tables.write_rows(tmp_path / "edits.parquet", rows, schemas.EDITS)
    examples = [
        {"example_id": u, "user_id": u, "position": HISTORY, "history": history}
        | {"target": 1, "time": 0, "split": "test"}
        for u, history in histories.items()
    ]
    tables.write_rows(tmp_path / "examples.parquet", examples, schemas.EXAMPLES)
    items = [
        {"item_id": i, "source_id": str(i), "raw_title": t, "title": t} for i, t in TITLES.items()
    ]
    tables.write_rows(tmp_path / "items.parquet", items, schemas.ITEMS)
    return tmp_path


def answer(folder: Path, reader: str, task: str) -> list[Path]:
    """Answers of a reader to the histories as they were and to all edits."""
    read, (prefix, suffix) = READERS[reader], FORMS[task]
    known = tables.read(folder / "examples.parquet", schemas.EXAMPLES).to_pylist()
    was = {row["example_id"]: row["history"] for row in known}
    edits = tables.read(folder / "edits.parquet", schemas.EDITS).to_pylist()
    shown = {"recorded": was} | {
        f"edit_{kind}": {r["example_id"]: r["history"] for r in edits if r["edit"] == kind}
        for kind in KINDS
    }
    paths = []
    for source, histories in shown.items():
        rows = [
            {"example_id": example, "template": "", "n_new_tokens": 1, "finished": True}
            | {
                "text": prefix
                + ", ".join(TITLES[i] for i in read(history, was[example], example, task))
                + suffix
            }
            for example, history in histories.items()
        ]
        paths.append(folder / f"{reader}.{task}.{source}.parquet")
        about = {"recommender": reader, "seed": 0, "task": task, "adapter": "conv_linear"}
        about |= {"source": source, "answer_prefix": prefix, "answer_suffix": suffix}
        tables.write_rows(paths[-1], rows, schemas.ANSWERS, about)
    return paths


def check(folder: Path, answers: list[Path]) -> pl.DataFrame:
    check_edits(
        items=folder / "items.parquet",
        examples=folder / "examples.parquet",
        edits=folder / "edits.parquet",
        answers=answers,
        checked=folder / "checked.parquet",
    )
    table = pl.from_arrow(tables.read(folder / "checked.parquet", schemas.EDIT_VERDICTS))
    assert isinstance(table, pl.DataFrame)
    return table


def scores(folder: Path, reader: str, task: str) -> dict[tuple[str, str], dict]:
    rows = list(edit_scores(check(folder, answer(folder, reader, task)), SETTINGS))
    found = {(row["source"], row["metric"]): row for row in rows}
    assert len(found) == len(rows), "a score stands twice"
    assert {row["evaluation"] for row in rows} == {"last"}
    return found


@pytest.mark.parametrize("task", list(FORMS))
def test_a_perfect_reader_follows_and_stays(folder: Path, task: str) -> None:
    found = scores(folder, "perfect", task)
    for source in [f"edit_{kind}" for kind in KINDS] + ["edits"]:
        assert found[source, "follows"]["value"] == 1, source
        assert found[source, "follows by chance"]["value"] == 0, source
        if (task, source) != ("residual", "edit_append"):  # which leaves no last item as it was
            assert found[source, "stays"]["value"] == 1, source
            assert found[source, "stays by chance"]["value"] < 0.3, source
    assert found["edits", "follows the edits"]["value"] == 1
    # every edit of recovery asks to follow, of residual those of the last item
    n_follow = found["edits", "follows"]["n"]
    assert n_follow == 4 * N_USERS if task == "recovery" else n_follow < 4 * N_USERS


@pytest.mark.parametrize("task", list(FORMS))
@pytest.mark.parametrize("reader", ["blind", "deaf"])
def test_one_that_does_not_look_at_the_edit_does_not_follow(
    folder: Path, reader: str, task: str
) -> None:
    found = scores(folder, reader, task)
    margin = found["edits", "follows minus chance"]
    assert (margin["value"], margin["low"], margin["high"]) == (0, 0, 0)
    assert found["edits", "follows the edits"]["value"] == 0
    if reader == "deaf":
        assert found["edits", "follows"]["value"] == 0
        assert found["edits", "stays"]["value"] == 1
    else:
        # it stays, and so does whoever says the same to everyone
        assert found["edits", "stays"]["value"] == found["edits", "stays by chance"]["value"] == 1


def test_one_that_says_something_else_each_time_only_seems_to_follow(folder: Path) -> None:
    found = scores(folder, "babbling", "recovery")
    for metric in ("follows", "stays"):
        assert found["edits", metric]["value"] == pytest.approx(0.5, abs=0.12)
        margin = found["edits", f"{metric} minus chance"]
        assert margin["low"] <= 0 <= margin["high"]
    assert 0.2 < found["edit_drop", "follows"]["value"] < 0.8
    assert found["edits", "follows the edits"]["value"] == 0


def test_a_few_that_follow_are_no_verdict() -> None:
    """Five of 60 follow: the interval from resamples is above 0, a sign test is not sure."""
    cell = {"recommender": "sasrec", "seed": 0, "task": "recovery", "adapter": "conv_linear"}

    def rows(followers: int) -> pl.DataFrame:
        return pl.DataFrame(
            [
                cell
                | {"source": "edit_append", "user_id": user, "follows": float(user < followers)}
                | {"follows_by_chance": 0.0, "stays": 1.0, "stays_by_chance": 0.0}
                for user in range(60)
            ]
        )

    for followers, wanted in ((5, 0), (6, 1)):
        found = {(r["source"], r["metric"]): r for r in edit_scores(rows(followers), SETTINGS)}
        assert found["edits", "follows minus chance"]["low"] > 0
        p = found["edits", "follows sign test p"]
        assert (p["value"], p["n"]) == (pytest.approx(2 / 2**followers), 60)
        assert found["edits", "follows the edits"]["value"] == wanted


def test_a_cell_without_the_recorded_answers_is_told(folder: Path) -> None:
    with pytest.raises(UserError, match="wanted recorded and edit_append, edit_drop"):
        check(folder, answer(folder, "deaf", "residual")[1:])


def test_cells_do_not_mix(folder: Path) -> None:
    paths = [p for task in FORMS for r in ("perfect", "deaf") for p in answer(folder, r, task)]
    found = check(folder, paths[::-1])
    assert len(found) == 4 * 4 * N_USERS
    assert (found["user_id"] == found["example_id"]).all()
    follows = found.group_by("recommender").agg(pl.col("follows").mean())
    assert dict(follows.iter_rows()) == {"perfect": 1.0, "deaf": 0.0}


def test_what_an_edit_asks_for() -> None:
    # titles 1 to 4, title 4 stands twice
    was = [1, 2, 4, 3, 4]
    replaced = wanted_of("recovery", was, [1, 9, 4, 3, 4], [1])
    assert replaced == Wanted(frozenset({9}), frozenset({2}), frozenset({1, 3, 4}))
    swapped = wanted_of("recovery", was, [3, 2, 4, 1, 4], [0, 3])
    assert swapped == Wanted(frozenset(), frozenset(), frozenset({2, 4}), (3, 1))
    # an appended item pushed one 4 out, and the other still stands
    appended = wanted_of("recovery", [4, 1, 4], [1, 4, 9], [2])
    assert appended == Wanted(frozenset({9}), frozenset(), frozenset({1, 4}))
    assert wanted_of("residual", was, [1, 9, 4, 3, 4], [1]).kept == {4}
    last = wanted_of("residual", [1, 2, 3], [1, 2], [2])
    assert last == Wanted(frozenset({2}), frozenset({3}), frozenset())


def test_what_an_answer_counts_as_naming() -> None:
    assert said("recovery", [3, 0, 1, 3]) == (3, 1)
    assert said("residual", [3]) == (3,)
    assert said("residual", [3, 1]) == said("residual", [0]) == said("residual", []) == ()


def test_marks_by_hand() -> None:
    dropped = Wanted(frozenset(), frozenset({1}), frozenset({2, 3}))
    replaced = Wanted(frozenset({9}), frozenset({2}), frozenset({1, 3}))
    wanted = {"edit_drop": {7: dropped, 8: dropped}, "edit_replace": {7: replaced}}
    before = {7: (1, 2), 8: (2,)}
    after = {"edit_drop": {7: (3, 2), 8: (1, 3)}, "edit_replace": {7: (9, 1)}}
    found = {(kind, example): mark for kind, example, mark in marks(wanted, before, after)}
    # 1 is gone from the answer to the drop, and is still in the answer to the other edit
    assert found["edit_drop", 7] == ((1.0, 0.0), (1.0, 0.0))
    # 1 was not named before: nothing to follow; 2 was, is gone, and is named of the other user
    assert found["edit_drop", 8] == (None, (0.0, 1.0))
    # no other user was asked about this kind, so there is no chance to stay
    assert found["edit_replace", 7] == ((1.0, 0.0), None)


titles = st.lists(st.integers(0, 6), max_size=6)


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(titles, titles), min_size=2, max_size=4), st.integers(0, 99))
def test_marks_are_shares_and_chance_is_the_mean_over_others(answers, seed: int) -> None:
    random = np.random.default_rng(seed)
    histories = {e: (random.permutation(6)[:4] + 1).tolist() for e in range(len(answers))}
    alike = {item: item for item in range(1, 8)}
    strangers = {example: [7] for example in histories}
    edits = edits_of("replace", histories, strangers, alike, 6, seed)
    wanted = {
        e: wanted_of("recovery", histories[e], edits[e].history, edits[e].positions) for e in edits
    }
    before = {e: said("recovery", answers[e][0]) for e in histories}
    after = {e: said("recovery", answers[e][1]) for e in histories}
    for _, example, mark in marks({"edit_replace": wanted}, before, {"edit_replace": after}):
        known = wanted[example].kept & set(before[example])
        assert (mark.stays is None) == (not known)
        if mark.stays:
            others = [after[e] for e in after if e != example]
            chance = np.mean([len(known & set(o)) / len(known) for o in others])
            assert mark.stays[0] == len(known & set(after[example])) / len(known)
            assert mark.stays[1] == pytest.approx(chance)
        assert mark.follows == (float(7 in after[example]), float(7 in before[example]))
