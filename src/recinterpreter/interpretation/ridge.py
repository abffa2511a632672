"""Ridge regression in one pass over the data, its strength chosen from the same sums.

Shapes: N examples, F features, H targets.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Tried for the strength: shares of the mean eigenvalue of the features' products.
STRENGTHS = tuple(10.0**exponent for exponent in range(-8, 3))


class Ridge:
    """The sums from which targets are regressed on features; they do not grow with N."""

    def __init__(self, features: int, targets: int, device: torch.device) -> None:
        """Start with no example; sums are kept in double precision."""
        self.n = 0
        self._features, self._targets = features, targets
        # of (features, targets, 1) by the same, so that products and sums come together
        size = features + targets + 1
        self._sums = torch.zeros(size, size, dtype=torch.float64, device=device)

    def add(self, features: Tensor, targets: Tensor) -> None:
        """Take in examples: features (N, F), targets (N, H)."""
        row = torch.cat([features, targets, torch.ones_like(features[:, :1])], dim=1).double()
        self._sums += row.T @ row
        self.n += len(row)

    def solve(self, intercept: bool) -> tuple[Tensor, Tensor, float]:
        """Return (weight (H, F), bias (H,), strength): targets ~ features @ weight.T + bias.

        strength, which multiplies the squared weights beside the summed squared errors, is the one
        of least generalised cross-validation error (Golub, Heath and Wahba 1979). Without an
        intercept, which is never penalised, the bias is zero.
        """
        f, mean = self._features, self._sums[-1, :-1] / self.n
        if not intercept:
            mean = torch.zeros_like(mean)
        products = self._sums[:-1, :-1] - self.n * torch.outer(mean, mean)
        eigenvalues, directions = torch.linalg.eigh(products[:f, :f])
        eigenvalues = eigenvalues.clamp_min(0)
        told = directions.T @ products[:f, f:]
        energy, total = told.square().sum(1), products[f:, f:].diagonal().sum()

        def error(strength: float) -> float:
            """Mean squared error over the square of the share of freedom that is left."""
            shrunk = 1 / (eigenvalues + strength)
            squares = total - ((2 - eigenvalues * shrunk) * shrunk * energy).sum()
            freedom = self.n - (eigenvalues * shrunk).sum() - int(intercept)
            return float(squares / self.n / (freedom / self.n).square())

        unit = max(float(eigenvalues.mean()), 1e-30)
        strength = min((unit * share for share in STRENGTHS), key=error)
        weight = (directions @ (told / (eigenvalues + strength)[:, None])).T
        return weight, mean[f:] - weight @ mean[:f], strength
