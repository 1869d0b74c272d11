"""Interpolation in time between states whose rates of change are known too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array

from pinnlab.numerics.stencils import stencil_weights

_NEAR = 0.125
_MARGIN = 1e-12


@dataclass(frozen=True)
class HermiteTimes:
    """Local Hermite interpolation of values and rates on up to four neighbouring times, with error O(dt**8).

    Between t_i and t_(i+1) the interpolant, of degree 7, matches values and rates at both and at one further
    time on each side (two on one side next to the ends), through the basis H_j = (1 - 2 L_j'(t_j) (t - t_j))
    L_j(t)^2 for values and K_j = (t - t_j) L_j(t)^2 for rates, L_j being Lagrange's polynomials [1].  Times
    closer to each other than 1/8 of the interval that is bridged are passed over, since they would amplify
    rounding.  With three, two or one times the degree is 5, 3 or 1.  The first derivative is continuous; the
    second jumps at the times by the size of its error.  Rounding grows like eps / dt**order: times much
    closer than needed lose digits.

    Args:
        times: Strictly ascending times (nt,), at least one.  An array is turned into a tuple.

    [1] J. Stoer and R. Bulirsch, Introduction to Numerical Analysis, 3rd ed., Springer 2002, section 2.1.5.
    """

    times: Sequence[float] | np.ndarray

    def __post_init__(self) -> None:
        times = np.asarray(self.times, dtype=float)
        if times.ndim != 1 or not len(times) or not np.isfinite(times).all() or not np.all(np.diff(times) > 0):
            raise ValueError(
                "HermiteTimes needs finite, strictly ascending times (nt,), one or more; sort them and drop repeats"
            )
        object.__setattr__(self, "times", tuple(times.tolist()))

    def interpolation(self, points: np.ndarray, order: int = 0) -> csr_array:
        """Return the matrix (m, 2 nt) from [values; rates] to the order-th time derivative at points (m,).

        Columns 0 ... nt - 1 act on the values at the times, columns nt ... 2 nt - 1 on the rates.

        Args:
            points: Within [times[0], times[-1]]; with a single time, that time only.
            order: 0, 1 or 2.

        Raises:
            ValueError: A point is outside of the times or not finite, or the order is not 0, 1 or 2.
        """
        if order not in (0, 1, 2):
            raise ValueError(f"HermiteTimes gives derivatives of order 0, 1 and 2, not {order}")
        times = np.array(self.times)
        points = _inside(times, points)
        stencils = self._stencils(times)
        interval = np.clip(np.searchsorted(times, points, side="right") - 1, 0, len(stencils) - 1)
        widths = (stencils >= 0).sum(axis=1)[interval]
        parts = []
        for width in np.unique(widths):
            rows = np.flatnonzero(widths == width)
            columns = stencils[interval[rows], :width]
            weights = _hermite_weights(times[columns], points[rows], order)
            for shift, entries in zip((0, len(times)), weights, strict=True):
                parts.append((entries.ravel(), np.repeat(rows, width), (columns + shift).ravel()))
        if not parts:
            return csr_array((0, 2 * len(times)))
        values, rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
        return coo_array((values, (rows, columns)), shape=(len(points), 2 * len(times))).tocsr()

    def _stencils(self, times: np.ndarray) -> np.ndarray:
        return _neighbours(times)


@dataclass(frozen=True)
class StepTimes(HermiteTimes):
    """As `HermiteTimes`, for the steps of an adaptive integrator.

    Where steps were much shorter before, or become so after, the solution changed faster there: looking past them
    would bring what happened then into the interval.  So times closer than 1/8 of it end the stencil on their side;
    where both sides end at once the degree is 3.
    """

    def _stencils(self, times: np.ndarray) -> np.ndarray:
        return _adjacent(times)


def _neighbours(times: np.ndarray) -> np.ndarray:
    """Stencil (intervals, 4) of each interval [t_i, t_(i+1)]: its ends, then further times, then -1."""
    n = len(times)
    if n == 1:
        return np.array([[0, -1, -1, -1]])
    left = np.arange(n - 1)
    skipped = _NEAR * np.diff(times)

    def below(index: np.ndarray) -> np.ndarray:
        found = np.searchsorted(times, times[index] - skipped, side="right") - 1
        return np.where(index >= 0, found, -1)

    def above(index: np.ndarray) -> np.ndarray:
        found = np.searchsorted(times, times[np.minimum(index, n - 1)] + skipped, side="left")
        return np.where(index < n, found, n)

    before, after = below(left), above(left + 1)
    chosen = np.stack([left, left + 1, before, after], axis=1)
    chosen[:, 2] = np.where(before < 0, above(after), before)
    chosen[:, 3] = np.where(after >= n, below(before), after)
    chosen[chosen >= n] = -1
    chosen[:, 2:] = np.where(chosen[:, 2:3] < 0, chosen[:, :1:-1], chosen[:, 2:])
    return chosen


def _adjacent(times: np.ndarray) -> np.ndarray:
    """Stencil (intervals, 4) of each interval [t_i, t_(i+1)] without gaps: its ends, then further times, then -1."""
    n = len(times)
    if n == 1:
        return np.array([[0, -1, -1, -1]])
    steps = np.diff(times)
    left = np.arange(n - 1)

    def far_enough(step: np.ndarray) -> np.ndarray:
        exists = (step >= 0) & (step < n - 1)
        return exists & (steps[np.clip(step, 0, n - 2)] >= _NEAR * steps)

    before, after = far_enough(left - 1), far_enough(left + 1)
    second_before, second_after = before & far_enough(left - 2), after & far_enough(left + 2)
    third = np.where(before, left - 1, np.where(after, left + 2, -1))
    fourth = np.where(before & after, left + 2, np.where(second_before, left - 2, np.where(second_after, left + 3, -1)))
    return np.stack([left, left + 1, third, fourth], axis=1)


def _hermite_weights(nodes: np.ndarray, points: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of values and of rates, each (rows, width) like nodes, for the derivative at points (rows,)."""
    lagrange = np.zeros((3, *nodes.shape))
    lagrange[: order + 1] = stencil_weights(nodes, points, order)
    value, first, second = lagrange
    squares = (value**2, 2 * value * first, 2 * (first**2 + value * second))
    gaps = nodes[:, :, None] - nodes[:, None, :]
    width = nodes.shape[1]
    gaps[:, np.arange(width), np.arange(width)] = np.inf
    slope = -2 * (1 / gaps).sum(axis=2)
    distance = points[:, None] - nodes
    rates = distance * squares[order] + (order * squares[order - 1] if order else 0.0)
    values = squares[order] + slope * rates
    # Constants are exact up to rounding; making them so keeps rounding out where times lie close together.
    nearest = np.abs(distance).argmin(axis=1)
    values[np.arange(len(points)), nearest] += (0.0 if order else 1.0) - values.sum(axis=1)
    return values, rates


def _inside(times: np.ndarray, points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, dtype=float)
    margin = _MARGIN * (times[-1] - times[0] + np.abs(times).max())
    outside = ~((points >= times[0] - margin) & (points <= times[-1] + margin))
    if outside.any():
        raise ValueError(
            f"time {float(points[outside][0])!r} is not in [{float(times[0])!r}, {float(times[-1])!r}] "
            f"({outside.sum()} of {points.size} are outside); ask for times inside or solve further"
        )
    return points
