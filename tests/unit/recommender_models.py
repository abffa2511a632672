"""Models whose every part matters, and batches for them: for the tests of recommenders."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sequence_examples import RECOMMENDERS, training_settings
from torch import Tensor

from recinterpreter.recommenders.models import build
from recinterpreter.recommenders.sequence import SequenceBatch, SequentialRecommender

N_ITEMS, POSITIONS = 30, 6
CPU = torch.device("cpu")
every_recommender = pytest.mark.parametrize("recommender", RECOMMENDERS)
# those whose score is a product with the item table, and whose loss is a softmax over it
SOFTMAX = [name for name in RECOMMENDERS if name != "dreamrec"]
every_softmax = pytest.mark.parametrize("recommender", SOFTMAX)


def make(recommender: str, positions: int = POSITIONS, **changes: object) -> SequentialRecommender:
    model = build(training_settings(recommender, **changes), N_ITEMS, positions, CPU)
    # positions and biases start near zero: make every part matter
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
        model.item_table.weight[0] = 0
    return model.eval()


def batch_of(
    histories: Sequence[Sequence[int]],
    positions: int = POSITIONS,
    ids: Sequence[int] | None = None,
) -> SequenceBatch:
    """A target after every item; examples numbered from 0, if they are not told their ids."""
    items = torch.zeros(len(histories), positions, dtype=torch.long)
    for row, history in enumerate(histories):
        items[row, : len(history)] = torch.tensor(history)
    lengths = torch.tensor([len(h) for h in histories])
    targets = torch.zeros_like(items)
    targets[:, :-1] = items[:, 1:]
    targets[torch.arange(len(histories)), lengths - 1] = 1
    numbers = torch.tensor(ids if ids is not None else range(len(histories)))
    return SequenceBatch(items, lengths, targets, numbers)


def states(model: SequentialRecommender, batch: SequenceBatch) -> Tensor:
    with torch.no_grad():
        return model.states(batch.item_ids, batch.lengths)


def scores(model: SequentialRecommender, batch: SequenceBatch) -> Tensor:
    with torch.no_grad():
        return model.scores(batch)


histories = st.lists(
    st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=POSITIONS), min_size=1, max_size=5
)
few = hypothesis_settings(max_examples=12, deadline=None)
