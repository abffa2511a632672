"""Caser against a plain reference that reads one history at a time."""

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from recinterpreter.recommenders.caser import Caser

N_ITEMS, POSITIONS, WIDTH, FILTERS, SIZES = 20, 6, 8, 5, (1, 2, 4)
rows_of_items = st.lists(
    st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=POSITIONS), min_size=1, max_size=4
)
few = hypothesis_settings(max_examples=25, deadline=None)


def make(positions: int = POSITIONS, sizes: tuple[int, ...] = SIZES, dropout: float = 0.0) -> Caser:
    torch.manual_seed(0)
    model = Caser(N_ITEMS, positions, WIDTH, FILTERS, sizes, dropout)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.5 * torch.randn(parameter.shape)
        model.item_table.weight[0] = 0
    return model.eval()


def padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    items = torch.zeros(len(rows), POSITIONS, dtype=torch.long)
    for row, history in enumerate(rows):
        items[row, : len(history)] = torch.tensor(history)
    return items, torch.tensor([len(row) for row in rows])


def reference(model: Caser, history: list[int]) -> Tensor:
    """Tang and Wang, eqs. 4 to 8, over the items of one history: (D + S * F).

    The picture E is the history and nothing else; a filter that is taller than what has been
    read sees nothing above it.
    """
    picture = model.item_table.weight[history]
    weights = model.vertical[: len(history)].flip(0)
    parts = [(weights[:, None] * picture).sum(0)]
    for size, filters in zip(model.sizes, model.horizontal, strict=True):
        above = torch.zeros(size - 1, WIDTH)
        windows = torch.cat([above, picture]).unfold(0, size, 1)  # (m, D, size)
        found = torch.einsum("mds,fds->mf", windows, filters.weight) + filters.bias
        parts.append(found.relu().max(0).values)
    return torch.cat(parts)


@few
@given(rows=rows_of_items)
def test_states_are_those_of_the_reference(rows: list[list[int]]) -> None:
    model = make()
    found = model.states(*padded(rows))
    assert found.shape == (len(rows), 1, WIDTH + FILTERS * len(SIZES))
    torch.testing.assert_close(found[:, 0], torch.stack([reference(model, row) for row in rows]))


@few
@given(row=st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=POSITIONS))
def test_predictions_are_linear_and_normed_on_the_states_of_all_beginnings(row: list[int]) -> None:
    model = make()
    items, lengths = padded([row])
    mask = torch.arange(POSITIONS) < lengths[:, None]
    found = model.predictions(model.embed(items), mask)[0]
    for end in range(1, len(row) + 1):
        wanted = model.norm(model.out(reference(model, row[:end])))
        torch.testing.assert_close(found[end - 1], wanted)


@pytest.mark.parametrize("sizes", [(6,), (9,), (2, 20), (1,)])
def test_a_history_shorter_than_the_largest_filter_works(sizes: tuple[int, ...]) -> None:
    model = make(sizes=sizes)
    for history in ([3], [3, 4], [3, 4, 5, 6, 7, 8]):
        found = model.states(*padded([history]))
        assert found.shape == (1, *model.state_shape)
        torch.testing.assert_close(found[0, 0], reference(model, history))


def test_padding_does_not_enter_the_maximum() -> None:
    """A filter whose bias alone is above all it hears would otherwise find it in the padding."""
    model = make(sizes=(2,))
    with torch.no_grad():
        model.horizontal[0].bias.fill_(1.0)
        model.horizontal[0].weight.fill_(-1.0)
        model.item_table.weight[1:] = 2.0
    # of items: relu(1 - 2 * 8 * 2); of padding it would be relu(1)
    assert not model.states(*padded([[1, 2], [3]]))[:, 0, WIDTH:].any()


def test_the_state_is_one_vector_and_zero_only_of_no_history() -> None:
    model = make()
    assert model.state_shape == (1, WIDTH + FILTERS * len(SIZES))
    items, _ = padded([[1, 2, 3], [4]])
    lengths = torch.tensor([3, 0])
    assert model.state_mask(lengths).tolist() == [[True], [False]]
    found = model.states(items, lengths)
    assert found[0].any()
    assert not found[1].any()


def test_the_place_of_an_item_counts_from_the_end() -> None:
    # the same items before the same last one, whatever is left of the window
    model = make()
    items, lengths = padded([[5, 6]])
    short = model.states(items[:, :2], lengths)
    torch.testing.assert_close(model.states(items, lengths), short)
    with torch.no_grad():
        model.vertical[2:] += 100.0
    torch.testing.assert_close(model.states(items, lengths), short)


def test_dropout_acts_on_what_the_filters_found_in_training_only() -> None:
    model = make(dropout=0.5)
    items, lengths = padded([[1, 2, 3, 4]])
    mask = torch.arange(POSITIONS) < lengths[:, None]

    def twice() -> list[Tensor]:
        return [model.predictions(model.embed(items), mask) for _ in range(2)]

    model.train()
    one, other = twice()
    assert not torch.equal(one, other)
    one, other = (model.states(items, lengths) for _ in range(2))
    assert torch.equal(one, other)
    model.eval()
    one, other = twice()
    assert torch.equal(one, other)
