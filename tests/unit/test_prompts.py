"""Prompts: the paper's words, slots as structure, an answer that names titles as they are."""

import pytest

from recinterpreter.language_model.prompts import phrases, templates


def test_the_first_phrasing_is_the_papers() -> None:
    recovery, residual = templates("recovery", "movies")[0], templates("residual", "movies")[0]
    assert "<>".join(recovery.pieces).strip() == (
        "A person has watched a series of movies. The watching list can be represented as: <>. "
        "Describe this watching history of the person in detail."
    )
    assert "<>".join(residual.pieces).strip() == (
        "A person has watched a series of movies. The watching list can be represented as List1: "
        "<>. After watching another movie, the watching list can further be represented as "
        "List2: <>. What is the movie in List2 but not in List1?"
    )
    assert recovery.answer(["A", "B"]) == "This user has watched A, B in the previous."
    assert residual.answer(["X"]) == "This user watched movie X in List2 but not in List1."


@pytest.mark.parametrize("domain", ["movies", "games", "items"])
def test_slots_and_distinct_names(domain: str) -> None:
    for task, slots in (("recovery", 1), ("residual", 2), ("preference", 1)):
        found = templates(task, domain)
        assert {t.slots for t in found} == {slots}
        assert len({t.name for t in found}) == len(found) > 1
        assert len({t.pieces for t in found}) == len(found)


def test_a_preference_is_asked_about_what_comes_next() -> None:
    preference = templates("preference", "games")[0]
    assert preference.pieces[-1].endswith("What would this person play next? ")
    assert preference.answer(["X"]) == "This user will play video game X next."


def test_games_are_played() -> None:
    text = " ".join(phrases("games"))
    assert "played" in text
    assert "video games" in text
    assert "watch" not in text
    assert len(phrases("games")) == len(set(phrases("games")))
