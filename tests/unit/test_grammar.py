"""Answers held to the catalogue: titles of it, each once, and the likeliest at every token."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from language_models import LOADING, RUNNING, TITLES, frozen, random_soft

from recinterpreter.errors import UserError
from recinterpreter.language_model.decoding import greedy
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.grammar import follow, list_of_titles, one_title
from recinterpreter.language_model.loading import load
from recinterpreter.language_model.prompts import PromptTemplate, templates

RESIDUAL = templates("residual", "movies")[0]
RECOVERY = templates("recovery", "movies")[0]
GAMES = templates("recovery", "games")[0]
REAL = ("stories260K_hf", "TinyStories-656K")
# prefixes of each other, one with the separator inside that is two others, duplicates
NASTY = ["Alien", "Aliens", "Alien, Heat", "Heat", "Heat", "Alien 3", "Babe"]


def likeliest(
    llm: FrozenLanguageModel, template: PromptTemplate, soft: torch.Tensor, titles: Sequence[str]
) -> str:
    """One answer in the obvious way: at every token the best of those that keep to a title."""
    answers = [llm.answer_tokens(template, [title]) for title in titles]
    written: list[int] = []
    while answers := [ids for ids in answers if ids[: len(written)] == written]:
        next_ones = [ids[len(written)] for ids in answers if len(ids) > len(written)]
        if not next_ones:
            break
        question = llm.question(template, soft, 1)
        text = torch.cat([question, llm.embed([written])], dim=1) if written else question
        logits = llm.model(inputs_embeds=text).logits[0, -1]
        written.append(max(next_ones, key=lambda token: float(logits[token])))
    return llm.decode(written).strip()


def read_as_list(body: str, titles: Sequence[str]) -> list[list[str]]:
    """All the ways to read a text as titles joined by ", ", none of them twice."""
    found = [[title] for title in titles if body == title]
    for title in titles:
        if body.startswith(f"{title}, "):
            rest = [other for other in titles if other != title]
            found += [[title, *more] for more in read_as_list(body[len(title) + 2 :], rest)]
    return found


def readings(text: str, template: PromptTemplate, titles: Sequence[str]) -> list[list[str]]:
    assert text.startswith(template.prefix.strip())
    assert text.endswith(template.suffix)
    body = text[len(template.prefix.strip()) : -len(template.suffix)].strip()
    return read_as_list(body, list(dict.fromkeys(titles)))


@pytest.mark.parametrize("titles", [TITLES, NASTY], ids=["titles", "nasty"])
def test_one_title_is_the_likeliest_token_by_token(titles: list[str]) -> None:
    llm = frozen()
    soft = random_soft(llm, 9)
    answers = greedy(llm, RESIDUAL, soft, 9, 40, one_title(llm, RESIDUAL, titles))
    assert [a.text for a in answers] == [
        likeliest(llm, RESIDUAL, soft[i : i + 1], titles) for i in range(9)
    ]
    assert {a.text for a in answers} <= {RESIDUAL.answer([title]) for title in titles}
    assert all(a.finished for a in answers)
    assert len({a.text for a in answers}) > 1


@pytest.mark.parametrize("template", [RECOVERY, GAMES], ids=["superwords", "spelled out"])
@pytest.mark.parametrize("titles", [TITLES, NASTY], ids=["titles", "nasty"])
@pytest.mark.parametrize("room", [24, 70])
def test_lists_name_titles_each_once(
    template: PromptTemplate, titles: list[str], room: int
) -> None:
    llm = frozen(seed=1)
    room += len(llm.tokens(template.answer([""])))
    soft = random_soft(llm, 9, 1)
    answers = greedy(llm, template, soft, 9, room, list_of_titles(llm, template, titles))
    for answer in answers:
        assert readings(answer.text, template, titles)
        assert answer.finished
        assert answer.n_new_tokens <= room
    assert any(len(readings(a.text, template, titles)[0]) > 1 for a in answers)


def test_a_batch_under_constraint_is_its_examples_alone() -> None:
    llm = frozen()
    soft, grammar = random_soft(llm, 6, 1), list_of_titles(llm, RECOVERY, TITLES)
    together = greedy(llm, RECOVERY, soft, 6, 40, grammar)
    single = [greedy(llm, RECOVERY, soft[i : i + 1], 1, 40, grammar)[0] for i in range(6)]
    assert together == single


@pytest.mark.parametrize("name", REAL)
def test_pretrained_models_are_held_to_the_catalogue(shared_data: Path, name: str) -> None:
    llm = load(str(shared_data / "models" / name), LOADING, RUNNING)
    titles = [t for t in [*TITLES, *NASTY] if llm.spell(t).strip() == t]
    assert len(titles) > 8
    soft = random_soft(llm, 4)
    for answer in greedy(llm, RESIDUAL, soft, 4, 80, one_title(llm, RESIDUAL, titles)):
        (named,) = readings(answer.text, RESIDUAL, titles)[:1]
        assert answer.text == RESIDUAL.answer(named)
    for answer in greedy(llm, RECOVERY, soft[:, :1], 4, 90, list_of_titles(llm, RECOVERY, titles)):
        assert readings(answer.text, RECOVERY, titles)


def paths(llm: FrozenLanguageModel, titles: list[str], room: int) -> set[str]:
    """Every answer that a grammar of lists allows."""
    end, found = llm.tokenizer.eos_token_id, set()
    open_ones = [([], list_of_titles(llm, RECOVERY, titles).start())]
    while open_ones:
        ids, state = open_ones.pop()
        may = follow(state, room - len(ids))
        assert may or ids[-1] == end  # no dead end
        if not may:
            found.add(llm.decode(ids[:-1]))
        open_ones += [([*ids, token], after) for token, after in may.items()]
    return found


def test_all_lists_without_repetition_are_allowed_and_no_other() -> None:
    llm = frozen()
    titles = ["Alien", "Aliens", "Alien, Heat", "Heat", "Heat"]
    wanted = set()
    orders = [[a] for a in set(titles)]
    while orders:
        wanted |= {RECOVERY.answer(order) for order in orders}
        orders = [[*o, t] for o in orders for t in set(titles) if t not in o]
    assert paths(llm, titles, 1000) == wanted


def test_what_does_not_fit_is_not_begun() -> None:
    llm = frozen()
    short = len(llm.answer_tokens(RECOVERY, ["Babe"]))
    assert RECOVERY.answer(["Babe"]) in paths(llm, TITLES, short)
    assert all(len(llm.answer_tokens(RECOVERY, [t])) <= short for t in ["Heat", "Alien"])
    longest = RECOVERY.answer(["The Good, the Bad and the Ugly"])
    assert longest not in paths(llm, TITLES, short)
    grammar = one_title(llm, RESIDUAL, TITLES)
    with pytest.raises(UserError, match=r"answers\.max_new_tokens is 2"):
        greedy(llm, RESIDUAL, random_soft(llm, 1), 1, 2, grammar)


def test_a_model_without_an_end_stops_when_the_answer_is_whole() -> None:
    llm = frozen()
    llm.tokenizer.eos_token = None
    soft = random_soft(llm, 5)
    answers = greedy(llm, RESIDUAL, soft, 5, 40, one_title(llm, RESIDUAL, TITLES))
    assert {a.text for a in answers} <= {RESIDUAL.answer([title]) for title in TITLES}
    assert all(a.finished and a.n_new_tokens < 40 for a in answers)
