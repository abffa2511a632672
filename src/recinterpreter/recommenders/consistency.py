"""Does a decoded history make the recommender do what the real one does?

Both are read by the same recommender, as the history of the same example: states are compared, and
the items that it then finds best among those the user has not met. Noise that belongs to an example
(DreamRec's) is the same for both, so that only the histories differ.

Shapes: N examples, L positions, W width of a state, K best items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from recinterpreter.recommenders.ranking import Sequences
from recinterpreter.recommenders.sequence import SequentialRecommender, last
from recinterpreter.recommenders.windows import Windows

# Scores that are held at a time, if more than those of one example.
_SCORES_AT_A_TIME = 2**23


@dataclass(frozen=True)
class Behaviour:
    """What a recommender makes of N histories.

    states: (N, W) at the last position; best: (N, K) item ids, the best first, 0 where a user has
    not so many items left to meet.
    """

    states: np.ndarray
    best: np.ndarray


@dataclass(frozen=True)
class Likeness:
    """How alike the behaviour after other histories is to that after the real ones, (N,) each.

    cosine: of the states; overlap: share of the best items after the real history that are among
    the best after the other; same_first: whether the best of all is the same.
    """

    cosine: np.ndarray
    overlap: np.ndarray
    same_first: np.ndarray


@torch.inference_mode()
def behave(
    model: SequentialRecommender, examples: Windows, sequences: Sequences, top: int, batch_size: int
) -> Behaviour:
    """Encode and rank the histories of N >= 1 examples, at most `batch_size` at a time."""
    device = model.item_table.weight.device
    size = max(1, min(batch_size, _SCORES_AT_A_TIME // (model.n_items + 1)))
    states, best = [], []
    for start in range(0, len(examples), size):
        part = examples.take(np.arange(start, min(start + size, len(examples))))
        batch = part.batch(device)
        read = model.state_mask(batch.lengths).sum(1)
        states.append(last(model.states(batch.item_ids, batch.lengths), read).cpu().numpy())
        scores = model.scores(batch)
        users, met = sequences.before(part.user_ids, part.positions)
        scores[torch.from_numpy(users).to(device), torch.from_numpy(met).to(device)] = -torch.inf
        found, items = scores.topk(min(top, model.n_items), dim=1)
        best.append(torch.where(torch.isfinite(found), items, 0).cpu().numpy())
    return Behaviour(np.concatenate(states), np.concatenate(best))


def with_histories(examples: Windows, histories: Sequence[Sequence[int]]) -> Windows:
    """Give the examples other histories, none of them empty; of a longer one its last L items."""
    items = np.zeros_like(examples.items)
    longest = items.shape[1]
    for row, history in enumerate(histories):
        kept = list(history)[-longest:]
        items[row, : len(kept)] = kept
    lengths = np.array([min(len(history), longest) for history in histories], np.int64)
    return replace(examples, items=items, lengths=lengths)


def resemblance(
    model: SequentialRecommender,
    examples: Windows,
    real: Behaviour,
    histories: Sequence[Sequence[int]],
    sequences: Sequences,
    batch_size: int,
) -> Likeness:
    """Compare the behaviour after the real histories of examples with that after others.

    histories: one for each of the N examples; where it is empty nothing is alike, cosine and
    overlap are 0.
    """
    n, top = real.best.shape
    found = Likeness(np.zeros(n), np.zeros(n), np.zeros(n, bool))
    rows = np.flatnonzero([len(history) > 0 for history in histories])
    if len(rows):
        other = with_histories(examples.take(rows), [h for h in histories if h])
        behaviour = behave(model, other, sequences, top, batch_size)
        found.cosine[rows] = cosines(real.states, behaviour.states, rows)
        best, others = real.best[rows], behaviour.best
        wanted = best > 0
        shared = (best[:, :, None] == others[:, None, :]).any(2) & wanted
        found.overlap[rows] = shared.sum(1) / np.maximum(wanted.sum(1), 1)
        found.same_first[rows] = (best[:, 0] == others[:, 0]) & wanted[:, 0]
    return found


def cosines(real: np.ndarray, others: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Compare some rows of real states (N, W) with others (R, W), standardised: (R,).

    By the mean and the deviation of all the real ones in each dimension; as they are, any two
    states are alike in what all have in common.
    """
    mean, deviation = real.mean(0), real.std(0)
    scale = np.where(deviation > 0, deviation, 1)
    one, two = (real[rows] - mean) / scale, (others - mean) / scale
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    found: np.ndarray = (one * two).sum(1) / np.where(lengths > 0, lengths, 1)
    return found
