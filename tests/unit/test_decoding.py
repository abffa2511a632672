"""Greedy answers: a batch writes what the plain way writes for its examples one by one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from language_models import LOADING, RUNNING, frozen, random_soft

from recinterpreter.language_model import decoding, plain
from recinterpreter.language_model.decoding import Answer, greedy
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.loading import load
from recinterpreter.language_model.prompts import PromptTemplate, templates
from recinterpreter.settings.adapters import Task
from recinterpreter.settings.data import Domain

TASKS: tuple[Task, ...] = ("recovery", "residual")
# the fixed texts of games are no single tokens of the tiny vocabulary: their prompts are long
DOMAINS: tuple[Domain, ...] = ("movies", "games")
PHRASINGS = {
    f"{domain}-{template.name}": template
    for domain in DOMAINS
    for task in TASKS
    for template in templates(task, domain)
}
TEMPLATE = PHRASINGS["movies-residual-0"]


def one_by_one(
    llm: FrozenLanguageModel, template: PromptTemplate, soft: torch.Tensor, most: int
) -> list[str]:
    """Answers of the plain way, one example after another."""
    return [plain.answer(llm, template, soft[i : i + 1], most) for i in range(len(soft))]


def texts(answers: Sequence[Answer]) -> list[str]:
    return [answer.text for answer in answers]


@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize("name", PHRASINGS)
def test_a_batch_writes_what_the_plain_way_writes(name: str, tokens: int) -> None:
    llm, template = frozen(seed=3), PHRASINGS[name]
    soft = random_soft(llm, 6, template.slots, tokens)
    together = greedy(llm, template, soft, 6, 16)
    assert texts(together) == one_by_one(llm, template, soft, 16)
    assert len(set(texts(together))) > 1


@pytest.mark.parametrize("name", ["stories260K_hf", "TinyStories-656K"])
def test_so_it_does_with_pretrained_models(shared_data: Path, name: str) -> None:
    llm = load(str(shared_data / "models" / name), LOADING, RUNNING)
    for template in (TEMPLATE, PHRASINGS["games-recovery-1"]):
        soft = random_soft(llm, 4, template.slots, 2)
        assert texts(greedy(llm, template, soft, 4, 24)) == one_by_one(llm, template, soft, 24)


def ending(soft: torch.Tensor, most: int) -> FrozenLanguageModel:
    """A model whose end is a token that about half of the answers hold, at different places."""
    llm = frozen()
    llm.tokenizer.eos_token = None
    written = [llm.tokens(text) for text in one_by_one(llm, TEMPLATE, soft, most)]
    held = {t: sum(t in row for row in written) for row in written for t in row}
    nearest = min(held, key=lambda token: abs(held[token] - len(soft) / 2))
    llm.tokenizer.eos_token = llm.tokenizer.convert_ids_to_tokens(nearest)
    return llm


def test_rows_that_have_ended_leave_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    soft = random_soft(frozen(), 12)
    llm = ending(soft, 20)
    wanted = one_by_one(llm, TEMPLATE, soft, 20)
    sizes: list[int] = []

    class Watched(FrozenLanguageModel):
        def head(self, states: torch.Tensor) -> torch.Tensor:
            sizes.append(len(states))
            return super().head(states)

    watched = Watched(llm.model, llm.tokenizer)
    sizes.clear()
    packed: list[int] = []
    keep = decoding.keep

    def counted(cache: Any, rows: torch.Tensor) -> None:
        packed.append(len(rows))
        keep(cache, rows)

    monkeypatch.setattr(decoding, "keep", counted)
    answers = greedy(watched, TEMPLATE, soft, 12, 20)
    assert texts(answers) == wanted
    assert {answer.finished for answer in answers} == {True, False}
    assert all(answer.finished == (answer.n_new_tokens < 20) for answer in answers)
    assert packed == sorted(packed, reverse=True)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 12
    assert sizes[-1] == packed[-1] < 12


def test_nothing_is_computed_once_all_have_ended() -> None:
    llm = frozen()
    soft = random_soft(llm, 1)
    first = llm.model(inputs_embeds=llm.question(TEMPLATE, soft, 1)).logits[0, -1].argmax()
    llm.tokenizer.eos_token = llm.tokenizer.convert_ids_to_tokens(int(first))
    # ten thousand passes would take minutes
    assert greedy(llm, TEMPLATE, soft, 1, 10_000) == [Answer("", 0, True)]


def test_without_an_end_every_token_allowed_is_written() -> None:
    llm = frozen()
    llm.tokenizer.eos_token = None
    soft = random_soft(llm, 3)
    answers = greedy(llm, TEMPLATE, soft, 3, 9)
    assert texts(answers) == one_by_one(llm, TEMPLATE, soft, 9)
    assert [(a.n_new_tokens, a.finished) for a in answers] == [(9, False)] * 3


def test_an_empty_slot_is_answered_alike_for_all() -> None:
    llm = frozen()
    answers = greedy(llm, TEMPLATE, None, 3, 8)
    assert texts(answers) == [plain.answer(llm, TEMPLATE, None, 8)] * 3
    filled = llm.question(TEMPLATE, random_soft(llm, 1), 1)
    assert filled.shape[1] == llm.question(TEMPLATE, None, 1).shape[1] + TEMPLATE.slots
