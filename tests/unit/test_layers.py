"""Layers computed twice: the same loss and gradient, bit for bit, in a fraction of the memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from language_models import TITLES, random_soft
from test_families import FAMILIES, TOKENIZER, model_of

from recinterpreter.errors import UserError
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.layers import checkpoint_layers, decoder_layers
from recinterpreter.language_model.prompts import templates

TEMPLATE = templates("residual", "movies")[0]


@contextmanager
def saved_bytes(besides: list[torch.Tensor]) -> Iterator[dict[int, int]]:
    """Storages kept for a backward pass, with their sizes; those of weights do not count."""
    weights = {tensor.untyped_storage().data_ptr() for tensor in besides}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield kept


def told(llm: FrozenLanguageModel) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Loss, gradient of the soft tokens, and bytes kept between the two."""
    soft = random_soft(llm, 4).requires_grad_()
    answers = [llm.answer_tokens(TEMPLATE, [title]) for title in TITLES[:4]]
    with saved_bytes(list(llm.model.parameters())) as kept:
        loss, _ = llm.loss(TEMPLATE, soft, answers)
        n_bytes = sum(kept.values())
    (gradient,) = torch.autograd.grad(loss, soft)
    return loss.detach(), gradient, n_bytes


@pytest.mark.parametrize("family", ["llama-3", "gemma2", "gemma3", "gpt-2", "opt", "falcon"])
def test_computing_layers_twice_changes_nothing_but_memory(family: str) -> None:
    kind, own = FAMILIES[family]
    depth = {"num_hidden_layers": 6}
    llm = FrozenLanguageModel(model_of(kind, **{**own, **depth}), TOKENIZER)
    loss, gradient, all_bytes = told(llm)
    checkpoint_layers(llm.model, True)
    again, gradient_again, n_bytes = told(llm)
    assert torch.equal(loss, again)
    assert torch.equal(gradient, gradient_again)
    assert n_bytes < all_bytes / 3
    checkpoint_layers(llm.model, False)
    assert told(llm)[2] == pytest.approx(all_bytes, rel=0.01)


def test_switching_twice_is_switching_once() -> None:
    llm = FrozenLanguageModel(model_of("Llama"), TOKENIZER)
    plainly = [layer.forward for layer in decoder_layers(llm.model)]
    for _ in range(2):
        checkpoint_layers(llm.model, True)
    checkpoint_layers(llm.model, False)
    assert [layer.forward for layer in decoder_layers(llm.model)] == plainly


def test_a_model_without_layers_is_told_of() -> None:
    model = model_of("Llama")
    model.config.num_hidden_layers = 5
    with pytest.raises(UserError, match="no list of 5 layers"):
        decoder_layers(model)
