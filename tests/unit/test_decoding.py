"""Greedy answers: a batch writes what its examples write one by one."""

from language_models import frozen, random_soft

from recinterpreter.language_model.decoding import greedy
from recinterpreter.language_model.prompts import templates

TEMPLATE = templates("residual", "movies")[0]


def test_batched_answers_equal_single_ones() -> None:
    llm = frozen()
    soft = random_soft(llm, 5)
    together = greedy(llm, TEMPLATE, soft, 5, 12)
    single = [greedy(llm, TEMPLATE, soft[i : i + 1], 1, 12)[0] for i in range(5)]
    assert [a.text for a in together] == [a.text for a in single]
    assert all(a.n_new_tokens <= 12 for a in together)


def test_an_empty_slot_is_answered_alike_for_all() -> None:
    llm = frozen()
    answers = greedy(llm, TEMPLATE, None, 3, 8)
    assert len({a.text for a in answers}) == 1
    filled = llm.question(TEMPLATE, random_soft(llm, 1), 1)
    assert filled.shape[1] == llm.question(TEMPLATE, None, 1).shape[1] + TEMPLATE.slots
