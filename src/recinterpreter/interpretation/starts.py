"""Where an adapter starts from, so that the LLM has less to teach it; all of it is ours.

Shapes: B examples, S slots, K soft tokens, H the LLM's width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from recinterpreter.interpretation.shown import Asked, soft_tokens
from recinterpreter.language_model.adapter import ConvLinearAdapter
from recinterpreter.language_model.codes import Codes
from recinterpreter.settings import AdapterTraining

SHARPNESS = 20.0  # of the cosines in the warm start's softmax
LEANNESS = 0.05  # weight of the warm start's penalty on what is not to be named


def warm_start(
    adapter: ConvLinearAdapter,
    codes: Codes,
    scale: float,
    training: Asked,
    settings: AdapterTraining,
) -> None:
    """Fit soft tokens to the codes of the titles to be named, before the LLM is ever asked.

    codes: of items 1 to n, in this order; scale: root mean square of the LLM's embedding table.
    The last slot, less the one before it where there is one, is to point to the codes of the named
    titles among those of the whole catalogue: a softmax over cosines. Ours; the paper has none.
    """
    optimizer = torch.optim.Adam(adapter.parameters(), lr=settings.learning_rate)
    random = np.random.default_rng([settings.seed, 2**31])
    device = next(adapter.parameters()).device
    with torch.no_grad():
        catalogue = nn.functional.normalize(
            codes.of(torch.arange(len(codes), device=device)), dim=-1
        )
    for _ in range(settings.warm_start_steps):
        rows = random.integers(len(training), size=settings.batch_size)
        soft = soft_tokens(adapter, training.states, rows, device)
        assert soft is not None
        shown = soft[:, -1].mean(1) - (soft[:, -2].mean(1) if soft.shape[1] > 1 else 0.0)
        logits = SHARPNESS * nn.functional.normalize(shown, dim=-1) @ catalogue.T
        told = nn.functional.log_softmax(logits, dim=-1)
        named = [torch.tensor(training.items[row], device=device) - 1 for row in rows]
        loss = torch.stack([-told[i, items].mean() for i, items in enumerate(named)]).mean()
        # what the slots hold beside what is to be named is to be small
        loss = loss + LEANNESS * (soft.square().mean() / shown.square().mean())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():  # cosines leave the scale free: take that of the embedding table
        gain = scale / shown.square().mean().sqrt()
        adapter.project.weight.mul_(gain)
        adapter.project.bias.mul_(gain)
