"""The laws of the contract, for every recommender."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sequence_examples import RECOMMENDERS, training_settings, windows_of
from torch import Tensor

from recinterpreter.checkpoint import write_json, write_tensors
from recinterpreter.errors import UserError
from recinterpreter.recommenders.models import build, load
from recinterpreter.recommenders.sequence import SequenceBatch, SequentialRecommender

N_ITEMS, POSITIONS = 30, 6
CPU = torch.device("cpu")
every_recommender = pytest.mark.parametrize("recommender", RECOMMENDERS)


def make(recommender: str, positions: int = POSITIONS, **changes: object) -> SequentialRecommender:
    model = build(training_settings(recommender, **changes), N_ITEMS, positions, CPU)
    # positions and biases start near zero: make every part matter
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
        model.item_table.weight[0] = 0
    return model.eval()


def batch_of(histories: list[list[int]], positions: int = POSITIONS) -> SequenceBatch:
    items = torch.zeros(len(histories), positions, dtype=torch.long)
    for row, history in enumerate(histories):
        items[row, : len(history)] = torch.tensor(history)
    lengths = torch.tensor([len(h) for h in histories])
    targets = torch.zeros_like(items)
    targets[:, :-1] = items[:, 1:]
    targets[torch.arange(len(histories)), lengths - 1] = 1
    return SequenceBatch(items, lengths, targets, torch.arange(len(histories)))


def states(model: SequentialRecommender, batch: SequenceBatch) -> Tensor:
    with torch.no_grad():
        return model.states(batch.item_ids, batch.lengths)


histories = st.lists(
    st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=POSITIONS), min_size=1, max_size=5
)
few = hypothesis_settings(max_examples=15, deadline=None)


@every_recommender
@few
@given(rows=histories, data=st.data())
def test_later_items_change_no_state(
    recommender: str, rows: list[list[int]], data: st.DataObject
) -> None:
    model, whole = make(recommender), batch_of(rows)
    cuts = [data.draw(st.integers(1, len(row))) for row in rows]
    shortened = states(model, batch_of([r[:c] for r, c in zip(rows, cuts, strict=True)]))
    found = states(model, whole)
    for row, cut in enumerate(cuts):
        torch.testing.assert_close(found[row, :cut], shortened[row, :cut])
        assert not shortened[row, cut:].any()


@every_recommender
@few
@given(rows=histories, content=st.integers(1, N_ITEMS), more=st.integers(0, 5))
def test_padding_changes_no_state(
    recommender: str, rows: list[list[int]], content: int, more: int
) -> None:
    model, batch = make(recommender, POSITIONS + 5), batch_of(rows)
    wide = batch_of(rows, POSITIONS + more)
    places = torch.arange(POSITIONS + more)
    filled = torch.where(places < wide.lengths[:, None], wide.item_ids, content)
    with torch.no_grad():
        other = model.states(filled, wide.lengths)
    torch.testing.assert_close(other[:, :POSITIONS], states(model, batch))
    assert not other[:, POSITIONS:].any()


@every_recommender
@few
@given(rows=histories)
def test_a_batch_equals_its_examples_one_by_one(recommender: str, rows: list[list[int]]) -> None:
    model = make(recommender)
    singles = torch.cat([states(model, batch_of([row])) for row in rows])
    torch.testing.assert_close(states(model, batch_of(rows)), singles)


@every_recommender
def test_a_vector_is_read_like_an_item(recommender: str) -> None:
    model = make(recommender)
    batch = batch_of([[3, 7, 9, 2]])
    embedded = model.embed(torch.tensor([[3, 7, 9, 0, 0, 0]]))
    embedded[0, 3] = model.item_table.weight[2]
    mask = torch.tensor([[True] * 4 + [False] * 2])
    torch.testing.assert_close(
        model.encode(embedded, mask), model.states(batch.item_ids, batch.lengths)
    )


@every_recommender
def test_an_empty_history_has_zero_states(recommender: str) -> None:
    found = make(recommender).states(torch.tensor([[4, 0, 0]]), torch.tensor([0]))
    assert found.shape == (1, 3, 16)
    assert not found.any()


@every_recommender
def test_the_order_of_a_history_matters(recommender: str) -> None:
    found = states(make(recommender), batch_of([[1, 2, 3], [2, 1, 3]]))
    assert (found[0, 2] - found[1, 2]).abs().max() > 1e-3


@every_recommender
def test_scores_are_products_with_the_item_table_and_never_rank_padding(recommender: str) -> None:
    model = make(recommender)
    batch = batch_of([[1, 2, 3], [5]])
    scores, found = model.scores(batch), states(model, batch)
    assert scores.shape == (2, N_ITEMS + 1)
    assert (scores[:, 0] == -torch.inf).all()
    torch.testing.assert_close(scores[0, 1:], model.item_table.weight[1:] @ found[0, 2])
    torch.testing.assert_close(scores[1, 1:], model.item_table.weight[1:] @ found[1, 0])


@every_recommender
def test_the_loss_is_the_log_softmax_of_the_targets(recommender: str) -> None:
    model = make(recommender)
    batch = windows_of([[1, 2, 3, 4]], POSITIONS).take(torch.tensor([2]).numpy()).batch(CPU, 2)
    assert batch.targets.tolist() == [[0, 3, 4, 0, 0, 0]]
    found = states(model, batch)[0, 1:3].double()
    logits = found @ model.item_table.weight[1:].double().T
    wanted = -logits.log_softmax(1)[[0, 1], [2, 3]].mean()
    assert model.loss(batch).item() == pytest.approx(wanted.item(), rel=1e-5)


@every_recommender
def test_every_parameter_gets_a_gradient_and_padding_none(recommender: str) -> None:
    model = make(recommender)
    model.loss(batch_of([[1, 2, 3, 4, 5, 6], [7, 8]])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad, name
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    assert not model.item_table.weight.grad[0].any()
    assert model.item_table.weight.grad[1:].abs().sum(1).min() > 0  # a softmax over all items


@every_recommender
def test_equal_seeds_build_equal_weights_and_others_not(recommender: str) -> None:
    built = [build(training_settings(recommender, seed=s), N_ITEMS, 6, CPU) for s in (1, 1, 2)]
    one, same, other = (model.state_dict() for model in built)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["item_table.weight"], other["item_table.weight"])
    assert one["item_table.weight"][1:].std() == pytest.approx(0.02, rel=0.2)
    assert not one["item_table.weight"][0].any()


def save(folder: Path, recommender: str, model: SequentialRecommender) -> tuple[Path, Path]:
    settings = training_settings(recommender).model_dump(mode="json")
    facts = {"settings": settings, "n_items": N_ITEMS, "history": POSITIONS}
    write_json(folder / "config.json", facts)
    write_tensors(folder / "model.safetensors", model.state_dict())
    return folder / "config.json", folder / "model.safetensors"


@every_recommender
def test_a_saved_model_scores_the_same(recommender: str, tmp_path: Path) -> None:
    model = make(recommender)
    batch = batch_of([[1, 2, 3], [5]])
    loaded = load(*save(tmp_path, recommender, model), CPU)
    assert not loaded.training
    assert torch.equal(loaded.scores(batch), model.scores(batch))


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    sasrec, gru4rec = make("sasrec"), make("gru4rec")
    config, weights = save(tmp_path, "sasrec", sasrec)
    write_tensors(weights, gru4rec.state_dict())
    with pytest.raises(UserError, match=r"missing: blocks.*unknown: recurrent"):
        load(config, weights, CPU)
    wide = {**sasrec.state_dict(), "norm.bias": torch.zeros(17)}
    write_tensors(weights, wide)
    with pytest.raises(UserError, match=r"norm.bias \(17,\) instead of \(16,\)"):
        load(config, weights, CPU)


def test_a_config_that_lacks_a_fact_is_refused(tmp_path: Path) -> None:
    config, weights = save(tmp_path, "sasrec", make("sasrec"))
    write_json(config, {"n_items": N_ITEMS, "settings": {}})
    with pytest.raises(UserError, match="history is None"):
        load(config, weights, CPU)
    write_json(config, {"n_items": N_ITEMS, "history": 6, "settings": {"recommender": "sasrec"}})
    with pytest.raises(UserError, match="cannot be used"):
        load(config, weights, CPU)


def test_a_batch_of_unequal_shapes_is_refused() -> None:
    items = torch.zeros(2, 3, dtype=torch.long)
    with pytest.raises(ValueError, match="wanted both"):
        SequenceBatch(items, torch.ones(2), torch.zeros(2, 4), torch.ones(2))
    with pytest.raises(ValueError, match=r"wanted both \(2,\)"):
        SequenceBatch(items, torch.ones(3), items, torch.ones(2))
