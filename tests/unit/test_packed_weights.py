"""Weights of few bits, or on several GPUs: what they need, and that they compute the same."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from language_models import LOADING, RUNNING, told
from test_families import TOKENIZER, model_of

from recinterpreter.errors import UserError
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.layers import checkpoint_layers
from recinterpreter.language_model.loading import _insist_on_gpus, load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole model in a folder, random."""
    model_of("Llama").save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    return tmp_path


WITHOUT = find_spec("bitsandbytes") is None or find_spec("accelerate") is None
needs_extra = pytest.mark.skipif(WITHOUT, reason="needs the extra named quantized")


@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_the_missing_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, weights: str
) -> None:
    module = "recinterpreter.language_model.loading.find_spec"
    monkeypatch.setattr(module, lambda name: None)
    asked = LOADING.model_copy(update={"weights": weights})
    with pytest.raises(
        UserError, match=rf"llm\.weights {weights} needs bitsandbytes and accel.*quan"
    ):
        load(str(folder), asked, RUNNING)
    spread = RUNNING.model_copy(update={"spread": True})
    with pytest.raises(UserError, match=r"llm\.spread needs accelerate, .* named quantized"):
        load(str(folder), LOADING, spread)


def unpacked(layer: Any) -> torch.Tensor:
    """Give the numbers that a packed layer stands for."""
    from bitsandbytes import functional

    if hasattr(layer, "state"):
        return layer.state.CB * layer.state.SCB[:, None] / 127
    numbers: torch.Tensor = functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    return numbers


@needs_extra
@pytest.mark.parametrize(("weights", "bits", "likeness"), [("int8", 8, 0.99), ("int4", 4, 0.9999)])
def test_packed_weights_give_the_loss_and_gradient_of_what_they_stand_for(
    tmp_path: Path, weights: str, bits: int, likeness: float
) -> None:
    model_of("Llama", hidden_size=128, intermediate_size=256).save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    packed = load(str(tmp_path), LOADING.model_copy(update={"weights": weights}), RUNNING)
    exact = load(str(tmp_path), LOADING, RUNNING)
    matrices = dict(packed.model.base_model.named_modules())
    for name, layer in exact.model.base_model.named_modules():
        if isinstance(layer, torch.nn.Linear):
            numbers = unpacked(matrices[name])
            assert torch.cosine_similarity(numbers.flatten(), layer.weight.flatten(), 0) > 0.99
            layer.weight.copy_(numbers)
    (wanted, wanted_gradient), (loss, gradient) = told(exact), told(packed)
    # int8 rounds what it multiplies the weights with, too
    assert float(loss) == pytest.approx(float(wanted), rel=0.01 if bits == 8 else 1e-4)
    assert torch.cosine_similarity(gradient, wanted_gradient, dim=0) > likeness
    matrix = packed.model.base_model.layers[0].mlp.up_proj.weight
    assert matrix.numel() * matrix.element_size() == 128 * 256 * bits // 8
    assert packed.facts()["parameters"] == exact.facts()["parameters"]


@needs_extra
def test_a_spread_model_gives_the_same(folder: Path) -> None:
    from accelerate import dispatch_model

    plainly = load(str(folder), LOADING, RUNNING)
    wanted = told(plainly)
    running = RUNNING.model_copy(update={"spread": True})
    torch.testing.assert_close(told(load(str(folder), LOADING, running)), wanted)
    # the hooks of several devices, here all the same one
    parts = ["model.embed_tokens", "model.layers.0", "model.layers.1", "model.norm"]
    places = dict.fromkeys([*parts, "model.rotary_emb", "lm_head"], "cpu")
    spread = dispatch_model(plainly.model, places, force_hooks=True)
    llm = FrozenLanguageModel(spread, TOKENIZER)
    torch.testing.assert_close(told(llm), wanted)
    checkpoint_layers(spread, True)
    torch.testing.assert_close(told(llm), wanted)


class _Placed(torch.nn.Module):
    hf_device_map: dict[str, Any]


@pytest.mark.parametrize("places", [{"a": 0, "b": "cpu"}, {"": "disk"}])
def test_a_model_that_does_not_fit_is_refused(places: dict[str, Any]) -> None:
    model = _Placed()
    model.hf_device_map = places
    with pytest.raises(UserError, match="GPUs, part of it would stay outside"):
        _insist_on_gpus("x", model)


def test_weights_of_eight_bits_need_no_extra(folder: Path) -> None:
    exact = load(str(folder), LOADING, RUNNING)
    rounded = load(str(folder), LOADING.model_copy(update={"weights": "fp8"}), RUNNING)
    assert rounded.model.base_model.layers[0].mlp.up_proj.weight.dtype == torch.float8_e4m3fn
    assert rounded.facts()["parameters"] == exact.facts()["parameters"]
    assert float(told(rounded)[0]) == pytest.approx(float(told(exact)[0]), rel=0.05)
