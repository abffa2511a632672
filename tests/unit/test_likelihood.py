"""Log-likelihoods of all answers at once: those that the plain way gives one after another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from language_models import LOADING, RUNNING, TITLES, frozen, random_soft

from recinterpreter.errors import UserError
from recinterpreter.language_model import likelihood, plain
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.likelihood import AnswerLikelihoods
from recinterpreter.language_model.loading import load
from recinterpreter.language_model.prompts import PromptTemplate, templates

RESIDUAL = templates("residual", "movies")[0]
GAMES = templates("residual", "games")[1]


def one_by_one(
    llm: FrozenLanguageModel, template: PromptTemplate, soft: torch.Tensor, titles: Sequence[str]
) -> torch.Tensor:
    """Log-likelihoods (B, A) of the plain way."""
    rows = []
    for i in range(len(soft)):
        losses = [
            float(plain.loss(llm, template, soft[i : i + 1], [[t]]))
            * len(llm.answer_tokens(template, [t]))
            for t in titles
        ]
        rows.append([-loss for loss in losses])
    return torch.tensor(rows)


@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize("template", [RESIDUAL, GAMES], ids=["superwords", "spelled out"])
@pytest.mark.parametrize("nodes", [8, 64, 4096])
def test_they_are_those_of_the_plain_way(
    template: PromptTemplate, tokens: int, nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likelihood, "NODES", nodes)
    llm = frozen()
    soft = random_soft(llm, 3, 2, tokens)
    found = AnswerLikelihoods(llm, template, TITLES).of(soft, 3)
    wanted = one_by_one(llm, template, soft, TITLES)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    assert wanted.std() > 1


@pytest.mark.parametrize("name", ["stories260K_hf", "TinyStories-656K"])
def test_so_they_are_with_pretrained_models(shared_data: Path, name: str) -> None:
    llm = load(str(shared_data / "models" / name), LOADING, RUNNING)
    soft = random_soft(llm, 2)
    found = AnswerLikelihoods(llm, RESIDUAL, TITLES).of(soft, 2)
    wanted = one_by_one(llm, RESIDUAL, soft, TITLES)
    torch.testing.assert_close(found, wanted, atol=0, rtol=1e-5)


def test_logits_are_held_a_few_positions_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    llm = frozen()
    soft = random_soft(llm, 3)
    wanted = AnswerLikelihoods(llm, RESIDUAL, TITLES).of(soft, 3)
    held: list[int] = []
    head = llm.head

    def watched(states: torch.Tensor) -> torch.Tensor:
        logits = head(states)
        held.append(logits.numel())
        return logits

    monkeypatch.setattr(llm, "head", watched)
    monkeypatch.setitem(likelihood.CHUNK, "cpu", 3 * 4 * llm.vocabulary)
    found = AnswerLikelihoods(llm, RESIDUAL, TITLES).of(soft, 3)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    assert max(held) == 3 * 4 * llm.vocabulary


def test_an_empty_slot_has_likelihoods_too() -> None:
    llm = frozen()
    found = AnswerLikelihoods(llm, RESIDUAL, TITLES).of(None, 2)
    question = llm.question(RESIDUAL, None, 1)
    ids = llm.answer_tokens(RESIDUAL, [TITLES[3]])
    logits = llm.model(inputs_embeds=torch.cat([question, llm.embed([ids])], dim=1)).logits[0]
    told = logits[question.shape[1] - 1 : -1].log_softmax(-1)
    wanted = float(told[range(len(ids)), ids].sum())
    assert found[:, 3].tolist() == pytest.approx([wanted] * 2, abs=1e-4)


def test_a_model_that_does_not_heed_the_mask_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    llm = frozen()
    plainly = llm.model.base_model.forward

    def careless(**given: Any) -> Any:
        if given.get("attention_mask") is not None and given["attention_mask"].dim() == 4:
            given["attention_mask"] = torch.zeros_like(given["attention_mask"])
        return plainly(**given)

    monkeypatch.setattr(llm.model.base_model, "forward", careless)
    with pytest.raises(UserError, match="does not take answers side by side"):
        AnswerLikelihoods(llm, RESIDUAL, TITLES).of(random_soft(llm, 1), 1)
