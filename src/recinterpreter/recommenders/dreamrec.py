"""DreamRec: guided diffusion dreams up the next item (Yang et al., arXiv 2310.20453).

Shapes: B examples, N predicted positions of a batch, L positions, D width, T diffusion steps.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from recinterpreter.recommenders import noise
from recinterpreter.recommenders.diffusion import Denoise, add_noise, sample, signal
from recinterpreter.recommenders.sasrec import SASRec
from recinterpreter.recommenders.sequence import (
    SequenceBatch,
    initialise,
    last,
    without_padding,
)
from recinterpreter.settings.recommenders import DenoiserKind, DreamRecRecipe

# How sharp the softmax over cosines is in the cross-entropy.
_SHARPNESS = 16.0


class DreamRec(SASRec):
    """SASRec's plain encoder; its last state conditions the diffusion of the next item's vector.

    Vectors of items have length sqrt(D), unit variance, in the history as in the diffusion, so
    that a dreamt vector, the oracle item, can be appended to a history like an item, and ranking
    by cosine is ranking by dot product. The diffusion's target lets no gradient through: trained
    by their own squared error the items would all become one point.
    """

    left: Tensor

    def __init__(self, n_items: int, positions: int, recipe: DreamRecRecipe, seed: int) -> None:
        width = recipe.embedding_size
        super().__init__(
            n_items, positions, width, recipe.layers, recipe.heads, recipe.dropout, plain=True
        )
        self.recipe, self.seed = recipe, seed
        self.null = nn.Parameter(torch.zeros(width))
        self.denoiser = Denoiser(width, recipe.denoiser)
        initialise(self)
        left = signal(recipe.schedule, recipe.diffusion_steps).float()
        self.register_buffer("left", left, persistent=False)

    def embed(self, item_ids: Tensor) -> Tensor:
        """Look up items (B, L) as vectors of length sqrt(D): (B, L, D); padding is 0."""
        return unit_variance(super().embed(item_ids))

    def freeze_items(self, table: Tensor) -> None:
        """Take the item vectors (n_items + 1, D) of a trained model as they are, for good."""
        if table.shape != self.item_table.weight.shape:
            raise ValueError(
                f"item table {tuple(table.shape)}; wanted {tuple(self.item_table.weight.shape)}"
            )
        self.item_table.weight.requires_grad_(False)
        with torch.no_grad():
            self.item_table.weight.copy_(unit_variance(table))

    def encode(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Let every item attend to itself and the items before it: (B, L, D).

        Items enter at length 1: at unit variance the position vectors would drown beside them.
        """
        return super().encode(embedded / math.sqrt(self.width), mask)

    def loss(self, batch: SequenceBatch) -> Tensor:
        """Mean squared error of the denoised item, and the cross-entropy of what is dreamt.

        At every position that has a target: x_t of a random step t, the state dropped for the
        null vector with probability `unconditional` (DreamRec, algorithm 1).
        """
        wanted = batch.targets > 0
        condition = self.predict(batch)[wanted]
        targets = batch.targets[wanted]
        clean = self.embed(targets).detach()
        n, device = len(targets), clean.device
        step = torch.randint(1, self.recipe.diffusion_steps + 1, (n,), device=device)
        noisy = add_noise(clean, torch.randn_like(clean), self.left[step])
        dropped = torch.rand(n, 1, device=device) < self.recipe.unconditional
        found = self.denoiser(noisy, torch.where(dropped, self.null, condition), step)
        loss = functional.mse_loss(found, clean)
        if self.recipe.cross_entropy > 0:
            loss = loss + self.recipe.cross_entropy * self._surprise(condition, targets, step)
        return loss

    def _surprise(self, condition: Tensor, targets: Tensor, step: Tensor) -> Tensor:
        """Cross-entropy of the targets (N,) under what sampling would predict at a step (N,).

        Ours: in sampling, x_t holds no target but the denoiser's own guess, made with guidance
        out of noise; so that is what it sees here. It ranks all items by cosine.
        """
        guided = self.denoiser.guided(condition, self.null, self.recipe.guidance)
        with torch.no_grad():
            first = guided(torch.randn_like(condition), step.new_tensor([len(self.left) - 1]))
        found = guided(add_noise(first, torch.randn_like(first), self.left[step]), step)
        return functional.cross_entropy(_SHARPNESS * self._cosines(found)[:, 1:], targets - 1)

    def _cosines(self, vectors: Tensor) -> Tensor:
        """Compare vectors (N, D) with every row of the item table: (N, n_items + 1)."""
        items = functional.normalize(self.item_table.weight, dim=1)
        return functional.normalize(vectors, dim=1) @ items.T

    def oracle_items(self, batch: SequenceBatch) -> Tensor:
        """Dream up the item that each history asks for: (B, D), as long as the vector of an item.

        Starts from noise that belongs to the example, whatever else is in the batch. Guidance
        extrapolates, so what it ends with is too long to be read like an item; ranking by cosine
        does not care.
        """
        condition = last(self.predict(batch), batch.lengths)
        dreamt = sample(
            self.denoiser.guided(condition, self.null, self.recipe.guidance),
            lambda draw: noise.normal(self.seed, batch.example_ids, draw, self.width),
            self.left,
            self.recipe.sampling_steps,
            self.recipe.sampling_noise,
        )
        return unit_variance(dreamt)

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Score every item by its cosine to the oracle item: (B, n_items + 1), padding -inf."""
        return without_padding(self._cosines(self.oracle_items(batch)))


class Denoiser(nn.Module):
    """Predict x0 from x_t, the condition and the step: linear layers on the three together.

    mlp1 is one linear layer, mlp2 two. The first is held in three parts, so that in sampling
    those of the condition and of the step are computed once.
    """

    def __init__(self, width: int, kind: DenoiserKind) -> None:
        super().__init__()
        hidden = width if kind == "mlp1" else 2 * width
        self.width = width
        self.of_noisy = nn.Linear(width, hidden, bias=False)
        self.of_condition = nn.Linear(width, hidden, bias=False)
        self.of_step = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, hidden)
        )
        self.activation = nn.GELU() if kind == "mlp2" else nn.Identity()
        self.out = nn.Linear(hidden, width) if kind == "mlp2" else nn.Identity()

    def forward(self, noisy: Tensor, condition: Tensor, step: Tensor) -> Tensor:
        """Map noisy (B, D), condition (B, D) and step (B,) to x0 (B, D)."""
        hidden = self.of_noisy(noisy) + self.of_condition(condition) + self.read_step(step)
        found: Tensor = self.out(self.activation(hidden))
        return found

    def read_step(self, step: Tensor) -> Tensor:
        """Read sines of the step (B,), as a transformer's positions: (B, hidden)."""
        half = self.width // 2
        pace = torch.exp(torch.arange(half, device=step.device) * (-math.log(1e4) / half))
        angle = step[:, None] * pace
        sines = functional.pad(torch.cat([angle.sin(), angle.cos()], 1), (0, self.width % 2))
        read: Tensor = self.of_step(sines)
        return read

    def guided(self, condition: Tensor, null: Tensor, guidance: float) -> Denoise:
        """Return f(x, t) = (1 + w) f(x, condition, t) - w f(x, null, t), as one pass each.

        What follows the activation is linear, so the two are mixed before it is applied.
        """
        with_condition, without = self.of_condition(condition), self.of_condition(null)

        def denoise(noisy: Tensor, step: Tensor) -> Tensor:
            shared = self.of_noisy(noisy) + self.read_step(step)
            if isinstance(self.activation, nn.Identity):
                found: Tensor = shared + mixed
            else:
                there = (1 + guidance) * self.activation(shared + with_condition)
                found = self.out(there - guidance * self.activation(shared + without))
            return found

        mixed = (1 + guidance) * with_condition - guidance * without
        return denoise


def unit_variance(vectors: Tensor) -> Tensor:
    """Scale vectors (..., D) to length sqrt(D); one of zeros stays."""
    return functional.normalize(vectors, dim=-1) * math.sqrt(vectors.shape[-1])
