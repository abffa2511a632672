"""The LLM's reading as a ranking of titles: the place of the title that is to be named."""

import numpy as np
import pytest
import torch
from adapter_examples import asked_about, new_adapter
from language_models import TITLES, frozen

from recinterpreter.interpretation import reading
from recinterpreter.interpretation.reading import rank_titles
from recinterpreter.interpretation.shown import soft_tokens
from recinterpreter.language_model.likelihood import AnswerLikelihoods
from recinterpreter.language_model.prompts import templates

TEMPLATE = templates("residual", "movies")[0]
LLM = frozen()


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_ranks_count_the_titles_that_are_as_likely(batch_size: int) -> None:
    asked, adapter = asked_about(7, "residual"), new_adapter(32)
    wanted = [TITLES[items[-1] - 1] for items in asked.items]
    # two items of one title are one candidate
    ranks = np.concatenate(
        [*rank_titles(adapter, LLM, TEMPLATE, asked.states, wanted, TITLES * 2, batch_size)]
    )
    soft = soft_tokens(adapter, asked.states, np.arange(7), LLM.device)
    likely = AnswerLikelihoods(LLM, TEMPLATE, TITLES).of(soft, 7)
    orders = [[TITLES[i] for i in row] for row in likely.argsort(1, descending=True).tolist()]
    assert ranks.tolist() == [
        order.index(title) + 1 for order, title in zip(orders, wanted, strict=True)
    ]
    assert len(set(ranks.tolist())) > 1


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
    titles = ["Alien", "Babe", "Heat"]
    (found,) = rank_titles(new_adapter(32), LLM, TEMPLATE, states, ["Babe"], titles, 4)
    assert found.tolist() == [rank]
