"""Learned corrections of spectral coefficients, and the refinement that makes them until nothing is gained."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.networks.factorized_spectral import FactorizedSpectral, FourierLine, Line, PolynomialLine
from pinnlab.numerics.modal_axis import LegendreModes, TrigonometricModes
from pinnlab.operators.spectral_system import Prepared, SpectralSystem, along

# Residuals below this share of the answer are taken for rounding, which no correction lowers.
ROUNDING = 1e-12
# Nodes of the network per function that its layers change.
NODES_PER_MODE = 1.5


@dataclass(frozen=True, eq=False)
class LayerGrid:
    """The coarser grid on which the network works, which has to be right to a few digits only.

    Attributes:
        lines: What its layers change along each axis.
        to_layer: From values at the nodes of the system, one matrix `(1, m, n)` per axis.
        to_coefficients: From values on this grid to those of the system's functions, `(unknowns or 1, free, m)`.
    """

    lines: tuple[Line, ...]
    to_layer: tuple[Tensor, ...]
    to_coefficients: tuple[Tensor, ...]

    @classmethod
    def of(cls, system: SpectralSystem, modes: int) -> LayerGrid:
        """The grid for so many polynomials, or frequencies from 0 on, per axis."""
        lines: list[Line] = []
        down, up = [], []
        for i, axis in enumerate(system.axes):
            if isinstance(axis, TrigonometricModes):
                m = min(modes, (axis.count + 1) // 2)
                coarse: TrigonometricModes | LegendreModes = TrigonometricModes(
                    axis.lower, axis.upper, 2 * m - 1, NODES_PER_MODE
                )
                lines.append(FourierLine(len(coarse.nodes), m))
            else:
                m, root = min(modes, axis.count), math.sqrt(axis.upper - axis.lower)
                coarse = LegendreModes(axis.lower, axis.upper, m, NODES_PER_MODE)
                lines.append(PolynomialLine(coarse.projection() / root, coarse.functions(coarse.nodes) * root))
            down.append(system.tensor(axis.interpolation(coarse.nodes))[None])
            up.append(system.projections[i] @ system.tensor(coarse.interpolation(system.nodes[i])))
        return cls(tuple(lines), tuple(down), tuple(up))

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes per axis."""
        return tuple(m.shape[1] for m in self.to_layer)


@dataclass(frozen=True, eq=False)
class Corrector:
    """z ← z - ρ - |ρ| w with w from a network of ρ / |ρ|, u, the inputs and coordinates; ρ the preconditioned residual.

    Attributes:
        system: The equations.
        grid: Of the network.
        network: Its weights in any real type.
        scales: Of the unknowns `(1, unknowns, 1, …)`.
        slopes: Mean and standard deviation of each input function.
        numbers: And of each input number.
    """

    system: SpectralSystem
    grid: LayerGrid
    network: FactorizedSpectral
    scales: Tensor
    slopes: tuple[tuple[float, float], ...]
    numbers: tuple[tuple[float, float], ...]

    def __call__(self, given: Prepared, z: Tensor, rho: Tensor) -> Tensor:
        """Corrected coefficients `(batch, unknowns, free…)`."""
        size = norm(rho).clamp_min(1e-300).reshape(-1, *(1,) * (rho.ndim - 1))
        channels = self._channels(given, z, rho, size).to(next(self.network.parameters()).dtype)
        w = self.network(channels).to(torch.float64)
        for axis, matrix in enumerate(self.grid.to_coefficients):
            w = along(w, matrix, axis)
        return z - rho - size * w

    def _channels(self, given: Prepared, z: Tensor, rho: Tensor, size: Tensor) -> Tensor:
        system, shape = self.system, (len(z), 1, *self.system.grid)
        at, u = system.to_nodes(rho), given.value + system.to_nodes(z)
        columns = [at / size * math.sqrt(system.volume), at / self.scales, u / self.scales]
        for (mean, spread), values in zip(self.slopes, given.slopes, strict=True):
            columns.append(((values - mean) / spread)[:, None].expand(shape))
        for (mean, spread), values in zip(self.numbers, given.members.numbers.values(), strict=True):
            columns.append(((values - mean) / spread).reshape(-1, *(1,) * (len(shape) - 1)).expand(shape))
        columns += [c.expand(shape) for c in system.unit_coordinates]
        out = torch.cat(columns, dim=1)
        for axis, matrix in enumerate(self.grid.to_layer):
            out = along(out, matrix, axis)
        return out


def corrector(
    system: SpectralSystem, given: Prepared, width: int, depth: int, modes: int, generator: torch.Generator
) -> Corrector:
    """A fresh corrector, its channels scaled by some members at their first correction without it."""
    channels = 3 * system.unknowns + len(system.form.slopes) + len(system.form.numbers) + len(system.unit_coordinates)
    grid = LayerGrid.of(system, modes)
    network = FactorizedSpectral(channels, system.unknowns, grid.lines, width, depth, generator).to(system.device)
    u = given.value + system.to_nodes(-system.residual(given, system.zero(len(given.value))))
    scales = u.square().mean(dim=(0, *range(2, u.ndim)), keepdim=True).sqrt().clamp_min(1e-300)
    slopes = tuple(_mean_and_spread(s) for s in given.slopes)
    numbers = tuple(_mean_and_spread(n) for n in given.members.numbers.values())
    return Corrector(system, grid, network, scales, slopes, numbers)


@dataclass(frozen=True, eq=False)
class Refined:
    """Coefficients after some corrections.

    Attributes:
        coefficients: `(batch, unknowns, free…)`.
        residuals: The preconditioned residual over the norm of the answer `(batch,)`.
        corrections: How many were made `(batch,)`.
    """

    coefficients: Tensor
    residuals: Tensor
    corrections: Tensor


@torch.no_grad()
def refined(correct: Corrector, given: Prepared, most: int) -> Refined:
    """At most so many corrections; none that would raise the residual of a member, nor below rounding."""
    system = correct.system
    z = system.zero(len(given.value))
    rho = system.residual(given, z)
    made = torch.zeros(len(z), dtype=torch.int64, device=z.device)
    for _ in range(most):
        new = correct(given, z, rho)
        left = system.residual(given, new)
        better = (norm(left) < norm(rho)) & (norm(rho) > ROUNDING * size_of(system, given, z))
        if not bool(better.any()):
            break
        made += better
        z, rho = chosen(better, new, z), chosen(better, left, rho)
    return Refined(z, norm(rho) / size_of(system, given, z), made)


def norm(coefficients: Tensor) -> Tensor:
    """The L2 norm over all unknowns, by Parseval, `(batch,)`."""
    return torch.linalg.vector_norm(coefficients.flatten(1), dim=1)


def size_of(system: SpectralSystem, given: Prepared, z: Tensor) -> Tensor:
    """The L2 norm of the answer `(batch,)`."""
    u = given.value + system.to_nodes(z)
    return (u.square() * system.quadrature).flatten(1).sum(dim=1).sqrt().clamp_min(1e-300)


def chosen(which: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """For each member one of two arrays."""
    return torch.where(which.reshape(-1, *(1,) * (one.ndim - 1)), one, other)


def _mean_and_spread(values: Tensor) -> tuple[float, float]:
    spread = float(values.std(correction=0))
    return float(values.mean()), spread if spread > 0 else 1.0
