"""What the LLM is asked and what it is to answer (paper section 3.2; wording per domain).

A template is pieces of text with slots between them. Slots are places in this structure and never
marks in the text, so that no title can become one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recinterpreter.settings.adapters import Task
    from recinterpreter.settings.data import Domain

SEPARATOR = ", "


@dataclass(frozen=True)
class PromptTemplate:
    """A question with slots for soft tokens, and the frame of its answer.

    pieces: the text before, between and after the slots, so one more than there are slots.
    The answer is `prefix`, the titles joined by ", ", `suffix`.
    """

    name: str
    pieces: tuple[str, ...]
    prefix: str
    suffix: str

    @property
    def slots(self) -> int:
        """Number of states this question shows."""
        return len(self.pieces) - 1

    def answer(self, titles: Sequence[str]) -> str:
        """Return the sentence that names these titles."""
        return f"{self.prefix}{SEPARATOR.join(titles)}{self.suffix}"


@dataclass(frozen=True)
class _Words:
    """What one does with the things of a domain."""

    do: str
    done: str
    doing: str
    thing: str
    things: str


_WORDS: dict[Domain, _Words] = {
    "movies": _Words("watch", "watched", "watching", "movie", "movies"),
    "games": _Words("play", "played", "playing", "video game", "video games"),
    "items": _Words("choose", "chosen", "choosing", "item", "items"),
}


def templates(task: Task, domain: Domain) -> tuple[PromptTemplate, ...]:
    """Return the phrasings of a task: training draws among them, the first one is asked at test.

    The first is the paper's; the others are ours, in the manner of the authors' released prompts.
    All of preference are ours: the paper has no such task.
    """
    return _TEMPLATES[task](_WORDS[domain])


def _recovery(w: _Words) -> tuple[PromptTemplate, ...]:
    prefix, suffix = f"This user has {w.done} ", " in the previous."
    phrasings = (
        (
            f"A person has {w.done} a series of {w.things}. "
            f"The {w.doing} list can be represented as: ",
            f". Describe this {w.doing} history of the person in detail. ",
        ),
        (
            f"The {w.things} that a user has {w.done} are represented as: ",
            f". Which {w.things} are they? ",
        ),
        (
            f"This is the {w.doing} history of a user: ",
            f". List the {w.things} in it. ",
        ),
    )
    return _phrased("recovery", phrasings, prefix, suffix)


def _residual(w: _Words) -> tuple[PromptTemplate, ...]:
    prefix = f"This user {w.done} {w.thing} "
    suffix = " in List2 but not in List1."
    phrasings = (
        (
            f"A person has {w.done} a series of {w.things}. "
            f"The {w.doing} list can be represented as List1: ",
            f". After {w.doing} another {w.thing}, "
            f"the {w.doing} list can further be represented as List2: ",
            f". What is the {w.thing} in List2 but not in List1? ",
        ),
        (
            f"The {w.things} that a user has {w.done} are represented as List1: ",
            f". With one more {w.thing} they are represented as List2: ",
            f". Which {w.thing} does List2 have that List1 does not? ",
        ),
    )
    return _phrased("residual", phrasings, prefix, suffix)


def _preference(w: _Words) -> tuple[PromptTemplate, ...]:
    prefix, suffix = f"This user will {w.do} {w.thing} ", " next."
    phrasings = (
        (
            f"A person has {w.done} a series of {w.things}. "
            f"The {w.doing} list can be represented as: ",
            f". What would this person {w.do} next? ",
        ),
        (
            f"The {w.things} that a user has {w.done} are represented as: ",
            f". Which {w.thing} comes next? ",
        ),
    )
    return _phrased("preference", phrasings, prefix, suffix)


_TEMPLATES: dict[Task, Callable[[_Words], tuple[PromptTemplate, ...]]] = {
    "recovery": _recovery,
    "residual": _residual,
    "preference": _preference,
}


def _phrased(
    task: Task, phrasings: Sequence[tuple[str, ...]], prefix: str, suffix: str
) -> tuple[PromptTemplate, ...]:
    return tuple(
        PromptTemplate(f"{task}-{i}", pieces, prefix, suffix) for i, pieces in enumerate(phrasings)
    )


def phrases(domain: Domain) -> list[str]:
    """Return every fixed text of a domain's questions and answers, once each, in order."""
    texts = [SEPARATOR]
    for task in _TEMPLATES:
        for template in templates(task, domain):
            texts += [*template.pieces, template.prefix, template.suffix]
    return list(dict.fromkeys(texts))
