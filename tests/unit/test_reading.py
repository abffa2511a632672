"""The LLM's reading as a ranking of titles: the place of the title that is to be named."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from adapter_examples import asked_about, new_adapter
from language_models import TITLES, frozen

from recinterpreter.interpretation import reading
from recinterpreter.interpretation.reading import Reading
from recinterpreter.interpretation.shown import ShownStates, soft_tokens
from recinterpreter.language_model.likelihood import AnswerLikelihoods
from recinterpreter.language_model.prompts import templates

LLM = frozen()


def ranks(
    states: ShownStates,
    wanted: Sequence[str],
    barred: Sequence[Sequence[str]],
    titles: Sequence[str] = TITLES,
    batch_size: int = 4,
    task: str = "residual",
) -> list[int]:
    read = Reading(new_adapter(32), LLM, templates(task, "movies")[0], titles, batch_size)
    assert list(read.ask(states))[-1:] in ([len(states)], [])
    return read.ranks(states, wanted, barred).tolist()


@pytest.mark.parametrize("task", ["residual", "preference"])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_ranks_count_the_titles_that_are_as_likely(batch_size: int, task: str) -> None:
    asked, adapter = asked_about(7, task), new_adapter(32)
    wanted = [TITLES[items[-1] - 1] for items in asked.items]
    # two items of one title are one candidate
    found = ranks(asked.states, wanted, [[]] * 7, TITLES * 2, batch_size, task)
    soft = soft_tokens(adapter, asked.states, np.arange(7), LLM.device)
    likely = AnswerLikelihoods(LLM, templates(task, "movies")[0], TITLES).of(soft, 7)
    orders = [[TITLES[i] for i in row] for row in likely.argsort(1, descending=True).tolist()]
    assert found == [order.index(title) + 1 for order, title in zip(orders, wanted, strict=True)]
    assert len(set(found)) > 1
    # without all that stands before it a title is the first, and it is never barred itself
    assert ranks(asked.states, wanted, orders, TITLES, batch_size, task) == [1] * 7


def test_states_that_were_shown_are_not_shown_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_about(6, "preference")
    read = Reading(new_adapter(32), LLM, templates("preference", "movies")[0], TITLES, 4)
    assert list(read.ask(asked.states)) == [4, 6]
    again = ShownStates(
        asked.states.example_ids, asked.states.values[::-1].copy(), asked.states.mask[::-1]
    )
    assert list(read.ask(again)) == []
    wanted = [TITLES[0]] * 6
    there = read.ranks(asked.states, wanted, [[]] * 6)
    assert read.ranks(again, wanted, [[]] * 6).tolist() == there[::-1].tolist()


@pytest.mark.parametrize(
    ("likely", "rank"),
    [([-1.0, -3.0, -3.0], 3), ([-1.0, float("nan"), -2.0], 3), ([-2.0, -1.0, float("nan")], 2)],
    ids=["a tie", "no number", "another is no number"],
)
def test_what_cannot_be_told_apart_stands_before_it(
    likely: list[float], rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Given:
        def __init__(self, *_: object) -> None: ...

        def of(self, soft: torch.Tensor, n: int) -> torch.Tensor:
            return torch.tensor([likely] * n)

    monkeypatch.setattr(reading, "AnswerLikelihoods", Given)
    states = asked_about(1, "residual").states
    assert ranks(states, ["Babe"], [[]], ["Alien", "Babe", "Heat"]) == [rank]
