"""Which examples are evaluated: the last of every user, and a sample of the others."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def last_examples(examples: pa.Table) -> np.ndarray:
    """Mark the last example of every user, the one of its highest position: (E) booleans."""
    user = examples["user_id"].to_numpy()
    position = examples["position"].to_numpy()
    highest = np.zeros(user.max(initial=0) + 1, position.dtype)
    np.maximum.at(highest, user, position)
    marks: np.ndarray = position == highest[user]
    return marks


def evaluated_examples(examples: pa.Table, sample: int, seed: int) -> np.ndarray:
    """Choose the test examples to be answered: their ids, ascending.

    The last example of every test user (the paper's headline test), all of them however many,
    and others of the test split drawn without replacement up to `sample` in all.
    """
    ids = examples["example_id"].to_numpy()
    test = examples["split"].to_numpy(zero_copy_only=False) == "test"
    last = last_examples(examples)
    kept, others = ids[test & last], ids[test & ~last]
    n_drawn = min(max(sample - len(kept), 0), len(others))
    drawn = np.random.default_rng(seed).choice(others, n_drawn, replace=False)
    return np.sort(np.concatenate([kept, drawn]))
