"""Weights with a Gaussian distribution, and what linear measurements with noise say about them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class GaussianWeights:
    """Random weights w = mean + factor z, where z (k,) is standard normal.

    Attributes:
        mean: (M,).
        factor: (M, k); the covariance of w is factor factor'.
    """

    mean: Tensor
    factor: Tensor

    @classmethod
    def prior(cls, scales: Tensor) -> GaussianWeights:
        """Independent weights of mean zero with standard deviations `scales (M,)`."""
        return cls(torch.zeros_like(scales), torch.diag(scales))

    def given(self, rows: Tensor, values: Tensor, noise: Tensor) -> Conditioned:
        """The weights given that rows w = values + noise e, with e standard normal.

        One QR factorisation of [rows factor / noise; 1], never of a Gram matrix, so that the digits of the answer are
        not halved (C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning, MIT Press 2006,
        equation 2.11 for the posterior and 2.30 for the evidence, here in the space of weights).

        Args:
            rows: (n, M).
            values: (n,).
            noise: Standard deviations (n,), positive.
        """
        spread, off = (rows @ self.factor) / noise[:, None], (values - rows @ self.mean) / noise
        # Few measurements tell nothing of all directions but their own.
        basis = torch.linalg.qr(spread.T).Q if len(rows) < spread.shape[1] else None
        scaled = torch.column_stack([spread if basis is None else spread @ basis, off])
        # Householder reflections lose small rows above large ones.
        order = torch.argsort(scaled.abs().amax(dim=1), descending=True)
        k = scaled.shape[1] - 1
        identity = torch.eye(k, k + 1, dtype=rows.dtype, device=rows.device)
        r = torch.linalg.qr(torch.cat([scaled[order], identity]), mode="r").R
        triangle, right = r[:k, :k], r[:k, k]
        told = self.factor if basis is None else self.factor @ basis
        mean = torch.linalg.solve_triangular(triangle, right[:, None], upper=True)[:, 0]
        factor = torch.linalg.solve_triangular(triangle, told, upper=True, left=False)
        if basis is not None:
            factor = self.factor + (factor - told) @ basis.T
        misfit = r[k, k].square() if len(r) > k else r.new_zeros(())
        determinant = triangle.diagonal().abs().log().sum() + noise.log().sum()
        evidence = -misfit / 2 - determinant - len(values) / 2 * math.log(2 * math.pi)
        return Conditioned(
            GaussianWeights(self.mean + told @ mean, factor),
            float(evidence),
            float(misfit),
        )

    def covariance(self, rows: Tensor) -> Tensor:
        """The covariance of rows w, `(n, n)` for rows `(n, M)`."""
        spread = rows @ self.factor
        return spread @ spread.T

    def deviation(self, rows: Tensor) -> Tensor:
        """The standard deviation of each of rows w, `(n,)` for rows `(n, M)`."""
        return torch.linalg.vector_norm(rows @ self.factor, dim=1)

    def samples(self, count: int, generator: torch.Generator) -> Tensor:
        """Draws `(count, M)`; the generator is one of the processor, so that devices agree."""
        z = torch.randn(count, self.factor.shape[1], generator=generator, dtype=torch.float64)
        return self.mean + z.to(self.factor) @ self.factor.T


@dataclass(frozen=True, eq=False)
class Conditioned:
    """The outcome of measurements.

    Attributes:
        weights: Their distribution given the measurements.
        log_evidence: The logarithm of the density of the measured values under the distribution before.
        misfit: y' G^-1 y for the values y, less their mean before, and their covariance G before.
    """

    weights: GaussianWeights
    log_evidence: float
    misfit: float
