"""Edits of histories are what they say: one item changes, all others stay as they are."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sequence_examples import write_tables

from recinterpreter import schemas, tables
from recinterpreter.data.edits import edit_history, edits_of
from recinterpreter.data.evaluated import last_examples
from recinterpreter.errors import UserError
from recinterpreter.settings.evidence import Edits
from recinterpreter.stages.edit_histories import edit_histories

KINDS = ["drop", "swap", "replace", "append"]
N_ITEMS, LONGEST = 20, 5
# items 19 and 20 bear the titles of 1 and 2
ALIKE = {item: item - 18 if item > 18 else item for item in range(1, N_ITEMS + 1)}
histories = st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=LONGEST)
many = hypothesis_settings(max_examples=150, deadline=None)


def strangers_of(history: list[int]) -> list[int]:
    met = {ALIKE[item] for item in history}
    return [item for item in ALIKE if ALIKE[item] not in met]


def edited(kind: str, history: list[int], seed: int = 0):
    random = np.random.default_rng(seed)
    return edit_history(kind, history, strangers_of(history), ALIKE, LONGEST, random)


def titles(items: list[int]) -> list[int]:
    return [ALIKE[item] for item in items]


@many
@given(histories, st.integers(0, 50))
def test_of_a_dropped_item_nothing_is_left(history: list[int], seed: int) -> None:
    found = edited("drop", history, seed)
    if found is None:
        assert len(history) == 1 or all(titles(history).count(t) > 1 for t in titles(history))
        return
    (place,) = found.positions
    assert (found.taken, found.put) == (history[place], None)
    assert found.history == history[:place] + history[place + 1 :]
    assert ALIKE[found.taken] not in titles(found.history)


@many
@given(histories, st.integers(0, 50))
def test_a_replaced_item_gives_its_place_to_a_stranger(history: list[int], seed: int) -> None:
    found = edited("replace", history, seed)
    if found is None:
        assert all(titles(history).count(t) > 1 for t in titles(history))
        return
    (place,) = found.positions
    assert (found.taken, found.put) == (history[place], found.history[place])
    assert found.history == [*history[:place], found.put, *history[place + 1 :]]
    assert ALIKE[found.put] not in titles(history)
    assert ALIKE[found.taken] not in titles(found.history)


@many
@given(histories, st.integers(0, 50))
def test_two_items_change_places(history: list[int], seed: int) -> None:
    found = edited("swap", history, seed)
    if found is None:
        assert sum(titles(history).count(t) == 1 for t in titles(history)) < 2
        return
    first, second = found.positions
    assert first < second
    assert (found.taken, found.put) == (None, None)
    assert (found.history[first], found.history[second]) == (history[second], history[first])
    assert titles([history[first]]) != titles([history[second]])
    rest = [place for place in range(len(history)) if place not in found.positions]
    assert [found.history[p] for p in rest] == [history[p] for p in rest]


@many
@given(histories, st.integers(0, 50))
def test_an_appended_item_moves_a_full_window(history: list[int], seed: int) -> None:
    found = edited("append", history, seed)
    assert found is not None
    full = len(history) == LONGEST
    assert found.history == [*history[full:], found.put]
    assert found.positions == [len(found.history) - 1]
    assert found.taken == (history[0] if full else None)
    assert ALIKE[found.put] not in titles(history)


@pytest.mark.parametrize("kind", ["drop", "swap", "replace"])
def test_about_half_of_the_edits_touch_the_last_item(kind: str) -> None:
    found = [edited(kind, [3, 4, 5, 6, 7], seed) for seed in range(400)]
    share = np.mean([4 in edit.positions for edit in found])
    assert 0.4 < share < 0.6
    # and the others touch all other places
    places = {place for edit in found for place in edit.positions}
    assert places == {0, 1, 2, 3, 4}


def test_an_edit_depends_on_the_seed_and_its_example_alone() -> None:
    known = {example: [3, 4, 5, 6, example] for example in range(7, 15)}
    strangers = {example: strangers_of(history) for example, history in known.items()}
    for kind in KINDS:
        one = edits_of(kind, known, strangers, ALIKE, LONGEST, 3)
        assert one == edits_of(kind, known, strangers, ALIKE, LONGEST, 3)
        assert one != edits_of(kind, known, strangers, ALIKE, LONGEST, 4)
        some = {example: known[example] for example in (13, 9)}
        for example, edit in edits_of(kind, some, strangers, ALIKE, LONGEST, 3).items():
            assert one[example] == edit


def write_data(folder: Path, titles: dict[int, str]) -> None:
    random = np.random.default_rng(0)
    sequences = [random.choice(np.arange(1, 21), 8, replace=False).tolist() for _ in range(39)] + [
        [1, 2, 3, 4, 5, 6, 7, 21]
    ]
    write_tables(folder, sequences, LONGEST, len(titles))
    rows = [
        {"item_id": item, "source_id": str(item), "raw_title": title, "title": title}
        for item, title in titles.items()
    ]
    tables.write_rows(folder / "items.parquet", rows, schemas.ITEMS)


def run(folder: Path, name: str = "edits.parquet", **changes: object) -> list[dict]:
    wanted = {"kinds": KINDS, "sample": 100, "seed": 0, **changes}
    edit_histories(
        settings=Edits.model_validate(wanted),
        items=folder / "items.parquet",
        interactions=folder / "interactions.parquet",
        examples=folder / "examples.parquet",
        edits=folder / name,
    )
    return tables.read(folder / name, schemas.EDITS).to_pylist()


TITLES = {item: f"Title {item}" for item in range(1, 22)} | {20: "title 1"}


def test_last_histories_of_test_users_are_edited_in_every_way(tmp_path: Path) -> None:
    write_data(tmp_path, TITLES)
    rows = run(tmp_path)
    examples = tables.read(tmp_path / "examples.parquet", schemas.EXAMPLES)
    marks = last_examples(examples)
    wanted = [
        row["example_id"]
        for row, last in zip(examples.to_pylist(), marks, strict=True)
        if last and row["split"] == "test"
    ]
    for kind in KINDS:
        assert [row["example_id"] for row in rows if row["edit"] == kind] == wanted
    assert tables.metadata(tmp_path / "edits.parquet") == {"history": LONGEST}


def test_what_is_put_in_is_trained_and_never_met(tmp_path: Path) -> None:
    write_data(tmp_path, TITLES)
    events = tables.read(tmp_path / "interactions.parquet", schemas.INTERACTIONS).to_pylist()
    put = [row for seed in range(5) for row in run(tmp_path, seed=seed) if row["put"]]
    assert len(put) == 5 * 2 * 4
    for row in put:
        met = {TITLES[e["item_id"]].lower() for e in events if e["user_id"] == row["user_id"]}
        assert TITLES[row["put"]].lower() not in met
        assert row["put"] != 21, "the train split has no such item"


def test_a_sample_is_drawn_by_the_seed(tmp_path: Path) -> None:
    write_data(tmp_path, TITLES)
    every, some = run(tmp_path), run(tmp_path, "some.parquet", sample=2)
    run(tmp_path, "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "edits.parquet").read_bytes()
    assert len({row["example_id"] for row in some}) == 2
    assert all(row in every for row in some)


def test_a_kind_that_cannot_be_done_is_told(tmp_path: Path) -> None:
    write_tables(tmp_path, [[1, 2]] * 20, LONGEST, 21)
    rows = [{"item_id": i, "source_id": "", "raw_title": t, "title": t} for i, t in TITLES.items()]
    tables.write_rows(tmp_path / "items.parquet", rows, schemas.ITEMS)
    with pytest.raises(UserError, match=r"names drop, and none of 2 histories"):
        run(tmp_path, kinds=["drop"])
