"""Baselines against cases counted by hand and an independent solution, and the real floors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sequence_examples import windows_of

from recinterpreter.errors import UserError
from recinterpreter.recommenders import baselines
from recinterpreter.recommenders.baselines import BASELINES, DecayedMarkov, Ease, Markov, Popularity
from recinterpreter.recommenders.ranking import Sequences, hit_rate, ndcg, ranks

CPU = torch.device("cpu")


def test_popularity_counts_every_training_event_once() -> None:
    training = windows_of([[1, 2, 3, 2], [2, 4]], history=2)
    scores = Popularity(training, 5).scores(training.batch(CPU))
    assert scores.shape == (4, 6)
    assert scores[0].tolist() == [-torch.inf, 1, 3, 1, 1, 0]
    assert torch.equal(scores[0], scores[3])


def test_markov_counts_what_followed_and_the_popular_item_wins_a_tie() -> None:
    training = windows_of([[1, 2, 3], [4, 1, 2], [1, 3], [4, 4]], history=2)
    histories = windows_of([[2, 1, 4], [3, 5, 4]], history=2)
    scores = Markov(training, 5).scores(histories.take(histories.positions == 2).batch(CPU)).numpy()
    order = np.array([3, 2, 2, 3, 0]) / 11  # occurrences of items 1 to 5
    # the last item is 1 (two follow-ups to 2, one to 3), then 5, which nothing ever followed
    np.testing.assert_allclose(scores[0, 1:], order + np.array([0, 2, 1, 0, 0]))
    np.testing.assert_allclose(scores[1, 1:], order)
    assert (scores[:, 0] == -np.inf).all()
    assert order.max() < 1


def test_ease_is_a_regression_of_every_item_on_the_others() -> None:
    random = np.random.default_rng(0)
    sequences = [random.integers(1, 7, 5).tolist() for _ in range(30)]
    ease = Ease(windows_of(sequences, history=3), 7, l2=2.0)
    x = np.zeros((30, 8))
    for row, items in enumerate(sequences):
        x[row, items] = 1
    for item in range(1, 8):  # 7 is in no sequence
        others = np.delete(np.arange(8), [0, item])
        gram = x[:, others].T @ x[:, others] + 2.0 * np.eye(6)
        weights = np.linalg.solve(gram, x[:, others].T @ x[:, item])
        np.testing.assert_allclose(ease.weights[others, item], weights, atol=1e-12)
    assert not np.diag(ease.weights).any()


def test_ease_looks_at_the_last_ten_items_each_once() -> None:
    training = windows_of([[1, 2, 3, 4], [2, 3], [1, 4, 5]], history=3)
    ease = Ease(training, 14, l2=1.0)
    # 1 and 2 are more than ten steps back, and 3 stands twice
    long = windows_of([[1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 3, 13, 5]], history=12)
    scores = ease.scores(long.take(long.positions == 12).batch(CPU)).numpy()
    wanted = ease.weights[[3, 6, 7, 8, 9, 10, 11, 12, 13]].sum(0)
    np.testing.assert_allclose(scores[0, 1:], wanted[1:])
    assert scores[0, 0] == -np.inf


def test_a_catalogue_too_large_for_ease_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "MOST_ITEMS_OF_EASE", 5)
    with pytest.raises(UserError, match=r"got 6 items, wanted at most 5; take ease out of"):
        Ease(windows_of([[1, 2, 3]], history=2), 6)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_scores_the_whole_catalogue_and_never_padding(name: str) -> None:
    training = windows_of([[1, 2, 3, 2], [2, 4]], history=3)
    batch = training.batch(CPU)
    scores = BASELINES[name](training, 6).scores(batch)
    assert scores.shape == (4, 7)
    assert (scores[:, 0] == -torch.inf).all()
    assert torch.isfinite(scores[:, 1:]).all()


def test_decayed_transitions_are_those_counted_by_hand() -> None:
    training = windows_of([[1, 2, 3], [1, 3]], history=2)
    markov = DecayedMarkov(training, 4)
    # 1 -> 2 at distance 1; 1 -> 3 at distance 2 and, by the second user, at distance 1
    total = 0.8 + 0.64 + 0.8
    wanted = np.zeros((5, 5))
    wanted[1, 2], wanted[1, 3], wanted[2, 3] = 0.8 / total, (0.64 + 0.8) / total, 1.0
    np.testing.assert_allclose(markov.transitions.toarray(), wanted)

    history = windows_of([[2, 1, 4]], history=2).take(np.array([1])).batch(CPU)
    scores = markov.scores(history)
    assert history.item_ids.tolist() == [[2, 1]]
    np.testing.assert_allclose(
        scores.numpy()[0, 1:],
        [0, 0.8 * 0.8 / total, 0.8 * 1.44 / total + 0.64, 0],
    )
    assert scores[0, 0] == -torch.inf


def test_items_more_than_ten_steps_back_count_nothing() -> None:
    training = windows_of([list(range(1, 14))], history=12)
    transitions = DecayedMarkov(training, 13).transitions.toarray()
    assert transitions[1, 11] > 0
    assert transitions[1, 12] == 0


def test_floors_on_movielens(shared_data: Path) -> None:
    """HR@10 and NDCG@10 under leave-one-out, beside the floors measured elsewhere."""
    raw = np.loadtxt(shared_data / "movielens" / "ml-100k" / "u.data", dtype=np.int64)
    raw = raw[np.lexsort((np.arange(len(raw)), raw[:, 3], raw[:, 0]))]
    users = np.split(raw[:, 1], np.flatnonzero(np.diff(raw[:, 0])) + 1)
    windows = windows_of([items.tolist() for items in users], history=10)
    to_come = np.array([len(items) for items in users])[windows.user_ids - 1] - windows.positions
    known = Sequences.of_examples(windows)
    training, test = windows.take(to_come > 2), windows.take(to_come == 1)
    assert (len(training), len(test)) == (97_171, 943)
    floors = {
        "popularity": (0.084, 0.043),
        "markov": (0.144, 0.077),
        "decayed_markov": (0.199, 0.107),
        "ease": (0.184, 0.097),
    }
    for name, (floor_hr, floor_ndcg) in floors.items():
        found = ranks(BASELINES[name](training, 1682), test, known, CPU)
        assert hit_rate(found, 10) == pytest.approx(floor_hr, abs=0.005), name
        assert ndcg(found, 10) == pytest.approx(floor_ndcg, abs=0.003), name
