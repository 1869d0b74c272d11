"""Diffusion of averages over cells: fluxes of first derivatives, and their matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp
from scipy.sparse import coo_array, csr_array

from pinnlab.discretization.cells import Cells, as_column, stacked
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.evaluate import Program
from pinnlab.forms.hyperbolic import Hyperbolic

# Gauss-Legendre nodes and weights on [0, 1], exact for polynomials of degree 5.
_GAUSS = (0.5 - np.sqrt(0.15), 0.5, 0.5 + np.sqrt(0.15))
_SHARES = (5 / 18, 8 / 18, 5 / 18)


@dataclass(frozen=True, eq=False)
class CellDiffusion:
    """The rate of averages by u_t + div g(u, ∇u) = 0, by central differences of second order.

    States are `(unknowns, n_1, …)`.  Through sides that prescribe the flux goes what is prescribed, less what transport
    takes through them.
    """

    cells: Cells
    law: Hyperbolic

    def rate(self, t: float, u: np.ndarray, leaving: tuple[np.ndarray, ...] | None = None) -> np.ndarray:
        """d/dt of the averages; `leaving` is, for each axis, the flux of transport through both sides."""
        out = np.zeros_like(u)
        for axis, h in enumerate(self.cells.widths):
            flux = self._diffusive(t, u, axis, None if leaving is None else leaving[axis])
            out -= np.moveaxis(np.diff(flux, axis=-1), -1, axis + 1) / h
        return out

    def lowest(self, t: float, u: np.ndarray, axis: int) -> np.ndarray:
        """The least real part of an eigenvalue of -∂g/∂(∂u) along an axis, in each cell `(n_1, …)`.

        It is zero where it is so but for rounding.  Where it is negative, short waves grow without bound.
        """
        matrices = np.moveaxis(-self._diffusivity(t, u, axis), (0, 1), (-2, -1))
        scale = np.abs(matrices).max(initial=0.0)
        sound = np.isfinite(matrices).all(axis=(-2, -1))
        roots = np.linalg.eigvals(np.where(sound[..., None, None], matrices, 0.0)).real.min(axis=-1)
        roots = np.where(np.abs(roots) > 1e-12 * scale, roots, 0.0)
        return np.moveaxis(np.minimum(roots[..., 1:], roots[..., :-1]), -1, axis)

    def require_known_slopes(self) -> None:
        """Refuse fluxes that hold a slope which a prescribed flux leaves unknown.

        Raises:
            UnsupportedProblem: If a flux through a side holds the slope of another unknown whose own flux is prescribed
                there, or a slope along a side of an unknown whose flux is prescribed at one.
        """
        problem, count = self.cells.problem, len(self.law.states)
        ends = [[side for side, *_ in self.cells.ends(axis)] for axis in range(len(self.cells.shape))]
        for axis, flux in enumerate(self.law.diffusion):
            for along in range(len(self.cells.shape)):
                sides = ends[axis] if along == axis else [s for both in ends for s in both]
                for j, slope in enumerate(self.law.gradients[along * count : (along + 1) * count]):
                    rows = [g for i, g in enumerate(flux) if g.has(slope) and (along != axis or i != j)]
                    if rows and any(side.crossing[j] for side in sides):
                        name = problem.names[j]
                        raise UnsupportedProblem(
                            f"FiniteVolume on {problem.name!r}: the flux {rows[0]} along {problem.space[axis]} holds "
                            f"the derivative of {name} by {problem.space[along]}, which flux({name}, …) on a side does "
                            f"not tell; prescribe the values or the normal derivative of {name} instead"
                        )

    def limit(self, t: float, u: np.ndarray) -> np.ndarray:
        """Σ 2 |∂g/∂(∂u)| / h² over the axes, the largest of all faces `()`: 1 / the longest stable Euler step."""
        total = np.zeros(())
        for axis, h in enumerate(self.cells.widths):
            matrix = np.abs(self._diffusivity(t, u, axis)).sum(axis=1).max(axis=0)
            total = total + 2 * matrix.max() / h**2
        return total

    def matrix(self, t: float, u: np.ndarray) -> csr_array:
        """∂(rate of diffusion)/∂u with frozen diffusivities, over averages in the order (unknown, cell)."""
        size = int(np.prod(self.cells.shape))
        numbers = np.arange(size).reshape(self.cells.shape)
        parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for axis, h in enumerate(self.cells.widths):
            strength = -self._diffusivity(t, u, axis) / h**2
            cells = np.moveaxis(numbers, axis, -1)
            for i, j in zip(*np.nonzero(np.abs(strength).max(axis=tuple(range(2, strength.ndim)))), strict=True):
                parts += _coupling(strength[i, j], cells, self._ends(axis, int(j)), (int(i) * size, int(j) * size))
        if not parts:
            return csr_array((len(u) * size, len(u) * size))
        values, rows, columns = (np.concatenate(p) for p in zip(*parts, strict=True))
        return coo_array((values, (rows, columns)), shape=(len(u) * size,) * 2).tocsr()

    def _diffusive(self, t: float, u: np.ndarray, axis: int, leaving: np.ndarray | None) -> np.ndarray:
        """The flux g at the faces `(unknowns, [n_other,] n + 1)`.

        It is the mean over states between the two averages, so that (A(u))_x becomes the difference of A.
        """
        flux: np.ndarray = np.zeros(1)
        for share, arguments in self._between(t, u, axis):
            flux = flux + share * stacked(self._fluxes[axis](*arguments), arguments[-1].shape)
        for side, place, outward in self.cells.ends(axis):
            if side.crossing.any():
                rest = outward * side.data(t) / as_column(self._mass, flux.ndim - 1)
                rest = rest if leaving is None else rest - leaving[place]
                rest = np.where(as_column(np.array(self.law.diffuses(axis)), rest.ndim), rest, 0.0)
                flux[..., place] = np.where(as_column(side.crossing, rest.ndim), rest, flux[..., place])
        return flux

    def _diffusivity(self, t: float, u: np.ndarray, axis: int) -> np.ndarray:
        """∂g/∂u_x at the faces `(unknowns, unknowns, [n_other,] n + 1)`; zero where the flux is prescribed."""
        matrix: np.ndarray = np.zeros(1)
        for share, arguments in self._between(t, u, axis):
            matrix = matrix + share * stacked(self._slopes[axis](*arguments), arguments[-1].shape)
        matrix = matrix.reshape(len(u), len(u), *matrix.shape[1:])
        for side, place, _ in self.cells.ends(axis):
            if side.crossing.any():
                matrix[..., place] = np.where(as_column(side.crossing, matrix.ndim - 1), 0.0, matrix[..., place])
        return matrix

    def _between(self, t: float, u: np.ndarray, axis: int) -> list[tuple[float, list[np.ndarray]]]:
        """Weights and arguments of the programs at states between the averages on both sides of each face."""
        padded = self.cells.padded(u, axis, 1, t)
        below, above = padded[..., :-1], padded[..., 1:]
        slopes: list[np.ndarray] = []
        for other, h in enumerate(self.cells.widths):
            slopes += list((above - below) / h if other == axis else self._across(t, u, axis, other))
        points = self.cells.faces(axis, t)
        return [
            (share, [*points, *(below + s * (above - below)), *slopes])
            for s, share in zip(_GAUSS, _SHARES, strict=True)
        ]

    def _across(self, t: float, u: np.ndarray, axis: int, other: int) -> np.ndarray:
        """Derivatives along the other axis at the faces of this one."""
        padded = self.cells.padded(u, other, 1, t)
        central = (padded[..., 2:] - padded[..., :-2]) / (2 * self.cells.widths[other])
        central = np.moveaxis(central, -1, other + 1)
        moved = np.moveaxis(central, axis + 1, -1)
        periodic = self.cells.sides[axis] is None
        ends = (moved[..., -1:], moved[..., :1]) if periodic else (moved[..., :1], moved[..., -1:])
        whole = np.concatenate([ends[0], moved, ends[1]], axis=-1)
        return 0.5 * (whole[..., 1:] + whole[..., :-1])

    def _ends(self, axis: int, unknown: int) -> tuple[bool, bool] | None:
        """Whether the value of an unknown is prescribed at the lower and the upper end; None for a periodic axis."""
        ends = self.cells.sides[axis]
        return None if ends is None else (bool(ends[0].fixed[unknown]), bool(ends[1].fixed[unknown]))

    @property
    def programs(self) -> tuple[Program, ...]:
        """Every expression, compiled.

        Raises:
            UnsupportedProblem: If one has no numerical counterpart.
        """
        return (*self._fluxes, *self._slopes)

    @cached_property
    def _fluxes(self) -> tuple[Program, ...]:
        return tuple(Program(g, self._arguments) for g in self.law.diffusion)

    @cached_property
    def _slopes(self) -> tuple[Program, ...]:
        """∂g_i/∂(∂_axis u_j) row by row."""
        count = len(self.law.states)
        out = []
        for axis, flux in enumerate(self.law.diffusion):
            slopes = self.law.gradients[axis * count : (axis + 1) * count]
            out.append(Program([g.diff(s) for g in flux for s in slopes], self._arguments))
        return tuple(out)

    @cached_property
    def _mass(self) -> np.ndarray:
        return np.array([float(m) for m in self.law.mass])

    @property
    def _arguments(self) -> tuple[sp.Symbol, ...]:
        return (*self.law.coordinates, *self.law.states, *self.law.gradients)


def _coupling(
    strength: np.ndarray, cells: np.ndarray, fixed: tuple[bool, bool] | None, shift: tuple[int, int]
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Values, rows and columns of Σ over faces of strength (u_above - u_below), taken from below and given to above.

    Args:
        strength: At the faces `([n_other,] n + 1)`.
        cells: Their numbers `([n_other,] n)`.
        fixed: Whether the value is prescribed at the two ends, so that the cell beyond mirrors it with the other
            sign; None for a periodic axis.
        shift: What to add to rows and to columns.
    """
    below, above = cells[..., :-1], cells[..., 1:]
    inner = strength[..., 1:-1]
    pairs = [(inner, below, above), (inner, above, below)]
    if fixed is None:
        first, last = cells[..., 0], cells[..., -1]
        pairs += [(strength[..., 0], first, last), (strength[..., 0], last, first)]
    parts = []
    for value, row, column in pairs:
        parts += [(value, row, column), (-value, row, row)]
    for end, place in zip(fixed or (), (0, -1), strict=False):
        if end:
            parts.append((-2 * strength[..., place], cells[..., place], cells[..., place]))
    return [(v.ravel(), r.ravel() + shift[0], c.ravel() + shift[1]) for v, r, c in parts]
