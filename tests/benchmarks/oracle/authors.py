"""DreamRec as the paper's authors released it, written anew from the paper and from what it does.

What is theirs here, for good or ill: the diffusion's target is the item table under training, so
that its squared error can be made small by making all items alike; linear schedule; one linear
layer on the concatenated [x, h, t], where t is read anew for every row; a dropped condition in a
tenth of the rows; every step of sampling runs the whole denoiser twice, conditional and not;
ranking by dot product. What was a mistake of programming only (dropout while sampling, a null
vector of fixed width, a lost last batch, a ranked padding row) is not repeated: the quality shall
be that of the method.
Shapes: B examples, D width, T steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recinterpreter.recommenders.diffusion import add_noise, signal
from recinterpreter.recommenders.sasrec import SASRec
from recinterpreter.recommenders.sequence import SequenceBatch, last, without_padding
from recinterpreter.recommenders.windows import Windows

WIDTH, STEPS, EPOCHS = 64, 500, 8
GUIDANCE, UNCONDITIONAL = 2.0, 0.1
BATCH, LEARNING_RATE, DROPOUT = 256, 1e-3, 0.1


class Concatenated(nn.Module):
    """A denoiser of [x, h, t]; `rest` is what follows its first linear layer."""

    def __init__(self, first: nn.Linear, of_sines: nn.Module, rest: nn.Module) -> None:
        super().__init__()
        self.first, self.of_sines, self.rest = first, of_sines, rest

    def forward(self, noisy: Tensor, condition: Tensor, step: Tensor) -> Tensor:
        """Map noisy (B, D), condition (B, D) and step (B,) to x0 (B, D)."""
        width = noisy.shape[1]
        time = self.of_sines(sines(step, width))
        return self.rest(self.first(torch.cat([noisy, condition, time], 1)))


def sines(step: Tensor, width: int) -> Tensor:
    """Write steps (B,) as a transformer writes positions: (B, D)."""
    half = width // 2
    pace = torch.exp(torch.arange(half) * (-math.log(1e4) / half))
    angle = step[:, None] * pace
    return functional.pad(torch.cat([angle.sin(), angle.cos()], 1), (0, width % 2))


def ancestral(
    denoise: Callable[[Tensor, Tensor, Tensor], Tensor],
    condition: Tensor,
    null: Tensor,
    left: Tensor,
    guidance: float,
) -> Tensor:
    """Sample x0 (B, D): T steps of the posterior of Ho et al., eq. 7, two passes each.

    left: (T + 1) of `signal`.
    """
    x = torch.randn_like(condition)
    absent = null.expand_as(condition)
    for now in range(len(left) - 1, 0, -1):
        step = torch.full((len(x),), now)
        with_condition = denoise(x, condition, step)
        clean = (1 + guidance) * with_condition - guidance * denoise(x, absent, step)
        here, there = float(left[now]), float(left[now - 1])
        beta = 1 - here / there
        of_clean = math.sqrt(there) * beta / (1 - here)
        of_noisy = math.sqrt(1 - beta) * (1 - there) / (1 - here)
        x = of_clean * clean + of_noisy * x
        if now > 1:
            x = x + math.sqrt(beta * (1 - there) / (1 - here)) * torch.randn_like(x)
    return x


class AsReleased(nn.Module):
    """Encoder, item table and denoiser under one squared error; a `Scorer` by dot product."""

    def __init__(self, n_items: int, positions: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.n_items = n_items
        self.encoder = SASRec(n_items, positions, WIDTH, layers=1, heads=1, dropout=DROPOUT)
        nn.init.normal_(self.encoder.item_table.weight, std=1)
        self.null = nn.Parameter(torch.zeros(WIDTH))
        of_sines = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )
        self.denoiser = Concatenated(nn.Linear(3 * WIDTH, WIDTH), of_sines, nn.Identity())
        self.left = signal("linear", STEPS).float()

    def train_on(self, windows: Windows, epochs: int) -> float:
        """Train on every window once an epoch; return the mean loss of the last."""
        optimizer = torch.optim.Adam(self.parameters(), lr=LEARNING_RATE, fused=True)
        random = np.random.default_rng(0)
        losses = []
        self.train()
        for _ in range(epochs):
            losses = []
            for rows in np.split(
                random.permutation(len(windows)), range(BATCH, len(windows), BATCH)
            ):
                loss = self._loss(windows.take(rows).batch(torch.device("cpu")))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        self.eval()
        return fmean(losses)

    def _loss(self, batch: SequenceBatch) -> Tensor:
        clean = self.encoder.item_table(last(batch.targets[..., None], batch.lengths)[:, 0])
        step = torch.randint(1, STEPS + 1, (len(clean),))
        noisy = add_noise(clean, torch.randn_like(clean), self.left[step])
        dropped = torch.rand(len(clean), 1) < UNCONDITIONAL
        condition = torch.where(dropped, self.null, self._condition(batch))
        return functional.mse_loss(self.denoiser(noisy, condition, step), clean)

    def _condition(self, batch: SequenceBatch) -> Tensor:
        return last(self.encoder.states(batch.item_ids, batch.lengths), batch.lengths)

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Score every item by its dot product with the oracle item: (B, n_items + 1)."""
        dreamt = ancestral(self.denoiser, self._condition(batch), self.null, self.left, GUIDANCE)
        return without_padding(dreamt @ self.encoder.item_table.weight.T)

    def spread(self) -> float:
        """Mean length of the item vectors."""
        return float(self.encoder.item_table.weight.detach()[1:].norm(dim=1).mean())
