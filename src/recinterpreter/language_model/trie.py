"""Token sequences by their common beginnings, so that what they share is held and computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


class Trie:
    """A tree of tokens; node 0 is the root, a child always comes after its parent.

    tokens, parents, depths: of each node (-1, -1 and 0 at the root); children: token -> node;
    ends: the node at which each sequence ends, in the order given.
    """

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        self.tokens, self.parents, self.depths = [-1], [-1], [0]
        self.children: list[dict[int, int]] = [{}]
        self.ends = [self._add(sequence) for sequence in sequences]

    def __len__(self) -> int:
        return len(self.tokens)

    def path(self, node: int) -> list[int]:
        """Return the nodes from below the root to a node, that one included."""
        nodes: list[int] = []
        while node:
            nodes.append(node)
            node = self.parents[node]
        return nodes[::-1]

    def _add(self, sequence: Sequence[int]) -> int:
        node = 0
        for token in sequence:
            if token not in self.children[node]:
                self.children[node][token] = len(self.tokens)
                self.tokens.append(token)
                self.parents.append(node)
                self.depths.append(self.depths[node] + 1)
                self.children.append({})
            node = self.children[node][token]
        return node


def groups(sequences: Sequence[Sequence[int]], nodes: int) -> Iterator[list[int]]:
    """Cut sequences into groups whose tries have at most so many nodes (one sequence at least).

    Yields the indices of each group; sequences that begin alike come together.
    """
    order = sorted(range(len(sequences)), key=lambda i: tuple(sequences[i]))
    group: list[int] = []
    held = 0
    for i in order:
        known = _shared(sequences[group[-1]], sequences[i]) if group else 0
        if group and held + len(sequences[i]) - known > nodes:
            yield group
            group, held, known = [], 0, 0
        group.append(i)
        held += len(sequences[i]) - known
    if group:
        yield group


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length
