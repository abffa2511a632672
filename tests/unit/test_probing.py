"""What decoders are asked of states, and what they name and rank in reply."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from recinterpreter import schemas, tables
from recinterpreter.bounds.held import Held, drawn_examples, last_states, read_held
from recinterpreter.bounds.probing import items_met, named_items, ranks_of_targets, told
from recinterpreter.errors import UserError

# states are their own address: example * 100 + position, width 1
AFTER = (100 * np.arange(1, 4)[:, None] + np.arange(3))[..., None].astype(np.float32)
HELD = Held(
    before=np.array([[0.0], [11.0], [22.0]], np.float32),
    after=AFTER,
    lengths=np.array([1, 2, 3]),
    histories=[[5], [6, 7], [5, 8, 9]],
    targets=np.array([1, 2, 3]),
)


def test_residual_asks_both_last_states_for_the_last_item():
    found = told("residual", HELD)
    assert found.states.tolist() == [[0, 100], [11, 201], [22, 302]]
    assert found.rows.tolist() == [0, 1, 2]
    assert found.items.tolist() == [5, 7, 9]


def test_states_of_half_precision_are_told_in_single():
    half = replace(HELD, before=HELD.before.astype(np.float16), after=HELD.after.astype(np.float16))
    for task in ("recovery", "residual", "preference"):
        assert told(task, half).states.dtype == np.float32


def test_preference_asks_the_last_state_for_the_next_item():
    found = told("preference", HELD)
    assert found.states.tolist() == [[100], [201], [302]]
    assert found.items.tolist() == [1, 2, 3]


def test_recovery_asks_every_state_for_the_item_that_is_new_in_it():
    found = told("recovery", HELD)
    assert found.states.tolist() == [
        [0, 100],
        [0, 200],
        [200, 201],
        [0, 300],
        [300, 301],
        [301, 302],
    ]
    assert found.rows.tolist() == list(range(6))
    assert found.items.tolist() == [5, 6, 7, 5, 8, 9]


def test_recovery_asks_one_state_for_all_items():
    one = Held(HELD.before, AFTER[:, :1], np.ones(3, int), HELD.histories, HELD.targets)
    found = told("recovery", one)
    assert found.states.tolist() == [[100], [200], [300]]
    assert found.rows.tolist() == [0, 1, 1, 2, 2, 2]
    assert found.items.tolist() == [5, 6, 7, 5, 8, 9]


@pytest.mark.parametrize(("most", "n"), [(1, 1), (2, 1), (3, 3), (5, 3), (6, 6), (99, 6)])
def test_no_more_states_are_asked_than_wanted(most, n):
    assert len(told("recovery", HELD, most).states) == n
    assert len(told("residual", HELD, most).states) == min(most, 3)


def test_every_states_first_choice_is_named_before_any_second_one():
    # one example of two states, one of one; the first state is loud
    scores = np.array([[-np.inf, 10, 9, 8, 0], [-np.inf, 0, 0, 1, 2], [-np.inf, 1, 1, 3, 1]])
    found = named_items(scores, np.array([2, 1]), 3)
    # 1 and 4 are first choices (of equal ones the lower id), then 2 and 3 are both one behind
    assert found.tolist() == [[1, 4, 2], [3, 1, 2]]


def test_targets_are_ranked_among_items_not_met_and_ties_stand_before():
    scores = np.array([[9, 5, 4, 4, 3], [9, 5, 4, 4, 3], [9, 5, -np.inf, 4, -np.inf]], float)
    met = np.zeros((3, 5), bool)
    met[1, [1, 3]] = True
    met[2, 2] = True
    # 1 and the tied 3 stand before 2; both met: it is first; a met target stays a candidate
    assert ranks_of_targets(scores, np.array([2, 2, 2]), met).tolist() == [3, 1, 4]


def test_items_met_are_those_of_earlier_events_of_the_same_user():
    events = pa.table(
        {
            "user_id": [1, 1, 1, 2, 2],
            "position": [2, 0, 1, 0, 1],
            "item_id": [3, 1, 2, 4, 1],
        }
    )
    asked = pa.table({"user_id": [1, 1, 2], "position": [1, 2, 1]})
    met = items_met(asked, events, 5)
    assert [np.flatnonzero(row).tolist() for row in met] == [[1], [1, 2], [4]]


def examples(splits: list[str]) -> pa.Table:
    rows = [
        {"example_id": i + 1, "user_id": i + 1, "position": 1, "history": [1 + i % 3]}
        | {"target": 2, "time": 0, "split": split}
        for i, split in enumerate(splits)
    ]
    return pa.Table.from_pylist(rows, schema=schemas.EXAMPLES)


def test_examples_are_drawn_of_their_split_alone():
    table = examples(["train", "test"] * 50)
    drawn = drawn_examples(table, "train", 20, 0)
    assert len(set(drawn.tolist())) == 20
    assert (drawn % 2 == 1).all()
    assert drawn.tolist() == drawn_examples(table, "train", 20, 0).tolist()
    assert drawn.tolist() != drawn_examples(table, "train", 20, 1).tolist()
    assert len(drawn_examples(table, "train", 999, 0)) == 50
    with pytest.raises(UserError, match="the validation split has no example"):
        drawn_examples(table, "validation", 1, 0)


def test_states_are_read_in_the_order_of_the_ids(tmp_path):
    path = tmp_path / "states.parquet"
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    mask = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1]], bool)
    rows = {"example_id": [1, 2, 3, 4], "before": values + 100, "after": values}
    rows |= {"before_mask": mask & (np.arange(3) < mask.sum(1)[:, None] - 1), "after_mask": mask}
    tables.write(path, rows, schemas.states_schema(3, 2), {"shape": [3, 2]})
    table = examples(["train"] * 4)
    first, second = read_held(path, table, [np.array([4, 1]), np.array([2])])
    assert first.before.tolist() == [[120, 121], [0, 0]]
    assert first.after.tolist() == values[[3, 0]].reshape(2, 3, 2).tolist()
    assert first.lengths.tolist() == [3, 1]
    assert first.histories == [[1], [1]]
    assert second.before.tolist() == [[106, 107]]
    with pytest.raises(UserError, match="states of 4 of the 5 examples"):
        read_held(path, examples(["train"] * 5), [np.arange(1, 6)])


def test_the_last_state_shown_of_an_empty_history_is_zeros():
    assert last_states(AFTER, np.array([0, 1, 3])).tolist() == [[0], [200], [302]]
