"""Answers that name titles of a catalogue and nothing else, as constraint of greedy decoding.

A state of an answer is a set of readings, for a title may hold what elsewhere parts two titles
("The Good, the Bad and the Ugly"): each reading is a place in the grammar and the titles named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from recinterpreter.errors import UserError
from recinterpreter.language_model.causal import LanguageModel
from recinterpreter.language_model.prompts import SEPARATOR, PromptTemplate
from recinterpreter.language_model.trie import Trie
from recinterpreter.settings.adapters import Task

ANCHORS = 8  # titles after which it is tried how a separator is spelled


class _Titles:
    """Spelled titles: a trie, and for each node the titles that end there and below it."""

    def __init__(self, spelled: Sequence[Sequence[int]]) -> None:
        self.trie = Trie(spelled)
        self.lengths = [len(ids) for ids in spelled]
        self.title_at = {end: title for title, end in enumerate(self.trie.ends)}
        self.below: list[list[int]] = [[] for _ in range(len(self.trie))]
        for end, title in self.title_at.items():
            for node in self.trie.path(end):
                self.below[node].append(title)

    def has_room(self, node: int, named: frozenset[int], room: int) -> bool:
        """Whether a title not yet named can be ended from a node within so many tokens."""
        reach = room + self.trie.depths[node]
        return any(t not in named and self.lengths[t] <= reach for t in self.below[node])


class TitleGrammar:
    """What may follow what in an answer: one title, or a list without repetition.

    first: the spelled titles with which an answer begins; following: with which a list goes on;
    tail: the tokens that end an answer. What does not fit into the tokens allowed is not begun.
    """

    def __init__(
        self,
        first: Sequence[Sequence[int]],
        following: Sequence[Sequence[int]] | None,
        tail: Sequence[int],
    ) -> None:
        self.first = _Titles(first)
        self.following = None if following is None else _Titles(following)
        self.tail = tuple(tail)

    def start(self) -> State:
        """Return the state of an answer of which nothing is written."""
        return (_Reading(self, self.first, 0, frozenset()),)


@dataclass(frozen=True)
class _Reading:
    """One way to understand what is written.

    titles, place: a node among the titles an answer begins or goes on with; titles is None and
    place how far, in the tail. named: the titles that are named, of which none is named again.
    """

    grammar: TitleGrammar
    titles: _Titles | None
    place: int
    named: frozenset[int]

    def moves(self, room: int) -> Iterator[tuple[int, _Reading]]:
        """Yield the tokens that may follow, with so many left, each with what is read then."""
        if self.titles is None:
            yield from self._into_tail(self.place, self.named)
            return
        yield from self._into(self.titles, self.place, self.named, room)
        title = self.titles.title_at.get(self.place)
        if title is not None and title not in self.named:
            named = self.named | {title}
            yield from self._into_tail(0, named)
            if self.grammar.following is not None:
                yield from self._into(self.grammar.following, 0, named, room)

    def _into(
        self, titles: _Titles, node: int, named: frozenset[int], room: int
    ) -> Iterator[tuple[int, _Reading]]:
        left = room - 1 - len(self.grammar.tail)
        for token, child in titles.trie.children[node].items():
            if titles.has_room(child, named, left):
                yield token, _Reading(self.grammar, titles, child, named)

    def _into_tail(self, place: int, named: frozenset[int]) -> Iterator[tuple[int, _Reading]]:
        if place < len(self.grammar.tail):
            yield self.grammar.tail[place], _Reading(self.grammar, None, place + 1, named)


State = tuple[_Reading, ...]
Follow = dict[int, State]


def follow(state: State, room: int) -> Follow:
    """Return the tokens that may follow, with so many left, and the state after each.

    Nothing may follow where an answer is whole.
    """
    found: dict[int, list[_Reading]] = {}
    for reading in state:
        for token, read in reading.moves(room):
            found.setdefault(token, []).append(read)
    return {token: tuple(dict.fromkeys(readings)) for token, readings in found.items()}


def one_title(llm: LanguageModel, template: PromptTemplate, titles: Sequence[str]) -> TitleGrammar:
    """Allow the answers that name one title, spelled just as an adapter was trained on them."""
    whole = [llm.answer_tokens(template, [title]) for title in dict.fromkeys(titles)]
    return TitleGrammar(whole, None, ())


def list_of_titles(
    llm: LanguageModel, template: PromptTemplate, titles: Sequence[str]
) -> TitleGrammar:
    """Allow the answers that name titles, each once, in any order and number.

    A title is spelled as after the beginning of the answer, and as after another title. Raises
    UserError for a tokenizer that cannot spell piece by piece.
    """
    prefix, end = template.prefix, llm.tokenizer.eos_token_id
    distinct = list(dict.fromkeys(titles))
    first = {title: tuple(llm.tokens(prefix + title)) for title in distinct}
    heads = [(prefix + title, list(first[title])) for title in distinct[:ANCHORS]]

    def continued(text: str) -> list[int]:
        for before, head in heads:
            whole = llm.tokens(before + text)
            if whole[: len(head)] == head:
                return whole[len(head) :]
        # the tokenizer joins the end of a title to what follows: then that is spelled by itself,
        # less the blank that some tokenizers put before every text
        before, head = heads[0]
        alone = llm.tokens(text)
        for apart in (alone, alone[1:]):
            if llm.decode([*head, *apart]) == llm.decode(head) + text:
                return apart
        raise UserError(
            f"answers.decoding is catalogue: this LLM's tokenizer cannot spell {text!r} apart "
            "from what stands before it, so lists of titles cannot be walked token by token; "
            "wanted answers.decoding: free for the task recovery"
        )

    # titles that are spelled alike are one: the LLM cannot tell them apart
    kept = {ids: title for title, ids in reversed(list(first.items()))}
    following = [continued(SEPARATOR + title) for title in kept.values()]
    tail = [*continued(template.suffix), *([] if end is None else [end])]
    return TitleGrammar(list(kept), following, tail)


GRAMMARS: dict[Task, Callable[[LanguageModel, PromptTemplate, Sequence[str]], TitleGrammar]] = {
    "residual": one_title,
    "recovery": list_of_titles,
}
