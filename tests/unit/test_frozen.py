"""The language model: its loss against transformers' own, its answers against one-by-one ones."""

import pytest
import torch
from language_models import TITLES, frozen, random_soft

from recinterpreter.language_model.prompts import templates

TEMPLATE = templates("residual", "movies")[0]


def test_loss_equals_transformers_own() -> None:
    llm = frozen()
    soft = random_soft(llm, 3)
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
    soft = random_soft(llm, 2).requires_grad_()
    loss, _ = llm.loss(TEMPLATE, soft, [llm.answer_tokens(TEMPLATE, [t]) for t in TITLES[:2]])
    loss.backward()
    assert soft.grad is not None
    assert (soft.grad.abs().sum((-1, -2)) > 0).all()
    assert all(p.grad is None for p in llm.model.parameters())
    assert all(torch.equal(before[n], t) for n, t in llm.model.state_dict().items())


def test_a_title_never_becomes_a_slot() -> None:
    llm = frozen()
    title = "<SeqH1> & <script>"
    answer = llm.answer_tokens(TEMPLATE, [title])
    assert llm.decode(answer) == TEMPLATE.answer([title])
