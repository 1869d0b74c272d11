"""Functions drawn from a Gaussian process, as sums of waves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.numerics.derivative_gram import Functionals, ProductKernel
from pinnlab.numerics.kernels import Kernel
from pinnlab.numerics.line_spectrum import LineSpectrum

# Waves in a drawn function.
WAVES = 1000
# Nodes of the quadrature that inverts a distribution of frequencies.
NODES = 200_001


@dataclass(frozen=True, eq=False)
class PriorDraws:
    """Functions f(x) = sqrt(2 / m) amplitude sum_j cos(omega_j x + phase_j), drawn with their frequencies.

    Averaged over the draws their covariance is the kernel's, whatever the number m of waves (A. Rahimi, B. Recht,
    Random Features for Large-Scale Kernel Machines, NIPS 2007, Algorithm 1).

    Attributes:
        frequencies: `(unknowns, count, m, dim)`.
        phases: `(unknowns, count, m)`.
        amplitudes: One per unknown, times sqrt(2 / m).
    """

    frequencies: Tensor
    phases: Tensor
    amplitudes: tuple[float, ...]

    @classmethod
    def of(cls, kernel: ProductKernel, count: int, generator: torch.Generator, device: torch.device) -> PriorDraws:
        """Draw; of each kernel the frequencies of one function are one from each of m equally likely ranges."""
        zero = torch.zeros(1, dtype=torch.float64)
        size = math.sqrt(math.prod(float(k.covariance(zero)) for k in kernel.kernels) * 2 / WAVES)
        draws, phases = [], []
        for _ in kernel.amplitudes:
            draws.append(torch.stack([_drawn(k, count, generator) for k in kernel.kernels], dim=2))
            phases.append(2 * math.pi * torch.rand(count, WAVES, generator=generator, dtype=torch.float64))
        amplitudes = tuple(a * size for a in kernel.amplitudes)
        return cls(torch.stack(draws).to(device), torch.stack(phases).to(device), amplitudes)

    def measured(self, functionals: Functionals) -> Tensor:
        """The functionals of all functions, `(n, count)`."""
        out = []
        for s in range(self.phases.shape[1]):
            total = torch.zeros_like(functionals.points[:, 0])
            for term in functionals.terms:
                found = self._jet(functionals.points, term.unknown, s, term.orders)
                total += self.amplitudes[term.unknown] * term.coefficient * found
            out.append(total)
        return torch.stack(out, dim=1)

    def _jet(self, points: Tensor, unknown: int, s: int, orders: Sequence[int]) -> Tensor:
        """A derivative of one function, without its amplitude."""
        omega = self.frequencies[unknown, s]
        powers = math.prod((omega[:, c] ** m for c, m in enumerate(orders)), start=torch.ones_like(omega[:, 0]))
        angles = points @ omega.T + self.phases[unknown, s] + sum(orders) * math.pi / 2
        return torch.cos(angles) @ powers


def _drawn(kernel: Kernel, count: int, generator: torch.Generator) -> Tensor:
    """Angular frequencies of either sign with the distribution of a kernel's spectrum, `(count, WAVES)`."""
    order = torch.stack([torch.randperm(WAVES, generator=generator) for _ in range(count)])
    levels = (order + torch.rand(count, WAVES, generator=generator, dtype=torch.float64)) / WAVES
    signs = 2.0 * torch.randint(0, 2, (count, WAVES), generator=generator) - 1
    nodes, shares = _distribution(kernel)
    levels = levels * shares[-1]
    index = torch.searchsorted(shares, levels).clamp(1, len(shares) - 1)
    if isinstance(kernel, LineSpectrum):
        return signs * nodes[index]
    below, above = shares[index - 1], shares[index]
    part = ((levels - below) / (above - below)).clamp(0, 1)
    return signs * (nodes[index - 1] + part * (nodes[index] - nodes[index - 1]))


def _distribution(kernel: Kernel) -> tuple[Tensor, Tensor]:
    """Frequencies, and the share of the variance up to each."""
    if isinstance(kernel, LineSpectrum):
        zero = torch.zeros(1, dtype=torch.float64)
        nodes = torch.cat([zero, kernel.frequencies.to(zero)])
        return nodes, torch.cat([zero, kernel.variances.to(zero).cumsum(0)])
    bend = -float(kernel.covariance(torch.zeros(1, dtype=torch.float64), 2))
    angles = torch.linspace(0, math.pi / 2, NODES, dtype=torch.float64)[:-1]
    nodes = math.sqrt(bend) * torch.tan(angles)
    shares = torch.cumulative_trapezoid(kernel.density(nodes), nodes)
    return nodes, torch.cat([shares.new_zeros(1), shares])
