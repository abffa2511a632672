"""Where an adapter starts from, so that the LLM has less to teach it; all of it is ours.

Shapes: B examples, S slots, K soft tokens, H the LLM's width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from recinterpreter.interpretation.shown import Asked, soft_tokens
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.codes import Codes
from recinterpreter.settings import AdapterTraining

SHARPNESS = 20.0  # of the cosines in the warm start's softmax
NOTHING = 1e-3  # length of a difference that has no direction, relative to an embedding's
LEANNESS = 0.05  # weight of the warm start's penalty on what is not to be named


def warm_start(
    adapter: Adapter,
    codes: Codes,
    scale: float,
    training: Asked,
    settings: AdapterTraining,
) -> None:
    """Fit soft tokens to the codes of the titles to be named, before the LLM is ever asked.

    codes: of items 1 to n, in this order; scale: root mean square of the LLM's embedding table.
    The soft tokens of the last slot together, less those of the slot before it where there is one,
    are to point to the codes of the named titles among those of the whole catalogue: a softmax over
    cosines. Ours; the paper has none.
    """
    optimizer = torch.optim.Adam(adapter.parameters(), lr=settings.learning_rate)
    random = np.random.default_rng([settings.seed, 2**31])
    device = next(adapter.parameters()).device
    with torch.no_grad():
        catalogue = nn.functional.normalize(
            codes.of(torch.arange(len(codes), device=device)), dim=-1
        )
    # a difference that is next to nothing has no direction, and no gradient without bounds
    nothing = NOTHING * scale * catalogue.shape[1] ** 0.5
    for _ in range(settings.warm_start_steps):
        rows = random.integers(len(training), size=settings.batch_size)
        soft = soft_tokens(adapter, training.states, rows, device)
        assert soft is not None
        each = soft[:, -1] - (soft[:, -2] if soft.shape[1] > 1 else 0.0)
        shown = each.sum(1)
        logits = SHARPNESS * nn.functional.normalize(shown, dim=-1, eps=nothing) @ catalogue.T
        told = nn.functional.log_softmax(logits, dim=-1)
        items, share = _named(training, rows)
        loss = -(told.gather(1, items.to(device)) * share.to(device)).sum(1).mean()
        # what the slots hold beside what is to be named is to be small
        loss = loss + LEANNESS * (soft.square().mean() / shown.square().mean())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():  # cosines leave the scale free: take that of the embedding table
        _scale_to(adapter, each, scale)


def _named(asked: Asked, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return which titles some examples are to name, from 0, and the share of each: (B, longest).

    Rows are padded with a title that has the share 0.
    """
    items = [torch.tensor(asked.items[row], dtype=torch.long) - 1 for row in rows]
    shares = [torch.full((len(row),), 1 / len(row)) for row in items]
    return (
        nn.utils.rnn.pad_sequence(items, batch_first=True),
        nn.utils.rnn.pad_sequence(shares, batch_first=True),
    )


def _scale_to(adapter: Adapter, shown: Tensor, scale: float) -> None:
    """Scale soft tokens so that of those shown (B, K, H) the loudest has root mean square scale.

    Others may hold little of what is to be named, as those of items that both slots have.
    """
    loudest = shown.square().mean(-1).argmax(1)
    gain = scale / shown[torch.arange(len(shown)), loudest].square().mean().sqrt()
    adapter.project.weight.mul_(gain)
    adapter.project.bias.mul_(gain)
