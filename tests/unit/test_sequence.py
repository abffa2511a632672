"""The laws of the contract, for every recommender."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recommender_models import (
    CPU,
    N_ITEMS,
    POSITIONS,
    batch_of,
    every_recommender,
    every_softmax,
    few,
    histories,
    make,
    scores,
    states,
)
from sequence_examples import training_settings, windows_of

from recinterpreter.recommenders.models import build
from recinterpreter.recommenders.sequence import SequentialRecommender

# --- states -------------------------------------------------------------------------------------


@every_recommender
@few
@given(rows=histories)
def test_states_have_the_shape_they_say_and_are_zero_off_their_mask(
    recommender: str, rows: list[list[int]]
) -> None:
    model, batch = make(recommender), batch_of(rows)
    found, mask = states(model, batch), model.state_mask(batch.lengths)
    assert found.shape == (len(rows), *model.state_shape)
    assert mask.shape == found.shape[:2]
    assert mask.any(1).all()
    assert found[mask].abs().sum(1).min() > 0
    assert not found[~mask].any()


@every_recommender
@few
@given(rows=histories, data=st.data())
def test_later_items_change_no_state(
    recommender: str, rows: list[list[int]], data: st.DataObject
) -> None:
    model, whole = make(recommender), batch_of(rows)
    cuts = [data.draw(st.integers(1, len(row))) for row in rows]
    cut = batch_of([r[:c] for r, c in zip(rows, cuts, strict=True)])
    with torch.no_grad():
        unseen = model.states(whole.item_ids, cut.lengths)
    torch.testing.assert_close(unseen, states(model, cut))
    if model.state_shape[0] == POSITIONS:  # a state for each position, and it knows no later item
        mask = model.state_mask(cut.lengths)
        torch.testing.assert_close(states(model, whole)[mask], states(model, cut)[mask])


@every_recommender
@few
@given(rows=histories, content=st.integers(1, N_ITEMS), more=st.integers(0, 5))
def test_padding_changes_no_state(
    recommender: str, rows: list[list[int]], content: int, more: int
) -> None:
    """Not its content, and not how much of it there is."""
    model, batch = make(recommender, POSITIONS + 5), batch_of(rows)
    wide = batch_of(rows, POSITIONS + more)
    places = torch.arange(POSITIONS + more)
    filled = torch.where(places < wide.lengths[:, None], wide.item_ids, content)
    with torch.no_grad():
        other, found = model.states(filled, wide.lengths), states(model, batch)
    mask = model.state_mask(batch.lengths)
    ours, theirs = mask[:, : found.shape[1]], mask[:, : other.shape[1]]
    torch.testing.assert_close(other[theirs], found[ours])
    assert not other[~theirs].any()


@every_recommender
@few
@given(rows=histories)
def test_a_batch_equals_its_examples_one_by_one(recommender: str, rows: list[list[int]]) -> None:
    model = make(recommender)
    singles = torch.cat([states(model, batch_of([row])) for row in rows])
    torch.testing.assert_close(states(model, batch_of(rows)), singles)


@every_recommender
@few
@given(rows=histories, data=st.data())
def test_a_vector_is_read_like_an_item(
    recommender: str, rows: list[list[int]], data: st.DataObject
) -> None:
    """The vector of an item in the place of its id: the very same states."""
    model, batch = make(recommender), batch_of(rows)
    mask = torch.arange(POSITIONS) < batch.lengths[:, None]
    before = batch_of([[*row[:-1], data.draw(st.integers(1, N_ITEMS))] for row in rows])
    embedded = model.embed(before.item_ids)
    for row, history in enumerate(rows):
        embedded[row, len(history) - 1] = model.embed(torch.tensor(history[-1:]))[0]
    torch.testing.assert_close(model.encode(embedded, mask), states(model, batch))


@every_recommender
def test_a_vector_that_is_no_item_is_heard_at_its_place(recommender: str) -> None:
    model = make(recommender)
    batch = batch_of([[3, 7, 9, 2]])
    embedded = model.embed(batch.item_ids).detach()
    mask = torch.arange(POSITIONS) < batch.lengths[:, None]
    oracle = torch.randn(model.width, requires_grad=True)
    appended = embedded.index_put((torch.tensor([0]), torch.tensor([3])), oracle[None])
    found = model.predictions(appended, mask)
    torch.testing.assert_close(found[:, :3], model.predictions(embedded, mask)[:, :3])
    assert (found[0, 3] - model.predictions(embedded, mask)[0, 3]).abs().max() > 1e-3
    model.encode(appended, mask).square().sum().backward()
    assert oracle.grad is not None
    assert oracle.grad.abs().max() > 0


@every_recommender
def test_an_empty_history_has_zero_states(recommender: str) -> None:
    model = make(recommender, positions=3)
    found = model.states(torch.tensor([[4, 0, 0]]), torch.tensor([0]))
    assert found.shape == (1, *model.state_shape)
    assert not found.any()
    assert not model.state_mask(torch.tensor([0])).any()


@every_recommender
def test_the_order_of_a_history_matters(recommender: str) -> None:
    found = states(make(recommender), batch_of([[1, 2, 3], [2, 1, 3]]))
    whole = min(2, found.shape[1] - 1)  # the state that has read all three
    assert (found[0, whole] - found[1, whole]).abs().max() > 1e-3


# --- predictions, scores, loss ------------------------------------------------------------------


@every_recommender
@few
@given(row=st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=POSITIONS))
def test_the_prediction_of_a_position_is_that_of_the_history_cut_there(
    recommender: str, row: list[int]
) -> None:
    model = make(recommender)
    with torch.no_grad():
        whole = model.predict(batch_of([row]))
        assert whole.shape == (1, POSITIONS, model.width)
        for cut in range(1, len(row) + 1):
            shorter = model.predict(batch_of([row[:cut]], positions=cut))
            torch.testing.assert_close(whole[0, cut - 1], shorter[0, -1])


@every_recommender
@few
@given(
    rows=histories,
    ids=st.lists(st.integers(0, 2**62), min_size=5, max_size=5, unique=True),
    data=st.data(),
)
def test_the_scores_of_an_example_do_not_depend_on_its_batch(
    recommender: str, rows: list[list[int]], ids: list[int], data: st.DataObject
) -> None:
    """Neither on what else is in it nor on its own place; nor on chance."""
    model, ids = make(recommender), ids[: len(rows)]
    whole = scores(model, batch_of(rows, ids=ids))
    order = data.draw(st.permutations(range(len(rows))))
    moved = scores(model, batch_of([rows[i] for i in order], ids=[ids[i] for i in order]))
    alone = torch.cat(
        [scores(model, batch_of([r], ids=[i])) for r, i in zip(rows, ids, strict=True)]
    )
    torch.testing.assert_close(moved, whole[list(order)], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(alone, whole, rtol=1e-4, atol=1e-5)


@every_recommender
def test_padding_is_never_ranked(recommender: str) -> None:
    found = scores(make(recommender), batch_of([[1, 2, 3], [5]]))
    assert found.shape == (2, N_ITEMS + 1)
    assert (found[:, 0] == -torch.inf).all()
    assert found[:, 1:].isfinite().all()
    assert (found[0] - found[1])[1:].abs().max() > 1e-3


@every_softmax
def test_scores_are_products_with_the_item_table(recommender: str) -> None:
    model = make(recommender)
    batch = batch_of([[1, 2, 3], [5]])
    found, predicted = scores(model, batch), model.predict(batch)
    torch.testing.assert_close(found[0, 1:], model.item_table.weight[1:] @ predicted[0, 2])
    torch.testing.assert_close(found[1, 1:], model.item_table.weight[1:] @ predicted[1, 0])


@every_softmax
def test_the_loss_is_the_log_softmax_of_the_targets(recommender: str) -> None:
    model = make(recommender)
    batch = windows_of([[1, 2, 3, 4]], POSITIONS).take(torch.tensor([2]).numpy()).batch(CPU, 2)
    assert batch.targets.tolist() == [[0, 3, 4, 0, 0, 0]]
    found = model.predict(batch)[0, 1:3].double()
    logits = found @ model.item_table.weight[1:].double().T
    wanted = -logits.log_softmax(1)[[0, 1], [2, 3]].mean()
    assert model.loss(batch).item() == pytest.approx(wanted.item(), rel=1e-5)


@every_softmax
def test_the_loss_of_a_history_is_the_mean_of_its_positions(recommender: str) -> None:
    model, row = make(recommender), [4, 9, 2, 30, 7, 7]
    cut = [batch_of([row[:end]]) for end in range(1, 7)]
    following = [*row[1:], 1]
    alone = []
    for batch, target in zip(cut, following, strict=True):
        targets = torch.zeros_like(batch.targets)
        targets[0, int(batch.lengths) - 1] = target
        alone.append(model.loss(replace(batch, targets=targets)).item())
    assert model.loss(batch_of([row])).item() == pytest.approx(sum(alone) / 6, rel=1e-5)


def gradients_of(model: SequentialRecommender) -> None:
    torch.manual_seed(0)
    model.loss(batch_of([[1, 2, 3, 4, 5, 6], [7, 8]] * 4)).backward()


@every_recommender
def test_every_parameter_gets_a_gradient_and_padding_none(recommender: str) -> None:
    changes = {"unconditional": 0.5} if recommender == "dreamrec" else {}
    model = make(recommender, **changes)
    gradients_of(model)
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad, name
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name
    assert not model.item_table.weight.grad[0].any()
    assert model.item_table.weight.grad[1:9].abs().sum(1).min() > 0


@every_recommender
@few
@given(rows=histories, more=st.integers(0, 5))
def test_padding_changes_no_loss(recommender: str, rows: list[list[int]], more: int) -> None:
    model, losses = make(recommender, POSITIONS + 5), []
    for positions in (max(map(len, rows)), POSITIONS + more):
        torch.manual_seed(0)
        losses.append(model.loss(batch_of(rows, positions)).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@every_softmax
def test_every_item_gets_a_gradient(recommender: str) -> None:
    model = make(recommender)
    gradients_of(model)
    assert model.item_table.weight.grad[1:].abs().sum(1).min() > 0


# --- building, saving, loading ------------------------------------------------------------------


@every_recommender
def test_equal_seeds_build_equal_weights_and_others_not(recommender: str) -> None:
    built = [build(training_settings(recommender, seed=s), N_ITEMS, 6, CPU) for s in (1, 1, 2)]
    one, same, other = (model.state_dict() for model in built)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["item_table.weight"], other["item_table.weight"])
    assert one["item_table.weight"][1:].std() == pytest.approx(0.02, rel=0.2)
    assert not one["item_table.weight"][0].any()
