"""Answers about states: each state is asked about once, in batches that fit in memory."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from adapter_examples import asked_about, new_adapter
from language_models import TITLES, frozen

from recinterpreter.errors import UserError
from recinterpreter.interpretation import answering
from recinterpreter.interpretation.answering import Interview
from recinterpreter.interpretation.shown import ShownStates
from recinterpreter.language_model.grammar import one_title
from recinterpreter.language_model.prompts import templates

TEMPLATE = templates("residual", "movies")[0]
LLM = frozen()


def interview(batch_size: int) -> Interview:
    return Interview(new_adapter(32), LLM, TEMPLATE, batch_size, 6)


def told(states: ShownStates, batch_size: int = 4) -> list[dict[str, Any]]:
    asker = interview(batch_size)
    assert [*asker.ask(states)][-1] == len(states)
    return asker.rows(states)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many prompts each batch holds that is answered from now on."""
    sizes: list[int] = []
    greedy = answering.greedy

    def counted(llm: Any, template: Any, soft: Any, n: int, *how: Any) -> Any:
        sizes.append(n)
        return greedy(llm, template, soft, n, *how)

    monkeypatch.setattr(answering, "greedy", counted)
    return sizes


def test_answers_come_for_every_state_and_for_none() -> None:
    states = asked_about(5, "residual").states
    rows = told(states, 2)
    assert [row["example_id"] for row in rows] == [1, 2, 3, 4, 5]
    assert {row["template"] for row in rows} == {"residual-0"}
    assert len({row["text"] for row in rows}) > 1
    empty = told(replace(states, values=None))
    assert len({row["text"] for row in empty}) == 1
    assert len(empty) == 5


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_the_batch_size_never_changes_an_answer(batch_size: int) -> None:
    states = asked_about(7, "residual").states
    assert told(states, batch_size) == told(states, 4)


def test_no_state_is_shown_twice(passes: list[int]) -> None:
    states = asked_about(6, "residual").states
    assert states.values is not None
    asker = interview(4)
    assert [*asker.ask(states)] == [4, 6]
    others = np.array([3, 4, 5, 0, 1, 2])  # another user's state for everyone
    moved = ShownStates(states.example_ids, states.values[others], states.mask[others])
    assert [*asker.ask(moved)] == []
    assert passes == [4, 2]
    texts = [row["text"] for row in asker.rows(states)]
    assert [row["text"] for row in asker.rows(moved)] == [texts[row] for row in others]
    assert asker.rows(moved) == told(moved)


def test_states_that_differ_in_their_mask_alone_are_two(passes: list[int]) -> None:
    states = asked_about(2, "residual").states
    assert states.values is not None
    same = states.values[:1].repeat(2, axis=0)
    mask = states.mask[:1].repeat(2, axis=0)
    told(ShownStates(states.example_ids, same, mask))
    mask[1, 0, 0] = False
    told(ShownStates(states.example_ids, same, mask))
    assert passes == [1, 2]


def test_an_empty_slot_is_asked_about_once(passes: list[int]) -> None:
    told(replace(asked_about(6, "residual").states, values=None))
    assert passes == [1]


def test_answers_held_to_the_catalogue_name_titles_of_it() -> None:
    states = asked_about(6, "residual").states
    asker = Interview(new_adapter(32), LLM, TEMPLATE, 4, 40, one_title(LLM, TEMPLATE, TITLES))
    assert [*asker.ask(states)] == [4, 6]
    texts = {row["text"] for row in asker.rows(states)}
    assert texts <= {TEMPLATE.answer([title]) for title in TITLES}


def fits(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let no batch of more rows than this fit in memory."""
    greedy = answering.greedy

    def limited(llm: Any, template: Any, soft: Any, n: int, *how: Any) -> Any:
        if n > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return greedy(llm, template, soft, n, *how)

    monkeypatch.setattr(answering, "greedy", limited)


def test_a_batch_that_does_not_fit_is_halved_and_nothing_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, passes: list[int]
) -> None:
    states = asked_about(11, "residual").states
    wanted = told(states, 100)
    passes.clear()
    fits(monkeypatch, 4)
    with caplog.at_level(logging.WARNING, "recinterpreter"):
        assert told(states, 8) == wanted
    assert passes == [4, 4, 3]
    (said,) = caplog.messages
    assert "8 prompts at a time do not fit" in said
    assert "4 from here on" in said


def test_a_single_prompt_that_does_not_fit_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fits(monkeypatch, 0)
    with pytest.raises(UserError, match="a single prompt does not fit"):
        told(asked_about(3, "residual").states)
