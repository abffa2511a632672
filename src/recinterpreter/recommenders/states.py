"""Hidden states of examples: of the history without its last item, and of the whole history.

Shapes: N examples, L positions, D width.
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

    before and after are (N, L * D), row-major; masks (N, L). A history of one item has no item
    before its last: its `before` is all zeros under a mask that is all false. Raises UserError
    where a state is not finite in the wanted precision.
    """
    device = model.item_table.weight.device
    n, place = len(examples), np.arange(examples.items.shape[1])
    lengths = {"before": examples.lengths - 1, "after": examples.lengths}
    columns: dict[str, np.ndarray] = {"example_id": examples.example_ids}
    for name, length in lengths.items():
        parts = []
        for start in range(0, n, batch_size):
            chosen = slice(start, start + batch_size)
            items = torch.from_numpy(examples.items[chosen].astype(np.int64)).to(device)
            states = model.states(items, torch.from_numpy(length[chosen]).to(device))
            parts.append(states.flatten(1).cpu().numpy())
        with np.errstate(over="ignore"):  # an overflow is reported below
            columns[name] = np.concatenate(parts).astype(precision, copy=False)
        columns[f"{name}_mask"] = place < length[:, None]
        if not np.isfinite(columns[name]).all():
            raise UserError(
                f"a hidden state is not a finite number in {precision}; set states.precision: "
                "float32, and if it is that already, train the recommender again"
            )
    return columns
