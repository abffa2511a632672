"""Loading a frozen LLM: what is there is read as it is, what is not is named."""

from pathlib import Path

import pytest
import torch
from language_models import TITLES, frozen, random_soft

from recinterpreter.errors import UserError
from recinterpreter.language_model.decoding import greedy
from recinterpreter.language_model.loading import load
from recinterpreter.language_model.prompts import templates

TEMPLATE = templates("residual", "movies")[0]


def test_a_model_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    llm = frozen()
    llm.model.save_pretrained(tmp_path)
    llm.tokenizer.save_pretrained(tmp_path)
    again = load(str(tmp_path))
    soft = random_soft(llm, 2)
    assert greedy(again, TEMPLATE, soft, 2, 8) == greedy(llm, TEMPLATE, soft, 2, 8)
    assert not any(p.requires_grad for p in again.model.parameters())
    assert [again.spell(t) for t in TITLES] == TITLES


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"llm\.source"):
        load(str(tmp_path))
    llm = frozen()
    llm.model.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="tokenizer"):
        load(str(tmp_path))


def test_a_tokenizer_too_large_for_its_model_is_refused(tmp_path: Path) -> None:
    llm = frozen()
    llm.model.resize_token_embeddings(len(llm.tokenizer) - 5)
    llm.model.save_pretrained(tmp_path)
    llm.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="embedding table"):
        load(str(tmp_path))


@pytest.mark.parametrize("name", ["stories260K_hf", "TinyStories-656K"])
def test_real_pretrained_llamas_load_and_answer(shared_data: Path, name: str) -> None:
    llm = load(str(shared_data / "models" / name))
    soft = random_soft(llm, 3)
    loss, _ = llm.loss(TEMPLATE, soft, [llm.answer_tokens(TEMPLATE, ["Alien"])] * 3)
    assert torch.isfinite(loss)
    assert len(greedy(llm, TEMPLATE, soft, 3, 5)) == 3
