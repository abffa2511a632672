"""Weights of eight bits: near to the exact model, forward and back, at a quarter of its memory."""

import pytest
import torch
from language_models import TITLES, random_soft
from test_families import TOKENIZER, model_of
from torch import nn

from recinterpreter.language_model import float8
from recinterpreter.language_model.float8 import Float8Linear, by_rows, quantise, spelled_out
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.layers import decoder_layers
from recinterpreter.language_model.prompts import templates

TEMPLATE = templates("residual", "movies")[0]
# e4m3 keeps 3 bits behind the first: a number is rounded by at most 1/16 of itself
ROUNDING = 2**-4
BOTH = pytest.mark.parametrize("products", [False, True], ids=["spelled-out", "float8-products"])


def told(model: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and gradient of soft tokens."""
    llm = FrozenLanguageModel(model, TOKENIZER)
    soft = random_soft(llm, 4).requires_grad_()
    answers = [llm.answer_tokens(TEMPLATE, [title]) for title in TITLES[:4]]
    loss, _ = llm.loss(TEMPLATE, soft, answers)
    (gradient,) = torch.autograd.grad(loss, soft)
    return loss.detach(), gradient.flatten()


def test_a_number_is_rounded_by_a_sixteenth_at_most() -> None:
    numbers = torch.randn(20, 300, generator=torch.Generator().manual_seed(0))
    numbers[3] = 0
    numbers[4] *= 1e-6
    numbers[5] *= 1e6
    rounded, scales = by_rows(numbers)
    again = rounded.float() * scales
    # below a row's largest / 2^15 numbers are spaced evenly
    floor = numbers.abs().amax(1, keepdim=True) * 2**-15
    assert ((again - numbers).abs() <= ROUNDING * numbers.abs() + floor).all()
    assert torch.equal(rounded.float().abs().amax(1) > 0, numbers.abs().amax(1) > 0)


@BOTH
@pytest.mark.parametrize("bias", [False, True])
def test_a_layer_is_near_and_its_gradient_is_that_of_what_it_computes(
    monkeypatch: pytest.MonkeyPatch, products: bool, bias: bool
) -> None:
    monkeypatch.setattr(float8, "_has_products", lambda weight: products)
    torch.manual_seed(0)
    exact = nn.Linear(64, 48, bias=bias)
    layer = Float8Linear(exact)
    given = torch.randn(3, 5, 64, requires_grad=True)
    back = torch.randn(3, 5, 48)
    rounded = nn.Linear(64, 48, bias=bias)
    rounded.weight.data = spelled_out(layer.weight, layer.scale, torch.float32)
    rounded.bias = exact.bias
    for linear, most in ((exact, 0.06), (rounded, 0.04 if products else 1e-6)):
        wanted = linear(given)
        assert (layer(given) - wanted).norm() < most * wanted.norm()
        (wanted_gradient,) = torch.autograd.grad(wanted, given, back)
        (gradient,) = torch.autograd.grad(layer(given), given, back)
        assert (gradient - wanted_gradient).norm() < most * wanted_gradient.norm()


@BOTH
@pytest.mark.parametrize("kind", ["Llama", "Qwen2"])
def test_a_model_is_near_and_its_layers_a_quarter_as_large(
    monkeypatch: pytest.MonkeyPatch, products: bool, kind: str
) -> None:
    monkeypatch.setattr(float8, "_has_products", lambda weight: products)
    model = model_of(kind, hidden_size=128, intermediate_size=256)
    with torch.no_grad():
        for layer in decoder_layers(model).parameters():
            layer.mul_(0.5)
    loss, gradient = told(model)
    before = held(model)
    quantise(model)
    loss8, gradient8 = told(model)
    assert abs(loss8 - loss) < 0.02 * loss
    assert torch.cosine_similarity(gradient8, gradient, dim=0) > (0.98 if products else 0.99)
    # where the GPU wants them a second time, turned, it is a half
    assert held(model) < (0.55 if products else 0.3) * before


def held(model: nn.Module) -> int:
    """Bytes of the layers' weights."""
    layers = decoder_layers(model)
    return sum(t.numel() * t.element_size() for t in [*layers.parameters(), *layers.buffers()])


def test_half_precision_inside_changes_little() -> None:
    model = model_of("Llama", hidden_size=64)
    quantise(model)
    loss, _ = told(model)
    half = model_of("Llama", hidden_size=64).bfloat16()
    quantise(half)
    assert abs(told(half)[0] - loss) < 0.02 * loss


def test_embeddings_and_head_are_left_alone() -> None:
    model = model_of("Llama")
    quantise(model)
    assert type(model.lm_head) is nn.Linear
    kinds = {type(part) for part in decoder_layers(model).modules()}
    assert Float8Linear in kinds
    assert nn.Linear not in kinds
