"""What decoders are asked of states, task by task, and what they name and rank in reply.

The very states that an adapter is shown, told apart by what is new in them: residual by the last
state of both slots, preference by the last one, recovery by every state of the slot beside the one
before it, for each holds one item more. A recommender with one state for all items (Caser) is asked
for all of them at once.
Shapes: N examples, L positions, D width of a state, n states that are asked, F numbers of each,
V = n_items + 1 columns of scores.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recinterpreter.bounds.decoders import Told
from recinterpreter.bounds.held import Held, last_states
from recinterpreter.settings.adapters import Task


def told(task: Task, held: Held, most: int | None = None) -> Told:
    """Turn examples into the states that a decoder is shown for a task, and the items in each.

    Of the first examples, that have at most so many states; of one at least. States are float32
    whatever they are stored as.
    """
    if most is not None:
        states = held.lengths if task == "recovery" else np.ones_like(held.lengths)
        held = held.first(max(1, int(np.searchsorted(states.cumsum(), most, side="right"))))
    if task == "recovery":
        return _every_state(held)
    last = last_states(held.after, held.lengths)
    rows = np.arange(len(held))
    if task == "residual":
        items = np.array([history[-1] for history in held.histories], np.int64)
        return Told(_wide([held.before, last]), rows, items)
    return Told(_wide([last]), rows, held.targets.astype(np.int64))


def _every_state(held: Held) -> Told:
    """Each state beside the one before it, (n, 2 D), and the item that is new in it.

    A recommender that has but one state for a history has all of its items in it: (n, D).
    """
    items = np.concatenate([np.asarray(history, np.int64) for history in held.histories])
    if held.after.shape[1] == 1:
        rows = np.repeat(np.arange(len(held)), [len(history) for history in held.histories])
        return Told(_wide([held.after[:, 0]]), rows, items)
    shown = np.arange(held.after.shape[1]) < held.lengths[:, None]
    earlier = np.zeros_like(held.after)
    earlier[:, 1:] = held.after[:, :-1]
    return Told(_wide([earlier[shown], held.after[shown]]), np.arange(len(items)), items)


def _wide(slots: list[np.ndarray]) -> np.ndarray:
    """Put states of several slots (n, D) side by side."""
    return np.concatenate(slots, axis=1, dtype=np.float32)


def named_items(scores: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray:
    """Name so many items for each example, best first: (N, count).

    scores: (n, V), lengths (N,) successive rows each. An item counts by its best state, and every
    state's first choice comes before any second one: scores are compared with the best of their
    state. Of equal ones the lower item id goes first.
    """
    ends = np.cumsum(lengths)
    behind = scores - scores.max(axis=1, keepdims=True)
    best = np.maximum.reduceat(behind, ends - lengths, axis=0)
    found: np.ndarray = np.argsort(-best, axis=1, kind="stable")[:, :count]
    return found


def ranks_of_targets(scores: np.ndarray, targets: np.ndarray, met: np.ndarray) -> np.ndarray:
    """Rank each target (N,) among the items its user has not met, 1 the best, as a RANKING.

    scores, met: (N, V). The target stays a candidate if it was met; an item that ties with it
    stands before it.
    """
    rows = np.arange(len(targets))
    candidates = ~met
    candidates[:, 0] = candidates[rows, targets] = False
    found: np.ndarray = 1 + (candidates & (scores >= scores[rows, targets][:, None])).sum(1)
    return found


def items_met(asked: pa.Table, interactions: pa.Table, columns: int) -> np.ndarray:
    """Mark the items that the users of N EXAMPLES have met before them: (N, columns)."""
    users, positions = (asked[name].to_numpy() for name in ("user_id", "position"))
    owners, places, items = (
        interactions[name].to_numpy() for name in ("user_id", "position", "item_id")
    )
    order = np.argsort(owners, kind="stable")
    starts, stops = np.searchsorted(owners[order], np.stack([users, users + 1]))
    met = np.zeros((len(users), columns), bool)
    for row, (position, start, stop) in enumerate(zip(positions, starts, stops, strict=True)):
        own = order[start:stop]
        met[row, items[own[places[own] < position]]] = True
    return met
