"""What is recommended: the best of what a user has not met, in order."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from sequence_examples import interactions_of

from recinterpreter.recommenders.ranking import Sequences
from recinterpreter.recommenders.recommending import recommended
from recinterpreter.recommenders.sequence import SequenceBatch
from recinterpreter.recommenders.windows import Windows


class Fixed:
    """Scores every item by its own number, whatever the history."""

    def __init__(self, numbers: list[float]) -> None:
        self.n_items = len(numbers)
        self._numbers = torch.tensor([-torch.inf, *numbers])

    def scores(self, batch: SequenceBatch) -> torch.Tensor:
        return self._numbers.repeat(len(batch.lengths), 1)


@given(
    numbers=st.lists(st.integers(-9, 9), min_size=3, max_size=8, unique=True),
    seed=st.integers(0, 9),
)
def test_the_best_not_met_in_order(numbers: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    n = len(numbers)
    met = [random.permutation(n)[: int(random.integers(1, n + 1))] + 1 for _ in range(5)]
    events = interactions_of([items.tolist() for items in met])
    sequences = Sequences.of(
        *(events[name].to_numpy() for name in ("user_id", "position", "item_id"))
    )
    examples = Windows(
        example_ids=np.arange(5),
        user_ids=np.arange(1, 6),
        positions=np.array([len(items) for items in met]),
        items=np.array([[items[-1]] for items in met], np.int32),
        lengths=np.ones(5, np.int64),
        targets=np.ones(5, np.int32),
    )
    found = recommended(
        Fixed([float(x) for x in numbers]), examples, sequences, 4, torch.device("cpu")
    )
    for row, items in zip(found.tolist(), met, strict=True):
        left = sorted(set(range(1, n + 1)) - set(items.tolist()), key=lambda i: -numbers[i - 1])
        assert row == (left + [0] * 4)[:4]
