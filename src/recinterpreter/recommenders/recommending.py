"""What a recommender recommends: the best items among those a user has not met.

Shapes: N examples, V = n_items + 1 columns of scores (column 0 is padding), K items recommended.
"""

from __future__ import annotations

import numpy as np
import torch

from recinterpreter.recommenders.ranking import Scorer, Sequences, batches
from recinterpreter.recommenders.windows import Windows


@torch.inference_mode()
def recommended(
    scorer: Scorer, examples: Windows, sequences: Sequences, count: int, device: torch.device
) -> np.ndarray:
    """Return the K = count best items of every example, the best first: (N, K).

    Met are all earlier events of the user, not only the history. Where fewer items than K are
    left, the rest of the row is 0.
    """
    found = np.zeros((len(examples), count), np.int32)
    for rows in batches(examples.positions, scorer.n_items, device):
        part = examples.take(rows)
        scores = scorer.scores(part.batch(device))
        users, met = sequences.before(part.user_ids, part.positions)
        scores[torch.from_numpy(users).to(device), torch.from_numpy(met).to(device)] = -torch.inf
        best = scores.topk(min(count, scores.shape[1]), dim=1)
        items = best.indices.masked_fill(best.values == -torch.inf, 0)
        found[rows, : items.shape[1]] = items.cpu().numpy()
    return found
