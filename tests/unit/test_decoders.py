"""Decoders of planted states: they find what is there, and nothing where nothing is."""

import numpy as np
import pytest

from recinterpreter.bounds.decoders import Directions, Told, fit, mean_reciprocal_rank
from recinterpreter.settings.evidence import Probing

N_ITEMS, WIDTH = 30, 16
SETTINGS = Probing(
    tasks=["residual"],
    decoders=["linear", "ridge", "nearest"],
    examples=10,
    validation=10,
    components=64,
    epochs=20,
    sample=1,
    seed=0,
)
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(N_ITEMS + 1, 16)).astype(np.float32)
MIXING = RNG.normal(size=(16, WIDTH))


def planted(n: int, seed: int, noise: float, items_of: int = 1) -> Told:
    """States that are the sum of their items' vectors, mixed, offset and with noise."""
    rng = np.random.default_rng(seed)
    items = np.stack([rng.permutation(N_ITEMS)[:items_of] + 1 for _ in range(n)])
    states = TABLE[items].sum(1) @ MIXING + 5 + noise * rng.normal(size=(n, WIDTH))
    rows = np.repeat(np.arange(n), items_of)
    return Told(states.astype(np.float32), rows, items.reshape(-1))


def shuffled(told: Told) -> Told:
    """The same states and items, which no longer belong together."""
    return Told(told.states, told.rows, np.random.default_rng(9).permutation(told.items))


def scores_of(decoder: str, training: Told, validation: Told, asked: np.ndarray) -> np.ndarray:
    directions = Directions.of(training.states, SETTINGS.components)
    return fit(decoder, training, validation, directions, TABLE, SETTINGS)(asked)


@pytest.mark.parametrize("decoder", SETTINGS.decoders)
def test_an_item_that_is_linearly_there_is_always_found(decoder):
    training, asked = planted(2000, 1, 0.1), planted(200, 2, 0.1)
    scores = scores_of(decoder, training, planted(200, 3, 0.1), asked.states)
    assert scores.shape == (200, N_ITEMS + 1)
    assert (scores.argmax(1) == asked.items).all()
    assert (scores[:, 0] == -np.inf).all(), "padding is never named"


@pytest.mark.parametrize("decoder", SETTINGS.decoders)
def test_states_that_say_nothing_are_decoded_by_chance(decoder):
    training, asked = planted(2000, 1, 0.1), shuffled(planted(600, 2, 0.1))
    scores = scores_of(decoder, training, shuffled(planted(200, 3, 0.1)), asked.states)
    found = (scores.argmax(1) == asked.items).mean()
    # five standard deviations of a share of 1 in 30
    assert abs(found - 1 / N_ITEMS) < 5 * np.sqrt(1 / N_ITEMS / 600)


@pytest.mark.parametrize("decoder", SETTINGS.decoders)
def test_of_several_items_in_a_state_all_come_before_the_others(decoder):
    training, asked = planted(6000, 1, 0.0, items_of=2), planted(200, 2, 0.0, items_of=2)
    scores = scores_of(decoder, training, planted(100, 3, 0.0, items_of=2), asked.states)
    best = np.argsort(-scores, axis=1)[:, :2]
    found = [len(set(b) & set(w)) for b, w in zip(best, asked.items.reshape(-1, 2), strict=True)]
    assert np.mean(found) > 1.8


@pytest.mark.parametrize("decoder", ["linear", "nearest"])
def test_an_item_no_training_state_holds_cannot_be_named(decoder):
    training, asked = planted(500, 1, 0.1), planted(50, 2, 0.1)
    kept = training.items != 7
    rows = np.arange(kept.sum())
    without = Told(training.states[kept], rows, training.items[kept])
    scores = scores_of(decoder, without, planted(50, 3, 0.1), asked.states)
    assert (scores[:, 7] == -np.inf).all()
    assert np.isfinite(np.delete(scores, [0, 7], axis=1)).all()


def test_what_names_an_item_may_vary_little():
    """Dimensions of a thousandth of the others' scale are not lost, nor are constant ones harm."""
    training, asked = planted(2000, 1, 0.0), planted(100, 2, 0.0)
    loud = [1000 * np.random.default_rng(s).normal(size=(n, 5)) for s, n in ((4, 2000), (5, 100))]
    wide = [
        np.concatenate([told.states, noise, np.full((len(noise), 2), 3.0)], 1).astype(np.float32)
        for told, noise in zip((training, asked), loud, strict=True)
    ]
    told = Told(wide[0], training.rows, training.items)
    for decoder in ("linear", "ridge"):
        scores = scores_of(decoder, told, told, wide[1])
        assert (scores.argmax(1) == asked.items).all(), decoder


@pytest.mark.parametrize("decoder", SETTINGS.decoders)
def test_equal_arguments_give_equal_scores(decoder):
    training, asked = planted(400, 1, 1.0, items_of=2), planted(50, 2, 1.0)
    first, second = (
        scores_of(decoder, training, planted(50, 3, 1.0), asked.states) for _ in range(2)
    )
    assert first.tobytes() == second.tobytes()


def test_the_epoch_of_the_best_validation_rank_is_kept(monkeypatch):
    """Validation states of shuffled items cannot be learnt: what is kept was best on them."""
    figures = []

    def noted(scores, told):
        figures.append((mean_reciprocal_rank(scores, told), scores))
        return figures[-1][0]

    monkeypatch.setattr("recinterpreter.bounds.decoders.mean_reciprocal_rank", noted)
    training, validation = planted(600, 1, 2.0), shuffled(planted(100, 2, 2.0))
    kept = scores_of("linear", training, validation, validation.states)
    best = max(figures, key=lambda pair: pair[0])
    assert np.array_equal(kept, best[1])
    assert len(figures) < SETTINGS.epochs, "two epochs that are no better end it"


def test_mean_reciprocal_rank_resolves_ties_against_the_decoder():
    told = Told(np.zeros((2, 1)), np.array([0, 1, 1]), np.array([1, 2, 3]))
    scores = np.array([[-np.inf, 3, 3, 1], [-np.inf, 0, 5, 4]])
    assert mean_reciprocal_rank(scores, told) == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
