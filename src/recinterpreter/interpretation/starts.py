"""Where an adapter starts from, so that the LLM has less to teach it; all of it is ours.

Shapes: B examples, S slots, K soft tokens, H the LLM's width.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from recinterpreter.interpretation.ridge import Ridge
from recinterpreter.interpretation.shown import Asked, soft_tokens
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.codes import Codes
from recinterpreter.settings.adapters import AdapterTraining

logger = logging.getLogger("recinterpreter")

AT_A_TIME = 1024  # examples, so that sums over all of them take little memory
SHARPNESS = 20.0  # of the cosines in the warm start's softmax
NOTHING = 1e-3  # length of a difference that has no direction, relative to an embedding's
LEANNESS = 0.05  # weight of the warm start's penalty on what is not to be named


def start(
    adapter: Adapter, codes: Codes, scale: float, training: Asked, settings: AdapterTraining
) -> None:
    """Give the adapter the starts that are set; the warm start goes on from the closed form."""
    if settings.closed_form_start:
        closed_form_start(adapter, codes, scale, training, settings)
    if settings.warm_start_steps:
        warm_start(adapter, codes, scale, training, settings)


@torch.no_grad()
def closed_form_start(
    adapter: Adapter, codes: Codes, scale: float, training: Asked, settings: AdapterTraining
) -> None:
    """Solve the last layer: ridge regression of the named titles' codes on what it is given.

    Arguments as of `warm_start`. What it is given are the features of the last slot, less those of
    the slot before it where there is one (a bias would cancel, and is zero then), summed over
    soft tokens. Of several soft tokens made from one feature each gets the same start. The sums
    stream over the training examples: memory does not grow with them.
    """
    device = next(adapter.parameters()).device
    news = _news(adapter, training, device)
    if settings.task == "preference":
        # the state after the last item is the one that was trained to foretell what comes next
        news = torch.zeros_like(news).index_fill(0, torch.tensor(len(news) - 1, device=device), 1)
    if not news.any():
        logger.warning("closed form: nothing is new in what is shown; the adapter starts at random")
        return
    if adapter.combine is not None:
        adapter.combine.copy_(news)
    catalogue = codes.of(torch.arange(len(codes), device=device))
    ridge = Ridge(adapter.project.in_features, catalogue.shape[1], device)
    for rows in _in_order(len(training)):
        each = _new_in_last(soft_tokens(adapter.features, training.states, rows, device))
        items, share = (part.to(device) for part in _named(training, rows))
        ridge.add(each.sum(1), (catalogue[items] * share[..., None]).sum(1))
    weight, bias, strength = ridge.solve(intercept=training.states.mask.shape[1] == 1)
    blocks = len(adapter.project.bias) // len(bias)
    adapter.project.weight.copy_(weight.repeat(blocks, 1))
    adapter.project.bias.copy_(bias.repeat(blocks) / each.shape[1])
    drawn = np.random.default_rng([settings.seed, 2**31 + 1])
    rows = drawn.integers(len(training), size=AT_A_TIME)
    _scale_to(adapter, _new_in_last(soft_tokens(adapter, training.states, rows, device)), scale)
    logger.info("closed form: ridge of strength %.3g over %d examples", strength, ridge.n)


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
        each = _new_in_last(soft)
        shown = each.sum(1)
        logits = SHARPNESS * nn.functional.normalize(shown, dim=-1, eps=nothing) @ catalogue.T
        told = nn.functional.log_softmax(logits, dim=-1)
        items, share = _named(training, rows)
        loss = -(told.gather(1, items.to(device)) * share.to(device)).sum(1).mean()
        # what the slots hold beside what is to be named is to be small
        assert soft is not None
        loss = loss + LEANNESS * (soft.square().mean() / shown.square().mean())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():  # cosines leave the scale free: take that of the embedding table
        _scale_to(adapter, each, scale)


def _news(adapter: Adapter, asked: Asked, device: torch.device) -> Tensor:
    """Say how much of what the last slot shows is new at each position: (L,), the most being 1.

    The share of its standardised states' length that the slot before does not have. A position
    that both slots agree in only hides what is to be named among much else, and the LLM does not
    find it there: with equal weights it reads 1 %, with these 77 % (demo, SASRec).
    """
    sums = torch.zeros(2, adapter.positions, dtype=torch.float64, device=device)
    for rows in _in_order(len(asked)):
        states = soft_tokens(adapter.standard, asked.states, rows, device)
        assert states is not None
        sums += torch.stack([_new_in_last(states), states[:, -1]]).square().sum((1, 3))
    share = (sums[0] / sums[1].clamp_min(1e-30)).sqrt()
    return share / share.max().clamp_min(1e-30)


def _in_order(n: int) -> Iterator[np.ndarray]:
    return (np.arange(first, min(first + AT_A_TIME, n)) for first in range(0, n, AT_A_TIME))


def _new_in_last(soft: Tensor | None) -> Tensor:
    """Return what the last slot holds (B, K, H), less what the slot before it does if there is one.

    soft: (B, S, K, H), or features in their place.
    """
    assert soft is not None
    return soft[:, -1] - (soft[:, -2] if soft.shape[1] > 1 else 0.0)


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
