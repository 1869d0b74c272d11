"""Exponential time differencing for v_t = L v + N(v, t) with L linear and known exactly mode by mode."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.numerics.fourier import DivergenceFree

Nonlinear = Callable[[Tensor, float], Tensor]

# Below this modulus φ_k is summed as a power series, above it the recursion loses no more than a few roundings.
SERIES_RADIUS = 1.0
SERIES_TERMS = 20
# A linear part that is a multiple of the projection but for this share is taken for one.
COMMUTES = 1e-13


def phi_functions(z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(φ_0, φ_1, φ_2, φ_3) at complex numbers, elementwise: φ_0 = e^z, φ_k(z) = (φ_{k-1}(z) - 1/(k-1)!) / z.

    The values stay complex: taking real parts is right for diffusive operators only and destroys the order of
    ETDRK4 on dispersive ones.
    """
    small = z.abs() < SERIES_RADIUS
    inner, outer = torch.where(small, z, 0), torch.where(small, SERIES_RADIUS, z)
    values = [torch.exp(z)]
    recursion = torch.exp(outer)
    for k in (1, 2, 3):
        recursion = (recursion - 1 / math.factorial(k - 1)) / outer
        series = torch.zeros_like(z)
        for j in reversed(range(SERIES_TERMS)):
            series = series * inner + 1 / math.factorial(j + k)
        values.append(torch.where(small, series, recursion))
    return values[0], values[1], values[2], values[3]


def matrix_phi_functions(z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(φ_0, …, φ_3) of square matrices `(…, m, m)`.

    They are the first block row of the exponential of [[Z, I, 0, 0], [0, 0, I, 0], [0, 0, 0, I], [0, 0, 0, 0]]
    (R. B. Sidje, ACM Trans. Math. Softw. 24 (1998) 130-156, Theorem 1), which needs no eigenvectors.
    """
    m = z.shape[-1]
    block = torch.zeros(*z.shape[:-2], 4 * m, 4 * m, dtype=z.dtype, device=z.device)
    block[..., :m, :m] = z
    eye = torch.eye(m, dtype=z.dtype, device=z.device)
    for k in range(3):
        block[..., k * m : (k + 1) * m, (k + 1) * m : (k + 2) * m] = eye
    top = torch.linalg.matrix_exp(block)[..., :m, :]
    return top[..., :m], top[..., m : 2 * m], top[..., 2 * m : 3 * m], top[..., 3 * m :]


class Symbol(abc.ABC):
    """The operator L in Fourier space."""

    @abc.abstractmethod
    def phi(self, scale: float) -> list[Tensor]:
        """φ_0 … φ_3 of scale·L."""

    @abc.abstractmethod
    def apply(self, coefficient: Tensor, v: Tensor) -> Tensor:
        """A function of L times modes `(batch, fields, modes…)`."""


@dataclass(frozen=True)
class DiagonalSymbol(Symbol):
    """Fields that L does not couple: `values (fields, modes…)`, or `(batch, fields, modes…)` if L differs."""

    values: Tensor

    def phi(self, scale: float) -> list[Tensor]:
        """φ_0 … φ_3, elementwise."""
        return list(phi_functions(scale * self.values))

    def apply(self, coefficient: Tensor, v: Tensor) -> Tensor:
        """The elementwise product."""
        return coefficient * v


@dataclass(frozen=True)
class MatrixSymbol(Symbol):
    """Fields that L couples: one matrix per mode, `values (fields, fields, modes…)`, or `(…, batch, modes…)`."""

    values: Tensor

    def phi(self, scale: float) -> list[Tensor]:
        """φ_0 … φ_3 of each matrix."""
        matrices = scale * self.values.movedim((0, 1), (-2, -1))
        return [p.movedim((-2, -1), (0, 1)).contiguous() for p in matrix_phi_functions(matrices)]

    def apply(self, coefficient: Tensor, v: Tensor) -> Tensor:
        """The matrix-vector product, mode by mode."""
        return torch.einsum("ij...,j...->i...", coefficient, v.transpose(0, 1)).transpose(0, 1)


def symbol_of(matrix: Tensor) -> Symbol:
    """The symbol of L `(fields, fields, modes…)`, diagonal where L couples no fields."""
    m = len(matrix)
    coupled = any(matrix[i, j].abs().max() > 0 for i in range(m) for j in range(m) if i != j)
    return MatrixSymbol(matrix) if coupled else DiagonalSymbol(torch.stack([matrix[i, i] for i in range(m)]))


def batched_symbol(matrices: Tensor) -> Symbol:
    """The symbol of operators L that differ over a batch, `(batch, fields, fields, modes…)`."""
    symbols = [symbol_of(m) for m in matrices]
    if all(isinstance(s, DiagonalSymbol) for s in symbols):
        return DiagonalSymbol(matrices.diagonal(dim1=1, dim2=2).movedim(-1, 1).contiguous())
    return MatrixSymbol(matrices.movedim(0, 2))


def projected_symbol(matrix: Tensor, project: DivergenceFree) -> Symbol:
    """P L P of L `(fields, fields, modes…)`; a plain multiplier where it is a multiple of P, as for viscosity.

    On fields without divergence P L P is P L, so that its exponential solves v_t = P L v exactly.
    """
    # The matrices of P are real and symmetric: columns are projected like rows.
    projected = project(project(matrix.transpose(0, 1)).transpose(0, 1))
    m, fields = len(matrix), list(project.fields)
    identity = torch.eye(m, dtype=matrix.dtype, device=matrix.device).reshape(m, m, *(1,) * (matrix.ndim - 2))
    onto = project(identity.expand(matrix.shape))
    trace, rank = (torch.stack([a[i, i] for i in fields]).sum(dim=0) for a in (projected, onto))
    diagonal = torch.stack([trace / rank if i in fields else matrix[i, i] for i in range(m)])
    # In a Nyquist mode u_xx and u_xy are not the derivatives of one function; the kept modes tell.
    kept = project.modes.kept
    if (kept * (diagonal * onto - projected)).abs().max() <= COMMUTES * (kept * projected).abs().max():
        return DiagonalSymbol(diagonal)
    return MatrixSymbol(projected)


class Etdrk4Scheme:
    """One step of ETDRK4 for a fixed step size.

    S. M. Cox, P. C. Matthews, J. Comput. Phys. 176 (2002) 430-455, Eqs. (26)-(29), written with φ-functions.

    Args:
        symbol: L mode by mode.
        step: The step size h.
    """

    def __init__(self, symbol: Symbol, step: float) -> None:
        self.step_size = step
        self._apply = symbol.apply
        self._exp, phi_1, phi_2, phi_3 = symbol.phi(step)
        self._exp_half, half_1, *_ = symbol.phi(step / 2)
        self._half = step / 2 * half_1
        self._first = step * (phi_1 - 3 * phi_2 + 4 * phi_3)
        self._middle = 2 * step * (phi_2 - 2 * phi_3)
        self._last = step * (4 * phi_3 - phi_2)

    def advance(self, v: Tensor, t: float, nonlinear: Nonlinear | None) -> Tensor:
        """The modes `(batch, fields, modes…)` at t + h; exact in time if there is no nonlinear part."""
        if nonlinear is None:
            return self._apply(self._exp, v)
        h = self.step_size
        at_start = nonlinear(v, t)
        decayed = self._apply(self._exp_half, v)
        a = decayed + self._apply(self._half, at_start)
        at_a = nonlinear(a, t + h / 2)
        b = decayed + self._apply(self._half, at_a)
        at_b = nonlinear(b, t + h / 2)
        c = self._apply(self._exp_half, a) + self._apply(self._half, 2 * at_b - at_start)
        at_c = nonlinear(c, t + h)
        return (
            self._apply(self._exp, v)
            + self._apply(self._first, at_start)
            + self._apply(self._middle, at_a + at_b)
            + self._apply(self._last, at_c)
        )
