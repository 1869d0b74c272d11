"""Layers of rapid change, and coordinates in which they are as wide as the rest."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import product

import numpy as np
import sympy as sp

from pinnlab.admissible import require_numbers, require_positive
from pinnlab.condition import Condition
from pinnlab.domain.box import Box
from pinnlab.domain.even_points import bounding_box
from pinnlab.errors import IncompatibleData, UnsupportedProblem
from pinnlab.field import Field
from pinnlab.forms.boundary import resolved
from pinnlab.forms.jet import from_jets, jet_symbols
from pinnlab.forms.pointwise import Pointwise
from pinnlab.gps.placement import GivenPoints, Placement
from pinnlab.observations import Observations
from pinnlab.problem import Problem
from pinnlab.symbols import Expr

# Where `Layer.of` looks: places of the other coordinates, and nodes along its own.
LINES, NODES = 64, 2001
SEED = 0


@dataclass(frozen=True)
class Layer:
    """Where along a coordinate of space an answer changes rapidly, and over which distance.

    A process whose kernel is stationary in s, with

        x = centre + width sinh(a + (b - a) (s - low) / (high - low)),      low <= x, s <= high,

    has a length near `width` at the layer that grows in proportion to the distance from it, and nodes and points that
    are even in s crowd there.  If the answer has singularities at centre ± i width of the complex plane, as an
    internal layer has, they are moved away from the real line (T. W. Tee, L. N. Trefethen, SIAM J. Sci. Comput. 28
    (2006) 1798-1811, section 3).  A tanh((x - centre) / width) has them at a distance of pi width / 2.

    Not for a layer that moves farther than its width, nor for a jump, which has no width.

    Args:
        coordinate: Its name, or its symbol.
        centre: Where the layer lies, a side of the box included.
        width: Its half width, positive.

    Raises:
        ValueError: If the centre is not finite, or the width not positive.
    """

    coordinate: str
    centre: float
    width: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "coordinate", str(self.coordinate))
        require_numbers(self, centre=self.centre)
        if not math.isfinite(self.centre):
            raise ValueError(f"Layer: centre = {self.centre}; give a finite number")
        require_positive(self, width=self.width)

    @classmethod
    def of(cls, field: Field, coordinate: str | sp.Symbol) -> Layer:
        """The layer of an answer: where its slope is largest, in units of the range on the line through that point.

        The width is half that range over the slope, w for tanh((x - c) / w).  A coarse answer will do.

        Args:
            field: An answer on a box.
            coordinate: Of space.

        Raises:
            ValueError: If the coordinate is none of the problem's, or the answer does not change along it.
        """
        problem = field.problem
        names = [c.name for c in problem.coordinates]
        if str(coordinate) not in names:
            raise ValueError(f"Layer.of: {coordinate} is no coordinate of {problem.name!r}; name one of {names}")
        axis = names.index(str(coordinate))
        low, high = bounding_box(problem.spacetime)
        nodes = np.linspace(low[axis], high[axis], NODES)
        points = np.repeat(np.random.default_rng(SEED).uniform(low, high, (LINES, len(low))), NODES, axis=0)
        points[:, axis] = np.tile(nodes, LINES)
        values = field(points).reshape(LINES, NODES, -1)
        orders = [int(i == axis) for i in range(len(low))]
        slopes = np.abs(field.derivative(orders)(points)).reshape(values.shape)
        # A line on which an unknown hardly changes has no layer of its own.
        ranges = np.ptp(values, axis=1)
        weights = ranges / np.maximum(ranges.max(axis=0), 1e-300)
        line, node, unknown = np.unravel_index(int(np.argmax(slopes * weights[:, None])), slopes.shape)
        slope, span = float(slopes[line, node, unknown]), float(ranges[line, unknown])
        if not slope > 0 or not span > 0:
            raise ValueError(f"Layer.of: the answer to {problem.name!r} does not change along {coordinate}")
        return cls(names[axis], float(nodes[node]), span / 2 / slope)


@dataclass(frozen=True)
class Stretch:
    """One coordinate x as a function of another, s, on the same interval; s has the symbol of x.

    Attributes:
        coordinate: The symbol.
        low, high: The interval.
        layer: Where s is stretched.
    """

    coordinate: sp.Symbol
    low: float
    high: float
    layer: Layer

    @property
    def _ends(self) -> tuple[float, float]:
        c, d = self.layer.centre, self.layer.width
        return math.asinh((self.low - c) / d), math.asinh((self.high - c) / d)

    @property
    def _angle(self) -> Expr:
        a, b = self._ends
        return a + (self.coordinate - self.low) * ((b - a) / (self.high - self.low))

    @property
    def image(self) -> Expr:
        """The x of an s."""
        return self.layer.centre + self.layer.width * sp.sinh(self._angle)

    def back(self, x: np.ndarray) -> np.ndarray:
        """The s of some x."""
        a, b = self._ends
        share = (np.arcsinh((x - self.layer.centre) / self.layer.width) - a) / (b - a)
        return np.clip(self.low + (self.high - self.low) * share, self.low, self.high)

    def factors(self, order: int) -> list[Expr]:
        """The c_k of s with d^order u / dx^order = sum_k c_k d^k u / ds^k, k = 0 ... order.

        By c_{m+1,k} = (c_{m,k}' + c_{m,k-1}) / x'(s) from c_{0,0} = 1.
        """
        a, b = self._ends
        rate = sp.sech(self._angle) * (self.high - self.low) / (self.layer.width * (b - a))
        found: list[Expr] = [sp.S.One]
        for _ in range(order):
            shifted, slopes = [sp.S.Zero, *found], [*(sp.diff(c, self.coordinate) for c in found), sp.S.Zero]
            found = [rate * (p + q) for p, q in zip(shifted, slopes, strict=True)]
        return found


@dataclass(frozen=True)
class Stretching:
    """Stretched coordinates of a problem.

    Attributes:
        problem: In its own coordinates.
        axes: One entry per coordinate; None where nothing is changed.
    """

    problem: Problem
    axes: tuple[Stretch | None, ...]

    @classmethod
    def of(cls, problem: Problem, layers: Sequence[Layer]) -> Stretching:
        """The coordinates that some layers ask for.

        Raises:
            UnsupportedProblem: If the region is no box, or a layer lies along time, a periodic axis, no coordinate at
                all, or the same one as another; or outside the box.
        """
        who = f"layers on {problem.name!r}"
        region = problem.region
        if not isinstance(region, Box):
            raise UnsupportedProblem(f"{who}: {region} is no box; leave layers out and take Scattered() or GivenPoints")
        found: dict[str, Stretch] = {}
        free = {c.name: c for c in problem.space if c not in region.periodic}
        for layer in layers:
            if layer.coordinate not in free:
                raise UnsupportedProblem(
                    f"{who}: {layer.coordinate} cannot be stretched; name one of {', '.join(free) or 'none'}, the "
                    "coordinates of space that are not periodic"
                )
            if layer.coordinate in found:
                raise UnsupportedProblem(f"{who}: two along {layer.coordinate}; give one for each coordinate")
            symbol = free[layer.coordinate]
            low, high = region.bounds[symbol]
            if not low <= layer.centre <= high:
                raise UnsupportedProblem(
                    f"{who}: the centre {layer.centre:g} lies outside {layer.coordinate} in [{low:g}, {high:g}]"
                )
            found[layer.coordinate] = Stretch(symbol, low, high, layer)
        return cls(problem, tuple(found.get(c.name) for c in problem.coordinates))

    @cached_property
    def stretched(self) -> Problem:
        """The same problem for the unknowns as functions of the stretched coordinates; without its exact solution."""
        problem = self.problem
        conditions = [Condition(self._moved(resolved(c.residual, problem)), c.on) for c in problem.conditions]
        with warnings.catch_warnings():
            # The problem itself was declared with these data, and has told of them.
            warnings.simplefilter("ignore", IncompatibleData)
            return Problem(
                name=problem.name,
                equations=tuple(map(self._moved, Pointwise.of(problem).residuals)),
                unknowns=problem.unknowns,
                domain=problem.domain,
                conditions=tuple(conditions),
                time=problem.time,
                citation=problem.citation,
            )

    def back(self, points: np.ndarray) -> np.ndarray:
        """The stretched coordinates of points `(n, dim)`."""
        columns = [x if a is None else a.back(x) for x, a in zip(points.T, self.axes, strict=True)]
        return np.stack(columns, axis=1)

    def placement(self, placement: Placement) -> Placement:
        """The same rule for points in the stretched coordinates; points that are given stay where they are.

        Raises:
            ValueError: If such a point lies outside the domain.
        """
        if not isinstance(placement, GivenPoints):
            return placement
        return replace(placement, points=self.back(placement.inside(self.problem, np.random.default_rng(0))))

    def observations(self, observed: Observations) -> Observations:
        """What was measured, at the stretched coordinates of where it was.

        Raises:
            ValueError: If it does not belong to the problem.
        """
        observed.columns(self.problem)
        return replace(observed, points=self.back(observed.points))

    def factors(self, orders: Sequence[int]) -> Mapping[tuple[int, ...], Expr]:
        """By which functions of stretched coordinates which derivatives there sum to a derivative of these orders."""
        along = [
            {m: sp.S.One} if a is None else dict(enumerate(a.factors(m)))
            for a, m in zip(self.axes, orders, strict=True)
        ]
        terms = {ks: sp.Mul(*(f[k] for f, k in zip(along, ks, strict=True))) for ks in product(*along)}
        return {ks: c for ks, c in terms.items() if c != 0}

    def _moved(self, residual: Expr) -> Expr:
        """A residual in jets, as an expression of unknowns in the stretched coordinates."""
        images = {a.coordinate: a.image for a in self.axes if a is not None}
        table = {}
        for symbol in jet_symbols(residual):
            terms = [
                c * type(symbol.jet)(symbol.jet.field, k).symbol for k, c in self.factors(symbol.jet.orders).items()
            ]
            table[symbol] = reduce(lambda p, q: p + q, terms)
        moved = residual.xreplace(images).xreplace(table)
        return from_jets(moved, self.problem.unknowns, self.problem.coordinates)
