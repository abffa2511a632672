"""Guided diffusion of a vector: schedules of noise and one sampler for all of them.

The denoiser predicts the clean vector x0 (DreamRec, arXiv 2310.20453, section 3; Ho et al.,
arXiv 2006.11239; Song et al., arXiv 2010.02502; guidance: Ho and Salimans, arXiv 2207.12598).
Shapes: B examples, D width, T steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from recinterpreter.settings.recommenders import ScheduleName

# (noisy (B, D), step 1..T as (B,) or (1,)) -> what the clean vector is taken to be (B, D)
Denoise = Callable[[Tensor, Tensor], Tensor]
# number of the draw, 0, 1, ... -> standard normal noise (B, D)
Noise = Callable[[int], Tensor]


def signal(schedule: ScheduleName, steps: int) -> Tensor:
    """Return how much of x0's variance is left after 0, 1, ..., T steps: (T + 1), from 1 down.

    The product of 1 - beta up to each step. linear: beta from 1e-4 to 0.02; cosine: Nichol and
    Dhariwal, arXiv 2102.09672, eq. 17; exp: the variance-preserving beta of Song et al., arXiv
    2011.13456, from 0.1 to 10; sqrt: Li et al., arXiv 2205.14217, appendix A.
    """
    place = torch.arange(steps + 1, dtype=torch.float64) / steps
    if schedule == "linear":
        beta = torch.linspace(1e-4, 0.02, steps, dtype=torch.float64)
    elif schedule == "exp":
        middle = (place[1:] + place[:-1]) / 2
        beta = 1 - torch.exp(-(0.1 + middle * (10 - 0.1)) / steps)
    else:
        left = (
            torch.cos((place + 0.008) / 1.008 * math.pi / 2) ** 2
            if schedule == "cosine"
            else 1 - torch.sqrt(place + 1e-4)
        )
        beta = (1 - left[1:] / left[:-1]).clamp(max=0.999)
    return torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)])


def add_noise(clean: Tensor, noise: Tensor, left: Tensor) -> Tensor:
    """Return q(x_t | x_0) of clean (B, D) where `left` (B,) of its variance is left."""
    left = left[:, None]
    return left.sqrt() * clean + (1 - left).sqrt() * noise


def sample(
    denoise: Denoise, noise: Noise, left: Tensor, steps: int, stochasticity: float
) -> Tensor:
    """Turn pure noise into clean vectors (B, D) in so many of the T steps.

    left: (T + 1) of `signal`. stochasticity 0 is DDIM, 1 adds as much noise at every step as was
    taken away; with all T steps that is ancestral sampling (DDIM, eq. 12 and 16). The last step's
    prediction of x0 is returned.
    """
    total = len(left) - 1
    if not 1 <= steps <= total:
        raise ValueError(f"{steps} steps of a schedule of {total}; wanted 1 to {total}")
    # from T down to 0, whole steps, as even as they can be
    places = [round(total * (steps - k) / steps) for k in range(steps + 1)]
    x = noise(0)
    for draw, (now, then) in enumerate(pairwise(places), 1):
        clean = denoise(x, torch.tensor([now], device=x.device))
        if then == 0:
            return clean
        here, there = float(left[now]), float(left[then])
        fresh = stochasticity**2 * (1 - there) / (1 - here) * (1 - here / there)
        # the noise in x, as far as it stays: x = sqrt(here) clean + sqrt(1 - here) noise
        kept = math.sqrt((1 - there - fresh) / (1 - here))
        x = (math.sqrt(there) - kept * math.sqrt(here)) * clean + kept * x
        if fresh > 0:
            x = x + math.sqrt(fresh) * noise(draw)
    raise AssertionError("the last place is 0")
