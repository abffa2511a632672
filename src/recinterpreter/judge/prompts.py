"""What a judge is asked (paper, Table 3), and how titles stand in it: quoted, as text alone.

The wording is the paper's; the quotation marks are ours. Titles may be an LLM's own words, so they
are shown in a form that can neither end their quotation nor be read as a mark of a chat template.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence

from recinterpreter.errors import UserError
from recinterpreter.settings.data import Domain

_DONE: dict[Domain, tuple[str, str]] = {
    "movies": ("watched", "movies"),
    "games": ("played", "video games"),
    "items": ("chosen", "items"),
}
_ASKED = "Which of the following"
# "<s>", "<|im_end|>", "[INST]": tokenizers read these as commands only where nothing stands between
_OPENS_A_MARK = re.compile(r"([<\[])(?=\S)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def shown(title: str) -> str:
    """Return a title on one line, without invisible characters and unable to be a special token.

    The matcher takes no notice of what is changed, so a judge who repeats the title is understood.
    """
    plain = "".join(_plain(character) for character in title)
    return " ".join(_OPENS_A_MARK.sub(r"\1 ", plain).split())


def _plain(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in ("Cf", "Cs"):  # formats, halves of a pair: invisible
        return ""
    return " " if kind[0] == "Z" or kind == "Cc" else character


def quoted(title: str) -> str:
    """Return a shown title between quotation marks; those inside are escaped as in JSON."""
    return json.dumps(shown(title), ensure_ascii=False)


def question(domain: Domain, history: Sequence[str], options: Sequence[str]) -> str:
    """Ask which of two or three titles a person of this history prefers."""
    done, things = _DONE[domain]
    *others, last = map(quoted, options)
    comma = "," if len(others) > 1 else ""
    return (
        f"A person has {done} a series of {things}: {', '.join(map(quoted, history))}. "
        f"{_ASKED} {things} does this person prefer? {', '.join(others)}{comma} or {last}. "
        "Please pick one."
    )


def read_question(text: str) -> tuple[list[str], list[str]]:
    """Read the titles of the history and of the options back out of a question.

    Raises UserError for a text that is none.
    """
    history: list[str] = []
    options: list[str] = []
    read, reached = history, 0
    for found in _QUOTED.finditer(text):
        if _ASKED in text[reached : found.start()]:
            read = options
        read.append(json.loads(found[0]))
        reached = found.end()
    if not options:
        raise UserError(f"no question to a judge: {text[:80]!r}")
    return history, options
