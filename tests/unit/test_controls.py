"""Controls: the law of the derangement, the masked mean, the empty slot."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recinterpreter.errors import UserError
from recinterpreter.interpretation.controls import (
    Moments,
    StateRows,
    another_user,
    derange,
    mean_state,
    noise,
    prompt_only,
    zeros,
)

user_lists = st.lists(st.integers(1, 6), min_size=2, max_size=30).filter(lambda u: len(set(u)) > 1)


@given(users=user_lists, seed=st.integers(0, 50))
def test_no_example_gets_its_own_users_states(users: list[int], seed: int) -> None:
    user_ids = np.array(users)
    donors = derange(user_ids, seed)
    assert (user_ids[donors] != user_ids).all()
    largest = np.bincount(user_ids).max()
    if 2 * largest <= len(users):
        assert sorted(donors) == list(range(len(users)))
    else:  # no permutation exists; nobody gives more often than must be
        others = len(users) - largest
        assert np.bincount(donors).max() == -(-largest // others)
    assert donors.tolist() == derange(user_ids, seed).tolist()


def test_seeds_draw_different_donors() -> None:
    user_ids = np.repeat(np.arange(50), 3)
    assert derange(user_ids, 0).tolist() != derange(user_ids, 1).tolist()


def test_one_user_alone_is_refused() -> None:
    with pytest.raises(UserError, match="of two users, got 1"):
        derange(np.array([4, 4, 4]), 0)


def rows() -> StateRows:
    """Four examples of two users, histories of 2, 3, 1 and 3 items; each state names itself."""
    lengths = np.array([2, 3, 1, 3])
    place = np.arange(3)
    after_mask, before_mask = (place < n[:, None] for n in (lengths, lengths - 1))
    value = np.arange(1, 5)[:, None, None] * 10 + place[:, None] + np.array([0.0, 0.5])
    return StateRows(
        np.array([11, 12, 13, 14]),
        np.where(before_mask[..., None], -value, 0).astype(np.float32),
        np.where(after_mask[..., None], value, 0).astype(np.float32),
        before_mask,
        after_mask,
    )


def test_another_users_states_stay_together() -> None:
    recorded, users = rows(), np.array([1, 1, 2, 2])
    shown = another_user(recorded, users, seed=3)
    donors = derange(users, seed=3)
    assert shown.example_ids.tolist() == [11, 12, 13, 14]
    for name in ("before", "after", "before_mask", "after_mask"):
        assert np.array_equal(getattr(shown, name), getattr(recorded, name)[donors])


def test_the_mean_is_taken_where_there_are_items() -> None:
    recorded = rows()
    mean = Moments(3, 2)
    for part in (slice(0, 1), slice(1, 4)):  # in a stream
        mean.add(recorded.after[part], recorded.after_mask[part])
    # position 0: all four; position 1: examples 1, 2, 4; position 2: examples 2, 4
    wanted = [[25, 25.5], [(11 + 21 + 41) / 3, (11 + 21 + 41) / 3 + 0.5], [32, 32.5]]
    np.testing.assert_allclose(mean.mean(), wanted)


def test_a_position_without_items_means_zero_and_padding_is_never_read() -> None:
    mean = Moments(2, 1)
    mean.add(np.array([[[4.0], [np.nan]]]), np.array([[True, False]]))
    assert mean.mean().tolist() == [[4.0], [0.0]]


def test_the_mean_is_shown_at_the_positions_of_the_example() -> None:
    recorded = rows()
    shown = mean_state(recorded, moments_of(5.0), moments_of(7.0))
    assert shown.after.dtype == np.float32
    assert shown.after[..., 0].tolist() == [[7, 7, 0], [7, 7, 7], [7, 0, 0], [7, 7, 7]]
    assert shown.before[..., 1].tolist() == [[5, 0, 0], [5, 5, 0], [0, 0, 0], [5, 5, 0]]
    assert shown.after_mask is recorded.after_mask


def moments_of(*values: float) -> Moments:
    """Moments of states that hold the same value at all of three positions, width 2."""
    found = Moments(3, 2)
    states = np.array(values)[:, None, None] * np.ones((1, 3, 2))
    found.add(states, np.ones(states.shape[:2], bool))
    return found


def test_zeros_are_shown_where_there_are_items() -> None:
    recorded = rows()
    shown = zeros(recorded)
    assert not shown.before.any()
    assert not shown.after.any()
    assert shown.after.dtype == np.float32
    assert shown.after_mask is recorded.after_mask


def test_noise_has_the_moments_of_the_training_states_and_its_own_seed() -> None:
    one = rows()
    many = replace(
        one,
        example_ids=np.arange(4000),
        **{k: np.tile(getattr(one, k), (1000, 1, 1)) for k in ("before", "after")},
        **{k: np.tile(getattr(one, k), (1000, 1)) for k in ("before_mask", "after_mask")},
    )
    shown = noise(many, moments_of(-1.0, 1.0), moments_of(3.0, 7.0), seed=1)
    assert not shown.after[~many.after_mask].any()
    told = shown.after[many.after_mask]
    assert abs(told.mean() - 5) < 0.1
    assert abs(told.std() - 2) < 0.1
    assert abs(shown.before[many.before_mask].std() - 1) < 0.1
    again = noise(many, moments_of(-1.0, 1.0), moments_of(3.0, 7.0), seed=1)
    other = noise(many, moments_of(-1.0, 1.0), moments_of(3.0, 7.0), seed=2)
    assert np.array_equal(shown.after, again.after)
    assert not np.array_equal(shown.after, other.after)


def test_prompt_only_shows_nothing() -> None:
    shown = prompt_only(rows())
    assert shown.before is None
    assert shown.after is None
    assert not shown.before_mask.any()
    assert not shown.after_mask.any()
