"""The range of frequencies of an answer, estimated from data, and the rule that finds a spectrum."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from pinnlab.admissible import require_counts, require_positive, require_several
from pinnlab.domain.box import Box
from pinnlab.domain.even_points import bounding_box
from pinnlab.field import Field
from pinnlab.forms.boundary import classify
from pinnlab.forms.linearized import Linearized
from pinnlab.forms.pointwise import Pointwise
from pinnlab.gps.placement import closed_axes
from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.problem import Problem
from pinnlab.symbols import Expr

Line = Callable[[np.ndarray], np.ndarray]

# Chebyshev coefficients below this share of the largest are not resolved, and not wanted.
RESOLVED = 1e-12
# The degree of polynomials beyond which data count as not smooth, and the least one.
HIGHEST, LEAST = 1 << 13, 16
# Places of the other coordinates at which a function is looked at along one.
LINES = 4
SEED = 0


def degree(function: Line, tolerance: float = RESOLVED) -> int | None:
    """The degree from which the Chebyshev coefficients of functions on [-1, 1] stay below a share of the largest.

    cos(k x) has degree k + O(k^(1/3)), so that the degree is the largest frequency to look for, without the leakage of
    a Fourier transform (J. P. Boyd, Chebyshev and Fourier Spectral Methods, 2nd ed., Dover 2001, section 2.13).

    Args:
        function: From points `(n,)` to values `(n,)` or `(n, k)` of several functions of one size.
        tolerance: The share.

    Returns:
        0 for a constant, and None where `HIGHEST` coefficients do not resolve it.
    """
    from scipy.fft import dct

    n = 32
    while n <= HIGHEST:
        nodes = np.cos(np.pi * np.arange(n + 1) / n)
        values = np.asarray(function(nodes), float)
        if not np.isfinite(values).all():
            return None
        sizes = np.abs(dct(values.reshape(n + 1, -1), type=1, axis=0)).max(axis=1) / n
        above = np.flatnonzero(sizes > tolerance * sizes.max())
        last = int(above[-1]) if len(above) else 0
        if last < 0.75 * n:
            return last
        n *= 2
    return None


@dataclass(frozen=True)
class Range:
    """The largest angular frequency along each coordinate.

    Attributes:
        top: One per coordinate.
        resolved: Whether the functions that it was estimated from are smooth.
    """

    top: tuple[float, ...]
    resolved: tuple[bool, ...]


def range_of_data(problem: Problem, left_out: Collection[str] = ()) -> Range:
    """The largest frequencies in what is given: forcing, coefficients and data of conditions, along each coordinate.

    Args:
        problem: Whose data these are.
        left_out: Pieces of the boundary whose data are not known.
    """
    low, high = bounding_box(problem.spacetime)
    given, top, resolved = _given(problem, left_out), [], []
    for axis in range(len(low)):
        half = (high[axis] - low[axis]) / 2
        found = [degree(f) for f in _along(problem, given, axis, low, high)]
        known = [d for d in found if d is not None]
        resolved.append(len(known) == len(found))
        top.append(float(max([LEAST, *known]) / half))
    return Range(tuple(top), tuple(resolved))


def range_of_answer(field: Field, tolerance: float) -> Range:
    """The largest frequencies in an answer, along each coordinate, as far as a tolerance tells."""
    problem = field.problem
    low, high = bounding_box(problem.spacetime)
    top, resolved = [], []
    for axis in range(len(low)):
        half = (high[axis] - low[axis]) / 2
        found = [degree(_answer(field, axis, low, high, i), tolerance) for i in range(len(problem.unknowns))]
        known = [d for d in found if d is not None]
        resolved.append(len(known) == len(found))
        top.append(float(max([LEAST, *known]) / half))
    return Range(tuple(top), tuple(resolved))


@dataclass(frozen=True)
class FoundSpectrum:
    """A kernel whose spectrum is found: a range of frequencies from the data, then variances by evidence.

    Along each coordinate the lines are the multiples of 2 pi / (1.5 L) up to `margin` times the largest frequency in
    forcing, coefficients and data of conditions.  Their first variances are proportional to
    exp(-(k / (w top))^2 / 2) (1 + (2 k / top)^2)^-3, for the w among `widths` of greatest evidence: a squared
    exponential kernel of length 1 / (w top), or a Matern kernel for w = inf.  If the answer's own spectrum then fills
    the range, as nonlinear terms make it, the range is widened and the problem solved again, up to `rounds` ranges,
    while the residual at fresh points falls.  Steps of expectation maximisation of the evidence follow, see
    `SpectralGp.sweeps`.  Nothing but the declaration is used.  Where `NodeGrid` is given numbers of nodes the range is
    what they resolve, and stays.

    Args:
        margin: Beyond the largest frequency of the data, at least 1.
        widths: Of the first variances, in units of the range, increasing; the last where evidence is not worked out.
        rounds: Most ranges that are tried.
        tolerance: Share of the answer under which its spectrum does not matter.
    """

    margin: float = 1.15
    widths: tuple[float, ...] = (0.04, 0.08, 0.16, 0.32, math.inf)
    rounds: int = 5
    tolerance: float = 1e-10

    def __post_init__(self) -> None:
        require_positive(self, margin=self.margin, tolerance=self.tolerance)
        require_counts(self, rounds=self.rounds)
        require_several(self, widths=self.widths)
        if not self.widths or not all(w > 0 for w in self.widths):
            raise ValueError(f"FoundSpectrum: widths = {self.widths}; give positive numbers, inf among them")
        if any(a >= b for a, b in itertools.pairwise(self.widths)):
            raise ValueError(f"FoundSpectrum: widths = {self.widths}; let them increase")
        if self.margin < 1:
            raise ValueError(f"FoundSpectrum: margin = {self.margin} cuts frequencies of the data off; give 1 or more")

    def lines(self, problem: Problem, top: Sequence[float], width: float) -> tuple[LineSpectrum, ...]:
        """The lines up to the largest frequencies, with variances of a width."""
        low, high = bounding_box(problem.spacetime)
        out = []
        for a, b, k, closed in zip(low, high, top, closed_axes(problem), strict=True):
            bare = LineSpectrum.harmonics(float(a), float(b - a), k, closed)
            variances = torch.exp(-(bare.frequencies / (width * k)).square() / 2)
            variances = variances * (1 + (2 * bare.frequencies / k).square()) ** -3.0
            out.append(LineSpectrum(bare.frequencies, variances / variances.sum(), float(a)))
        return tuple(out)


def nodes_for(problem: Problem, top: Sequence[float]) -> tuple[int, ...]:
    """Nodes along each coordinate that resolve its largest frequency: Chebyshev ones, even ones on a circle."""
    low, high = bounding_box(problem.spacetime)
    out = []
    for a, b, k, closed in zip(low, high, top, closed_axes(problem), strict=True):
        # Chebyshev nodes are pi L / (2 n) apart in the middle, and pi / k is what a wave asks for.
        n = k * (b - a) / math.pi * (1.0 if closed else math.pi / 2)
        out.append(math.ceil(1.15 * n) + 10)
    return tuple(out)


def finest(problem: Problem, counts: Sequence[int]) -> tuple[float, ...]:
    """The largest frequency that so many nodes resolve, two for each wave."""
    low, high = bounding_box(problem.spacetime)
    out = []
    for a, b, n, closed in zip(low, high, counts, closed_axes(problem), strict=True):
        out.append(math.pi * n / (b - a) / (1.0 if closed else math.pi / 2))
    return tuple(out)


def _given(problem: Problem, left_out: Collection[str]) -> list[tuple[Linearized, tuple[int, float] | None]]:
    """All residuals whose data are known, each with the side of a box where it holds, if it does on one."""
    unknown = tuple(p for p in problem.parameters if p.is_unknown)
    rows: list[tuple[Expr, tuple[int, float] | None]] = [(r, None) for r in Pointwise.of(problem).residuals]
    rows += [(r.residual, _side(problem, r.piece)) for r in classify(problem) if r.piece not in left_out]
    return [(Linearized(r, problem.coordinates, problem.space, unknown), side) for r, side in rows]


def _along(
    problem: Problem,
    given: Sequence[tuple[Linearized, tuple[int, float] | None]],
    axis: int,
    low: np.ndarray,
    high: np.ndarray,
) -> Iterator[Line]:
    """What is given, as functions on [-1, 1] along one coordinate."""
    for row, side in given:
        # What does not depend on the coordinate tells nothing.
        if (side is None or side[0] != axis) and row.residual.has(problem.coordinates[axis]):
            yield from _parts(problem, row, side, axis, low, high)


def _parts(
    problem: Problem, row: Linearized, side: tuple[int, float] | None, axis: int, low: np.ndarray, high: np.ndarray
) -> Iterator[Line]:
    """A residual at u = 0, and its derivative by each jet there, along one coordinate at some places of the others."""
    numbers = [torch.tensor(float(p.guess or 0.0), dtype=torch.float64) for p in row.parameters]
    zero = dict.fromkeys(row.symbols, 0)

    def values(which: int, nodes: np.ndarray) -> np.ndarray:
        points = _points(nodes, axis, low, high)
        if side is not None:
            points[:, side[0]] = side[1]
        x = torch.as_tensor(points)
        normals, carried = torch.ones(len(x), len(problem.space), dtype=x.dtype), x.new_zeros(len(x))
        first, rest = row.values_and_partials([carried] * len(row.jets), x, normals, carried, numbers)
        return [first, *rest][which].numpy().reshape(len(nodes), LINES)

    for which, expression in enumerate((row.residual, *row.partials)):
        # Nor what does only through the unknowns.
        if expression.has(problem.coordinates[axis]) and expression.subs(zero).has(problem.coordinates[axis]):
            yield partial(values, which)


def _answer(field: Field, axis: int, low: np.ndarray, high: np.ndarray, column: int) -> Line:
    """One unknown of an answer along one coordinate at some places of the others."""
    return lambda nodes: field(_points(nodes, axis, low, high))[:, column].reshape(len(nodes), LINES)


def _points(nodes: np.ndarray, axis: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Points `(n LINES, dim)` with nodes on [-1, 1] along an axis, at places of a box none of which is special."""
    places = low + (high - low) * np.random.default_rng(SEED).random((LINES, len(low)))
    points = np.tile(places, (len(nodes), 1))
    points[:, axis] = np.repeat((low[axis] + high[axis]) / 2 + (high[axis] - low[axis]) / 2 * nodes, LINES)
    return points


def _side(problem: Problem, piece: str) -> tuple[int, float] | None:
    """The coordinate that is constant on a piece, and its value; None for a piece of another shape."""
    if piece == "initial" and problem.interval is not None:
        return 0, problem.interval.start
    if isinstance(problem.region, Box) and piece in problem.region.sides:
        coordinate, value = problem.region.sides[piece]
        return problem.coordinates.index(coordinate), value
    return None
