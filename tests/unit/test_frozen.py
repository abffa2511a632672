"""The language model: its loss against transformers' own, its answers against one-by-one ones."""

from pathlib import Path

import pytest
import torch
from language_models import TITLES, frozen

from recinterpreter.errors import UserError
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import templates

TEMPLATE = templates("residual", "movies")[0]


def _soft(llm: FrozenLanguageModel, n: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(n, 2, 1, llm.hidden_size, generator=draw) * llm.embedding_rms()


def test_loss_equals_transformers_own() -> None:
    llm = frozen()
    soft = _soft(llm, 3)
    answers = [llm.answer_tokens(TEMPLATE, [title]) for title in TITLES[:3]]
    loss, _ = llm.loss(TEMPLATE, soft, answers)
    totals, counts = 0.0, 0
    for i, answer in enumerate(answers):
        question = llm.question(TEMPLATE, soft[i : i + 1], 1)
        ids = torch.tensor([answer])
        labels = torch.cat([torch.full((1, question.shape[1]), -100), ids], dim=1)
        inputs = torch.cat([question, llm.embeddings(ids)], dim=1)
        totals += float(llm.model(inputs_embeds=inputs, labels=labels).loss) * len(answer)
        counts += len(answer)
    assert float(loss) == pytest.approx(totals / counts, rel=1e-5)


def test_gradient_reaches_the_soft_tokens_and_no_weight() -> None:
    llm = frozen()
    before = {name: tensor.clone() for name, tensor in llm.model.state_dict().items()}
    soft = _soft(llm, 2).requires_grad_()
    loss, _ = llm.loss(TEMPLATE, soft, [llm.answer_tokens(TEMPLATE, [t]) for t in TITLES[:2]])
    loss.backward()
    assert soft.grad is not None
    assert (soft.grad.abs().sum((-1, -2)) > 0).all()
    assert all(p.grad is None for p in llm.model.parameters())
    assert all(torch.equal(before[n], t) for n, t in llm.model.state_dict().items())


def test_batched_answers_equal_single_ones() -> None:
    llm = frozen()
    soft = _soft(llm, 5)
    together = llm.generate(TEMPLATE, soft, 5, 12)
    single = [llm.generate(TEMPLATE, soft[i : i + 1], 1, 12)[0] for i in range(5)]
    assert [a.text for a in together] == [a.text for a in single]
    assert all(a.n_new_tokens <= 12 for a in together)


def test_an_empty_slot_is_answered_alike_for_all() -> None:
    llm = frozen()
    answers = llm.generate(TEMPLATE, None, 3, 8)
    assert len({a.text for a in answers}) == 1
    filled = llm.question(TEMPLATE, _soft(llm, 1), 1)
    assert filled.shape[1] == llm.question(TEMPLATE, None, 1).shape[1] + TEMPLATE.slots


def test_a_title_never_becomes_a_slot() -> None:
    llm = frozen()
    title = "<SeqH1> & <script>"
    answer = llm.answer_tokens(TEMPLATE, [title])
    assert llm.decode(answer) == TEMPLATE.answer([title])


def test_a_model_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    llm = frozen()
    llm.model.save_pretrained(tmp_path)
    llm.tokenizer.save_pretrained(tmp_path)
    again = FrozenLanguageModel.load(str(tmp_path))
    soft = _soft(llm, 2)
    assert again.generate(TEMPLATE, soft, 2, 8) == llm.generate(TEMPLATE, soft, 2, 8)
    assert not any(p.requires_grad for p in again.model.parameters())
    assert [again.spell(t) for t in TITLES] == TITLES


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"llm\.source"):
        FrozenLanguageModel.load(str(tmp_path))
    llm = frozen()
    llm.model.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="tokenizer"):
        FrozenLanguageModel.load(str(tmp_path))


def test_a_tokenizer_too_large_for_its_model_is_refused(tmp_path: Path) -> None:
    llm = frozen()
    llm.model.resize_token_embeddings(len(llm.tokenizer) - 5)
    llm.model.save_pretrained(tmp_path)
    llm.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="embedding table"):
        FrozenLanguageModel.load(str(tmp_path))


@pytest.mark.parametrize("name", ["stories260K_hf", "TinyStories-656K"])
def test_real_pretrained_llamas_load_and_answer(shared_data: Path, name: str) -> None:
    llm = FrozenLanguageModel.load(str(shared_data / "models" / name))
    soft = _soft(llm, 3)
    loss, _ = llm.loss(TEMPLATE, soft, [llm.answer_tokens(TEMPLATE, ["Alien"])] * 3)
    assert torch.isfinite(loss)
    assert len(llm.generate(TEMPLATE, soft, 3, 5)) == 3
