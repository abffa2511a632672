"""Find the titles of a catalogue in an answer.

Titles are data, never patterns: both sides are brought to one canonical form, cut into tokens,
and the titles' tokens are walked as a trie, so that an answer costs its own length and not the
catalogue's. Items with the same canonical title form a set: an answer that names it names the set.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

OUTSIDE = 0
"""Title id of words that are no title of the catalogue."""

_UNIFIED = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′´`ʼ", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
    }
)
_JOINERS = "'-"
_BORDERS = frozenset(',;"')
_COMMAS = frozenset(",;")


@dataclass(frozen=True)
class AnswerForm:
    """What stands before and after the titles when an answer keeps to the form it was taught."""

    prefix: str = ""
    suffix: str = ""

    def body(self, text: str) -> tuple[int, int, bool]:
        """Return where the titles begin and end, and whether the text keeps to the form.

        The prefix decides: an answer cut off at its last token has no suffix. What follows the
        first suffix is no part of the answer.
        """
        start = len(text) - len(text.lstrip())
        prefix, suffix = self.prefix.strip(), self.suffix.rstrip()
        framed = bool(prefix) and text.startswith(prefix, start)
        if framed:
            start += len(prefix)
        end = text.find(suffix, start) if suffix else -1
        return start, end if end >= 0 else len(text), framed


@dataclass(frozen=True)
class Occurrence:
    """A title, or OUTSIDE, at text[start:end] of an answer."""

    title: int
    start: int
    end: int


@dataclass(frozen=True)
class _Token:
    form: str
    start: int
    end: int
    word: bool


@dataclass
class _Node:
    title: int = OUTSIDE
    children: dict[str, _Node] = field(default_factory=dict)


class Catalogue:
    """The canonical titles of a catalogue, numbered from 1, and the items that bear them.

    titles: item id -> title, as the LLM is to say it.
    """

    def __init__(self, titles: Mapping[int, str]) -> None:
        self._root = _Node()
        self._title_of: dict[int, int] = {}
        self._items_of: list[list[int]] = [[]]
        for item, title in sorted(titles.items()):
            node = self._root
            for token in _tokens(title):
                node = node.children.setdefault(token.form, _Node())
            if node.title == OUTSIDE:
                node.title = len(self._items_of)
                self._items_of.append([])
            self._title_of[item] = node.title
            self._items_of[node.title].append(item)

    def title_of(self, item: int) -> int:
        """Return the title id of an item; OUTSIDE for item 0."""
        return self._title_of.get(item, OUTSIDE)

    def items_of(self, title: int) -> list[int]:
        """Return the items that bear a title, in rising order."""
        return self._items_of[title]

    def find(self, text: str, form: AnswerForm | None = None) -> list[Occurrence]:
        """Return the titles that an answer names, in its order, each word used once.

        Of overlapping titles the longest wins, wherever it begins. In an answer that keeps to the
        form, a title must fill an element of the list ("Alien" is not named by "Alien Harvest"),
        and an element that is no title is one OUTSIDE. In free text a title needs word boundaries
        only; the words around it say nothing, but a text without any title is one OUTSIDE.
        """
        start, end, framed = (form or AnswerForm()).body(text)
        tokens = [
            _Token(t.form, t.start + start, t.end + start, t.word) for t in _tokens(text[start:end])
        ]
        owner = [-1] * len(tokens)
        chosen: list[tuple[int, int, int]] = []
        for first, stop, title in sorted(self._candidates(tokens, framed), key=_longest(tokens)):
            if all(o < 0 for o in owner[first:stop]):
                owner[first:stop] = [len(chosen)] * (stop - first)
                chosen.append((first, stop, title))
        if framed:
            chosen += _elements(tokens, owner)
        elif not chosen and any(t.word for t in tokens):
            chosen = [(0, len(tokens), OUTSIDE)]
        return [
            Occurrence(title, tokens[first].start, tokens[stop - 1].end)
            for first, stop, title in sorted(chosen)
        ]

    def _candidates(self, tokens: list[_Token], framed: bool) -> Iterator[tuple[int, int, int]]:
        """All titles in the text, overlapping ones too: (first token, one past the last, title)."""
        for first in range(len(tokens)):
            if framed and first and tokens[first - 1].form not in _BORDERS:
                continue
            node: _Node | None = self._root
            for stop in range(first, len(tokens)):
                node = node.children.get(tokens[stop].form) if node else None
                if node is None:
                    break
                whole = stop + 1 == len(tokens) or tokens[stop + 1].form in _BORDERS
                if node.title != OUTSIDE and (whole or not framed):
                    yield first, stop + 1, node.title


def _longest(tokens: list[_Token]) -> Callable[[tuple[int, int, int]], tuple[int, int]]:
    return lambda found: (tokens[found[0]].start - tokens[found[1] - 1].end, found[0])


def _elements(tokens: list[_Token], owner: list[int]) -> Iterator[tuple[int, int, int]]:
    """Elements of the list that are no title, between commas and the titles that were found."""
    first = 0
    for stop in range(len(tokens) + 1):
        if stop < len(tokens) and owner[stop] < 0 and tokens[stop].form not in _COMMAS:
            continue
        if any(token.word for token in tokens[first:stop]):
            yield first, stop, OUTSIDE
        first = stop + 1


def canonical(text: str) -> str:
    """Return the form in which titles are compared: NFKC, case folded, quotes and dashes unified.

    White space is one blank, invisible format characters are dropped.
    """
    return " ".join("".join(c for c, _, _ in _characters(text)).split())


def _characters(text: str) -> Iterator[tuple[str, int, int]]:
    """Canonical characters with the place in `text` that each comes from."""
    if text.isascii():
        for i, character in enumerate(text.lower().translate(_UNIFIED)):
            yield character, i, i + 1
        return
    start = 0
    for end in range(1, len(text) + 1):
        # a base and its marks normalise together
        if end < len(text) and _continues(text[end]):
            continue
        cluster = unicodedata.normalize("NFKC", text[start:end].translate(_UNIFIED)).casefold()
        for character in unicodedata.normalize("NFKC", cluster):
            if unicodedata.category(character) != "Cf":
                yield character, start, end
        start = end


def _continues(character: str) -> bool:
    first = unicodedata.normalize("NFKC", character)[:1]
    return "\u1160" <= first <= "\u11ff" or unicodedata.category(first or " ")[0] == "M"


def _tokens(text: str) -> list[_Token]:
    """Cut into words (letters, digits, marks; apostrophes and hyphens inside) and single signs."""
    characters = list(_characters(text))
    word = [_is_word(c) for c, _, _ in characters]
    for i in range(1, len(characters) - 1):
        word[i] |= characters[i][0] in _JOINERS and _is_word(characters[i - 1][0]) and word[i + 1]
    tokens: list[_Token] = []
    first = 0
    while first < len(characters):
        stop = first + 1
        while word[first] and stop < len(characters) and word[stop]:
            stop += 1
        piece = characters[first:stop]
        if not piece[0][0].isspace():
            form = "".join(c for c, _, _ in piece)
            tokens.append(_Token(form, piece[0][1], piece[-1][2], word[first]))
        first = stop
    return tokens


@cache
def _is_word(character: str) -> bool:
    return character == "_" or unicodedata.category(character)[0] in "LNM"
