"""Popularity and the decayed Markov chain against cases counted by hand, and the real floors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sequence_examples import windows_of

from recinterpreter.recommenders.baselines import DecayedMarkov, Popularity
from recinterpreter.recommenders.ranking import Sequences, hit_rate, ndcg, ranks

CPU = torch.device("cpu")


def test_popularity_counts_every_training_event_once() -> None:
    training = windows_of([[1, 2, 3, 2], [2, 4]], history=2)
    scores = Popularity(training, 5).scores(training.batch(CPU))
    assert scores.shape == (4, 6)
    assert scores[0].tolist() == [-torch.inf, 1, 3, 1, 1, 0]
    assert torch.equal(scores[0], scores[3])


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
    """Leave-one-out floors measured elsewhere: Pop .084/.043, decayed Markov .199/.107."""
    raw = np.loadtxt(shared_data / "movielens" / "ml-100k" / "u.data", dtype=np.int64)
    raw = raw[np.lexsort((np.arange(len(raw)), raw[:, 3], raw[:, 0]))]
    users = np.split(raw[:, 1], np.flatnonzero(np.diff(raw[:, 0])) + 1)
    windows = windows_of([items.tolist() for items in users], history=10)
    counts = np.array([len(items) for items in users])
    last = windows.positions == counts[windows.user_ids - 1] - 1
    known = Sequences.of_examples(windows)
    training, test = windows.take(~last), windows.take(last)
    found = {
        baseline.__name__: ranks(baseline(training, 1682), test, known, CPU)
        for baseline in (Popularity, DecayedMarkov)
    }
    assert len(test) == 943
    assert hit_rate(found["Popularity"], 10) == pytest.approx(0.084, abs=0.005)
    assert ndcg(found["Popularity"], 10) == pytest.approx(0.043, abs=0.003)
    assert hit_rate(found["DecayedMarkov"], 10) == pytest.approx(0.199, abs=0.01)
    assert ndcg(found["DecayedMarkov"], 10) == pytest.approx(0.107, abs=0.006)
