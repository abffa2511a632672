"""Hidden states of examples: of the history without its last item, and of the whole history.

Shapes: N examples, P positions and W width of a model's states (one position for Caser).
"""

from __future__ import annotations

import numpy as np
import torch

from recinterpreter.errors import UserError
from recinterpreter.recommenders.sequence import SequentialRecommender
from recinterpreter.recommenders.windows import Windows


@torch.inference_mode()
def encode_examples(
    model: SequentialRecommender,
    examples: Windows,
    batch_size: int,
    precision: np.dtype[np.floating],
) -> dict[str, np.ndarray]:
    """Encode examples into the columns of STATES, `batch_size` at a time.

    before and after are (N, P * W), row-major; masks (N, P). A history of one item has no item
    before its last: its `before` is all zeros under a mask that is all false. Raises UserError
    where the examples have histories of another length than the model reads, or a state is not
    finite in the wanted precision.
    """
    insist_on_history(model, examples)
    device = model.item_table.weight.device
    n = len(examples)
    lengths = {"before": examples.lengths - 1, "after": examples.lengths}
    columns: dict[str, np.ndarray] = {"example_id": examples.example_ids}
    for name, length in lengths.items():
        parts, masks = [], []
        for start in range(0, n, batch_size):
            chosen = slice(start, start + batch_size)
            items = torch.from_numpy(examples.items[chosen].astype(np.int64)).to(device)
            lengths_here = torch.from_numpy(length[chosen]).to(device)
            parts.append(model.states(items, lengths_here).flatten(1).cpu().numpy())
            masks.append(model.state_mask(lengths_here).cpu().numpy())
        columns[name] = stored(np.concatenate(parts), precision)
        columns[f"{name}_mask"] = np.concatenate(masks)
    return columns


def insist_on_history(model: SequentialRecommender, examples: Windows) -> None:
    """Raise UserError where the histories of examples are not as long as those a model reads."""
    if examples.items.shape[1] != model.positions:
        raise UserError(
            f"examples with split.history {examples.items.shape[1]}; this model was trained with "
            f"{model.positions}: take the examples it was trained with, or train it again"
        )


def stored(states: np.ndarray, precision: np.dtype[np.floating]) -> np.ndarray:
    """Return states in the precision of the file; UserError where one is not finite in it."""
    with np.errstate(over="ignore"):  # an overflow is reported below
        rounded = states.astype(precision, copy=False)
    if not np.isfinite(rounded).all():
        raise UserError(
            f"a hidden state is not a finite number in {precision}; set states.precision: "
            "float32, and if it is that already, train the recommender again"
        )
    return rounded
