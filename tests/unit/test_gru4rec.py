"""GRU4Rec against the equations of the gated recurrent unit."""

import torch
from torch import Tensor

from recinterpreter.recommenders.gru4rec import GRU4Rec


def test_states_follow_the_equations_of_the_gated_unit() -> None:
    torch.manual_seed(0)
    model = GRU4Rec(n_items=20, positions=4, width=3, layers=2, dropout=0.5).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.5 * torch.randn(parameter.shape)
    embedded = torch.randn(2, 4, 3)
    mask = torch.arange(4) < torch.tensor([4, 2])[:, None]
    wanted = unit(unit(embedded, model, 0), model, 1)
    found = model.encode(embedded, mask)
    torch.testing.assert_close(found[mask], wanted[mask])
    assert not found[~mask].any()


def unit(x: Tensor, model: GRU4Rec, layer: int) -> Tensor:
    """Cho et al. 2014, as torch writes it: reset, update and candidate from input and state."""
    w, u, b, c = (
        getattr(model.recurrent, f"{name}_l{layer}")
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    state, states = torch.zeros(x.shape[0], 3), []
    for step in range(x.shape[1]):
        from_input = (x[:, step] @ w.T + b).chunk(3, 1)
        from_state = (state @ u.T + c).chunk(3, 1)
        reset = torch.sigmoid(from_input[0] + from_state[0])
        update = torch.sigmoid(from_input[1] + from_state[1])
        candidate = torch.tanh(from_input[2] + reset * from_state[2])
        state = (1 - update) * candidate + update * state
        states.append(state)
    return torch.stack(states, 1)


def test_dropout_acts_on_embedded_items_in_training_only() -> None:
    torch.manual_seed(0)
    model = GRU4Rec(n_items=20, positions=4, width=8, layers=1, dropout=0.5)
    items, lengths = torch.tensor([[1, 2, 3, 4]]), torch.tensor([4])
    assert not torch.equal(model.states(items, lengths), model.states(items, lengths))
    model.eval()
    assert torch.equal(model.states(items, lengths), model.states(items, lengths))
