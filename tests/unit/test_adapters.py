"""Laws that every kind of adapter keeps, and the arithmetic of each."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from adapter_examples import KINDS, POSITIONS, SIZES, WIDTH, asked_about, settings
from language_models import TITLES, frozen
from torch import Tensor, nn

from recinterpreter.checkpoint import read_tensors, write_tensors
from recinterpreter.errors import UserError
from recinterpreter.interpretation.shown import soft_tokens
from recinterpreter.interpretation.starts import warm_start
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.adapters import build, rebuild
from recinterpreter.language_model.codes import Codes
from recinterpreter.settings.adapters import AdapterKind

HIDDEN = 32
TOKENS = {"soft_tokens": SIZES["soft_tokens"]["tokens"], "per_position": POSITIONS} | {
    "q_former": SIZES["q_former"]["queries"]
}

every_kind = pytest.mark.parametrize("kind", KINDS)


def made(kind: AdapterKind, scale: float = 0.2) -> Adapter:
    torch.manual_seed(0)
    return build(settings(kind), POSITIONS, WIDTH, HIDDEN, scale)


def moved(adapter: Adapter) -> Adapter:
    """Return the adapter with no parameter at a value it started with, such as ones or zeros."""
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=draw))
    return adapter


def drawn(n: int, share: float = 0.6) -> tuple[Tensor, Tensor]:
    """States (n, L, D) and their mask: about this share of positions is shown."""
    draw = torch.Generator().manual_seed(1)
    states = torch.randn(n, POSITIONS, WIDTH, generator=draw)
    return states, torch.rand(n, POSITIONS, generator=draw) < share


@every_kind
def test_soft_tokens_have_the_llms_width(kind: AdapterKind) -> None:
    states, mask = drawn(5)
    assert made(kind)(states, mask).shape == (5, TOKENS.get(kind, 1), HIDDEN)


@every_kind
def test_what_the_mask_hides_has_no_say(kind: AdapterKind) -> None:
    adapter, (states, mask) = moved(made(kind)), drawn(50)
    hidden = torch.where(mask[..., None], states, torch.tensor(1e6))
    torch.testing.assert_close(adapter(states, mask), adapter(hidden, mask))
    shown = torch.where(mask[..., None], states + 1, states)
    assert not torch.allclose(adapter(states, mask), adapter(shown, mask), atol=1e-2)


@every_kind
def test_a_state_that_shows_nothing_gives_a_finite_constant(kind: AdapterKind) -> None:
    adapter, (states, mask) = moved(made(kind)), drawn(3)
    soft = adapter(states, torch.zeros_like(mask))
    soft.sum().backward()
    assert torch.isfinite(soft).all()
    torch.testing.assert_close(soft, soft[:1].expand_as(soft))
    for name, parameter in adapter.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


@every_kind
def test_examples_do_not_see_each_other(kind: AdapterKind) -> None:
    adapter, (states, mask) = moved(made(kind)), drawn(20)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(2))
    whole = adapter(states, mask)
    torch.testing.assert_close(adapter(states[order], mask[order]), whole[order])
    torch.testing.assert_close(adapter(states[:1], mask[:1]), whole[:1])


@every_kind
def test_it_starts_at_the_scale_it_is_asked_for(kind: AdapterKind) -> None:
    states, mask = drawn(400, share=1.0)
    for scale in (0.02, 3.0):
        soft = made(kind, scale)(states, mask).detach()
        assert float(soft.square().mean().sqrt()) == pytest.approx(scale, rel=0.25)


@every_kind
def test_every_parameter_gets_a_gradient_and_nothing_else(kind: AdapterKind) -> None:
    adapter, (states, mask) = made(kind), drawn(20)
    before = {name: tensor.clone() for name, tensor in adapter.named_buffers()}
    weight = torch.randn(HIDDEN, generator=torch.Generator().manual_seed(3))
    (adapter(states, mask) @ weight).sum().backward()
    for name, parameter in adapter.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert states.grad is None
    assert before.keys() == {"mean", "standardise"}
    assert all(torch.equal(before[name], tensor) for name, tensor in adapter.named_buffers())


@every_kind
def test_it_ends_in_its_projection(kind: AdapterKind) -> None:
    adapter, (states, mask) = moved(made(kind)), drawn(5)
    assert isinstance(adapter.project, nn.Linear)
    soft = adapter(states, mask)
    with torch.no_grad():
        adapter.project.weight.mul_(3)
        adapter.project.bias.mul_(3)
    torch.testing.assert_close(adapter(states, mask), 3 * soft)


@every_kind
def test_it_comes_back_from_its_checkpoint_bitwise(kind: AdapterKind, tmp_path: Path) -> None:
    adapter, (states, mask) = moved(made(kind)), drawn(20)
    adapter.fit_statistics([(states, mask)], "whiten")
    path = tmp_path / "adapter.safetensors"
    write_tensors(path, adapter.state_dict())
    noted = json.loads(settings(kind).as_json())
    config = {"settings": noted, "shape": [POSITIONS, WIDTH], "hidden_size": HIDDEN}
    again = rebuild(json.loads(json.dumps(config)), read_tensors(path))
    assert type(again) is type(adapter)
    assert not again.training
    assert torch.equal(again(states, mask), adapter.eval()(states, mask))


@every_kind
def test_what_does_not_fit_is_refused(kind: AdapterKind) -> None:
    adapter, (states, mask) = made(kind), drawn(2)
    with pytest.raises(UserError, match=r"\(4, 25\).*\(4, 24\)"):
        adapter(torch.zeros(2, POSITIONS, WIDTH + 1), mask)
    with pytest.raises(UserError, match=r"\(3, 24\).*\(4, 24\)"):
        adapter(states[:, 1:], mask[:, 1:])
    noted = json.loads(settings(kind).as_json())
    config = {"settings": noted, "shape": [POSITIONS, WIDTH + 1], "hidden_size": HIDDEN}
    with pytest.raises(UserError, match=r"weights do not fit its config\.json"):
        rebuild(config, adapter.state_dict())
    with pytest.raises(UserError, match="its settings cannot be used"):
        rebuild({**config, "settings": {**noted, "adapter": "conv"}}, adapter.state_dict())


def test_the_last_position_shown_is_projected() -> None:
    adapter, (states, _) = moved(made("last_linear")), drawn(3)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [0, 1, 0, 0]]).bool()
    shown = torch.stack([states[0, 3], states[1, 2], states[2, 1]])
    wanted = shown @ adapter.project.weight.T + adapter.project.bias
    torch.testing.assert_close(adapter(states, mask)[:, 0], wanted)


def test_a_hidden_layer_by_hand() -> None:
    adapter, (states, mask) = moved(made("mlp")), drawn(6)
    hand = {name: p.detach().double().numpy() for name, p in adapter.named_parameters()}
    weights = hand["combine"] * mask.numpy()
    combined = (weights[..., None] * states.double().numpy()).sum(1)
    z = combined @ hand["widen.weight"].T + hand["widen.bias"]
    # Phi by its definition: the share of a fine grid's normal mass that lies below z
    grid = np.linspace(-12, 12, 48_001)
    mass = np.cumsum(np.exp(-(grid**2) / 2))
    hidden = z * np.interp(z, grid, mass / mass[-1])
    wanted = hidden @ hand["project.weight"].T + hand["project.bias"]
    soft = adapter(states, mask)[:, 0].detach().numpy()
    np.testing.assert_allclose(soft, wanted, rtol=1e-3, atol=1e-3)


def test_several_soft_tokens_are_several_adapters_side_by_side() -> None:
    several, (states, mask) = moved(made("soft_tokens")), drawn(6)
    one = made("conv_linear")
    for k, rows in enumerate(several.project.weight.split(HIDDEN)):
        bias = several.project.bias[k * HIDDEN : (k + 1) * HIDDEN]
        statistics = {"mean": one.mean, "standardise": one.standardise}
        linear = {"project.weight": rows, "project.bias": bias}
        one.load_state_dict({"combine": several.combine, **linear, **statistics})  # type: ignore[attr-defined]
        torch.testing.assert_close(several(states, mask)[:, k], one(states, mask)[:, 0])


def test_every_position_is_projected_by_itself() -> None:
    adapter, (states, mask) = moved(made("per_position")), drawn(6)
    soft, linear = adapter(states, mask), adapter.project
    for i, position in np.ndindex(6, POSITIONS):
        state = states[i, position] if mask[i, position] else adapter.nothing  # type: ignore[attr-defined]
        torch.testing.assert_close(soft[i, position], linear.weight @ state + linear.bias)


def test_queries_attend_to_what_is_shown_and_to_nothing() -> None:
    """One layer of one example, written out: softmax over the shown positions, head by head."""
    adapter, (states, _) = moved(made("q_former")), drawn(1)
    heads, width = SIZES["q_former"]["heads"], SIZES["q_former"]["query_width"]
    each = width // heads
    shown = [0, 2]
    (layer,) = adapter.layers  # type: ignore[misc]
    read = adapter.read(states[0]) + adapter.places  # type: ignore[operator]
    keys = layer.seen_norm(torch.stack([adapter.nothing, *(read[p] for p in shown)]))  # type: ignore[list-item]
    asking = layer.query_norm(adapter.queries)
    to_query, to_key, to_value = layer.attention.in_proj_weight.split(width)
    heard = torch.zeros(len(asking), width)
    for h in range(heads):
        part = slice(h * each, (h + 1) * each)
        scores = (asking @ to_query[part].T) @ (keys @ to_key[part].T).T / each**0.5
        heard[:, part] = scores.softmax(-1) @ (keys @ to_value[part].T)
    queries = adapter.queries + heard @ layer.attention.out_proj.weight.T  # type: ignore[operator]
    wanted = adapter.project(adapter.norm(queries + layer.feed_forward(queries)))  # type: ignore[operator]
    mask = torch.zeros(1, POSITIONS, dtype=torch.bool)
    mask[0, shown] = True
    torch.testing.assert_close(adapter(states, mask)[0], wanted)


@every_kind
def test_a_warm_start_points_to_the_named_titles_at_the_llms_scale(kind: AdapterKind) -> None:
    llm = frozen()
    asked, adapter, codes = asked_about(500, "residual"), made(kind), Codes(llm, TITLES)
    chosen = settings(kind, warm_start_steps=150, batch_size=64)
    warm_start(adapter, codes, llm.embedding_rms(), asked, chosen)
    with torch.no_grad():
        soft = soft_tokens(adapter, asked.states, np.arange(200), llm.device)
        assert soft is not None
        each = soft[:, 1] - soft[:, 0]
        told = (each.sum(1) @ codes.of(torch.arange(len(TITLES))).T).argmax(-1).tolist()
    assert np.mean([[i + 1] == named for i, named in zip(told, asked.items, strict=False)]) > 0.8
    loudest = each.square().mean(-1).amax(1).mean().sqrt()
    assert float(loudest) == pytest.approx(llm.embedding_rms(), rel=0.3)
