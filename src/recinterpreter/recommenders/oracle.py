"""Oracle items: what DreamRec dreams up for a history, and the states of the history with it.

The dreamt vector e* is appended to the embedded history and read like an item (Yang et al., arXiv
2310.20487). Shapes: N examples, B of a batch, L positions, D width, V = n_items + 1.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recinterpreter.recommenders.dreamrec import DreamRec
from recinterpreter.recommenders.ranking import Sequences, ranks
from recinterpreter.recommenders.sequence import (
    SequenceBatch,
    SequentialRecommender,
    without_padding,
)
from recinterpreter.recommenders.states import insist_on_history, stored
from recinterpreter.recommenders.windows import Windows

# How many cosines are compared at a time, if more than those of one example.
_COSINES_AT_A_TIME = 2**22


class Dreams:
    """Vectors compared with a catalogue by cosine; to `ranks`, a recommender like any other.

    example_ids: (N,) ascending; vectors: (N, D); item_table: (V, D), row 0 is padding.
    """

    def __init__(self, example_ids: Tensor, vectors: Tensor, item_table: Tensor) -> None:
        self.n_items = len(item_table) - 1
        self._example_ids = example_ids
        self._vectors = functional.normalize(vectors, dim=1)
        self._items = functional.normalize(item_table, dim=1)

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Look the vectors of these examples up and score every item by cosine: (B, V)."""
        rows = torch.searchsorted(self._example_ids, batch.example_ids)
        return without_padding(self._vectors[rows] @ self._items.T)

    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """Find the item nearest to each vector, and its cosine: (N,) both."""
        parts = torch.split(self._vectors, max(1, _COSINES_AT_A_TIME // len(self._items)))
        found = [without_padding(part @ self._items.T).max(1) for part in parts]
        cosines, items = (torch.cat(column).cpu().numpy() for column in zip(*found, strict=True))
        return items, cosines


@torch.inference_mode()
def dream(
    model: DreamRec,
    examples: Windows,
    sequences: Sequences,
    batch_size: int,
    precision: np.dtype[np.floating],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Dream up an item for every example, ids ascending: columns of STATES, and of ORACLE_ITEMS.

    The latter without `last`. `batch_size` histories at a time; an example's dream is the same in
    every batch. Raises UserError where the model reads histories of another length, or a number
    is not finite in the wanted precision.
    """
    insist_on_history(model, examples)
    device = model.item_table.weight.device
    dreamt, read = [], []
    for start in range(0, len(examples), batch_size):
        rows = np.arange(start, min(start + batch_size, len(examples)))
        batch = examples.take(rows).batch(device)
        dreamt.append(model.oracle_items(batch))
        read.append([part.cpu().numpy() for part in extended_states(model, batch, dreamt[-1])])
    before, after, *masks = (np.concatenate(part) for part in zip(*read, strict=True))
    states = {
        "example_id": examples.example_ids,
        "before": stored(before, precision),
        "after": stored(after, precision),
        "before_mask": masks[0],
        "after_mask": masks[1],
    }
    return states, described(torch.cat(dreamt), model.item_table.weight, examples, sequences)


def extended_states(
    model: SequentialRecommender, batch: SequenceBatch, vectors: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Read histories without and with a vector (B, D) behind them.

    Of a history of L items the oldest leaves, both before and after; a shorter one keeps all of
    its own. Returns STATES' before, after (B, P * W), before_mask and after_mask (B, P).
    """
    full = batch.lengths == model.positions
    items = torch.where(full[:, None], batch.item_ids.roll(-1, 1), batch.item_ids)
    kept = batch.lengths - full.long()
    places = torch.arange(model.positions, device=items.device)
    # in a full history this also covers the oldest item, which came round to the end
    behind = (places == kept[:, None])[..., None]
    embedded = torch.where(behind, vectors[:, None], model.embed(items))
    after = model.encode(embedded, places <= kept[:, None])
    before = model.states(items, kept)
    masks = model.state_mask(kept), model.state_mask(kept + 1)
    return before.flatten(1), after.flatten(1), *masks


def described(
    vectors: Tensor, item_table: Tensor, examples: Windows, sequences: Sequences
) -> dict[str, np.ndarray]:
    """Say what each dream (N, D) is near to, and where it ranks the target.

    item_table: (V, D), row 0 is padding. Returns the columns of ORACLE_ITEMS without `last`.
    """
    device = vectors.device
    example_ids = torch.from_numpy(examples.example_ids.astype(np.int64)).to(device)
    dreams = Dreams(example_ids, vectors, item_table)
    nearest, cosines = dreams.nearest()
    rows, met = sequences.before(examples.user_ids, examples.positions)
    seen = np.zeros(len(examples), bool)
    seen[rows[met == nearest[rows]]] = True
    return {
        "example_id": examples.example_ids,
        "user_id": examples.user_ids,
        "item_id": nearest,
        "cosine": cosines,
        "seen": seen,
        "rank": ranks(dreams, examples, sequences, device),
        "vector": vectors.cpu().numpy(),
    }
