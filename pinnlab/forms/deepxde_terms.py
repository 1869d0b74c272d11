"""A problem in the terms of DeepXDE: geometry, residual and conditions.

The module `deepxde` is handed in, since its import has side effects that only a solver may take on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.boundary import BoundaryRow, Dirichlet, General, Robin, classify
from pinnlab.forms.evaluate import Program, on_points
from pinnlab.forms.jet import Jet, jet_symbols
from pinnlab.forms.pointwise import Pointwise
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, normal

# Whether a point (dim,), which is on the boundary (or at the start) or not, belongs to a condition.
Where = Callable[[np.ndarray, bool], bool]
# Data (n, 1) at DeepXDE's points (n, dim).
Data = Callable[[np.ndarray], np.ndarray]
# Kind of a condition, whether it is initial, its unknown, its data.
Meaning = tuple[type[BoundaryRow], bool, int, tuple[Expr, ...]]
# An axis of space and the end of it where a side of the box lies.
Face = tuple[int, float]


@dataclass(frozen=True)
class PointOrder:
    """DeepXDE's order of coordinates, space first and time last, against that of `problem.coordinates`."""

    problem: Problem

    @property
    def _shift(self) -> int:
        return 0 if self.problem.time is None else 1

    def column(self, coordinate: int) -> int:
        """The column of DeepXDE's points that holds the coordinate of this number."""
        return (coordinate - self._shift) % len(self.problem.coordinates)

    def time_last(self, points: np.ndarray) -> np.ndarray:
        """From `points (n, dim)` to DeepXDE's."""
        return np.roll(points, -self._shift, axis=1)

    def time_first(self, points: np.ndarray) -> np.ndarray:
        """From DeepXDE's points to `points (n, dim)`."""
        return np.roll(points, self._shift, axis=1)


@dataclass(frozen=True)
class DeepxdeTerms:
    """What DeepXDE needs to know of a problem; its objects are built anew by every call.

    Attributes:
        dde: The module `deepxde`, on PyTorch.
        problem: The problem.
        region: Its box in space.
    """

    dde: Any
    problem: Problem
    region: Box

    @classmethod
    def of(cls, problem: Problem, dde: Any) -> DeepxdeTerms:
        """The view of a problem.

        Raises:
            UnsupportedProblem: If the region is no box of at most three dimensions.
        """
        region = problem.region
        if not isinstance(region, Box) or len(region.bounds) > 3:
            raise UnsupportedProblem(
                f"DeepXDE on {problem.name!r}: {region} is no interval, rectangle or cuboid; use Pinn"
            )
        return cls(dde, problem, region)

    def data(self, points: dict[str, Any]) -> Any:
        """DeepXDE's training data on points that are drawn (`num_domain`, …) or given (`anchors`).

        Raises:
            ValueError: If there is no point for some condition.
        """
        geometry = self.geometry()
        conditions = self.conditions(geometry)
        both = self.problem.interval is not None and bool(self.problem.space)
        kind = self.dde.data.TimePDE if both else self.dde.data.PDE
        residuals = self.operator(Pointwise.of(self.problem).residuals)
        data = kind(geometry, residuals, [c for _, c in conditions], **points)
        for (label, _), count in zip(conditions, data.num_bcs, strict=True):
            if count == 0:
                raise ValueError(
                    f"DeepXDE on {self.problem.name!r}: none of the points lies where {label} holds; "
                    "raise boundary_points or initial_points"
                )
        return data

    def geometry(self) -> Any:
        """The box in space, the interval of time, or their product."""
        g, interval = self.dde.geometry, self.problem.interval
        lower, upper = self.region.lower.tolist(), self.region.upper.tolist()
        time = None if interval is None else g.TimeDomain(interval.start, interval.end)
        if not lower:
            return time
        if len(lower) == 1:
            space = g.Interval(lower[0], upper[0])
        else:
            space = (g.Rectangle if len(lower) == 2 else g.Cuboid)(lower, upper)
        return space if time is None else g.GeometryXTime(space, time)

    # -- residuals -----------------------------------------------------------------------------------------

    def operator(self, expressions: Sequence[Expr]) -> Callable[[Tensor, Tensor], list[Tensor]]:
        """Expressions in jets as a function of DeepXDE's inputs `(n, dim)` and outputs `(n, unknowns)`."""
        symbols = jet_symbols(*expressions)
        program = Program(expressions, [*self.problem.coordinates, *symbols])
        columns = [self.order.column(i) for i in range(len(self.problem.coordinates))]

        def values(x: Tensor, y: Tensor) -> list[Tensor]:
            # Detached: coefficients and sources are data, and differentiating them would be work for nothing.
            at = [x.detach()[:, c : c + 1] for c in columns]
            return program(*at, *(self.derivative(s.jet, x, y) for s in symbols))

        return values

    def derivative(self, jet: Jet, x: Tensor, y: Tensor) -> Tensor:
        """One partial derivative `(n, 1)`, two orders at a time; DeepXDE keeps the ones it has computed."""
        component = self.problem.names.index(jet.field)
        columns = [self.order.column(i) for i, n in enumerate(jet.orders) for _ in range(n)]
        if not columns:
            return y[:, component : component + 1]
        while len(columns) > 1:
            i, j = columns.pop(), columns.pop()
            y, component = self.dde.grad.hessian(y, x, component=component, i=i, j=j), 0
        return self.dde.grad.jacobian(y, x, i=component, j=columns[0]) if columns else y

    # -- conditions ----------------------------------------------------------------------------------------

    def conditions(self, geometry: Any) -> list[tuple[str, Any]]:
        """(text, condition) for the declared conditions, then for the periodic axes.

        What is the same on several pieces is one condition, as one writes it in DeepXDE, and thus one mean
        square in the loss.
        """
        faces: dict[Meaning, list[Face]] = {}
        labels: dict[Meaning, str] = {}
        for row in classify(self.problem):
            key = self._meaning(row)
            faces.setdefault(key, []).extend(self._face(row))
            labels[key] = f"{labels[key]}, {row.piece}" if key in labels else f"{row.residual} = 0 on {row.piece}"
        declared = [(labels[key], self._condition(key, faces[key], geometry)) for key in faces]
        return declared + [
            (f"the periodicity of {jet.symbol}", self._matching(axis, jet, geometry)) for axis, jet in self.matched()
        ]

    def matched(self) -> list[tuple[int, Jet]]:
        """(axis of space, derivative) that agree at both ends: all below the order of the equation."""
        jets, found = Pointwise.of(self.problem).jets, []
        value = (0,) * len(self.problem.coordinates)
        for axis, c in enumerate(self.problem.space):
            if c in self.region.periodic:
                i = self.problem.coordinates.index(c)
                for name in self.problem.names:
                    order = max((j.orders[i] for j in jets if j.field == name), default=0)
                    found += [(axis, Jet(name, value).shifted(i, n)) for n in range(max(order, 1))]
        return found

    def _face(self, row: BoundaryRow) -> list[Face]:
        if row.piece == "initial":
            return []
        coordinate, end = self.region.sides[row.piece]
        return [(self.problem.space.index(coordinate), end)]

    def _meaning(self, row: BoundaryRow) -> Meaning:
        """A condition with the normal of its piece put in."""
        normals: dict[Expr, Expr] = {normal(c): sp.S.Zero for c in self.problem.space}
        for axis, end in self._face(row):
            sign = sp.S.One if end == self.region.upper[axis] else sp.S.NegativeOne
            normals[normal(self.problem.space[axis])] = sign
        kind: type[BoundaryRow] = General
        data: tuple[Expr, ...] = (row.residual,)
        if isinstance(row, Dirichlet) and row.time_order == 0:
            kind, data = Dirichlet, (row.value,)
        elif isinstance(row, Robin):
            kind, data = Robin, (row.g / row.b, row.a / row.b)
        k = 0 if kind is General else self.problem.names.index(str(row.unknown))
        return kind, row.piece == "initial", k, tuple(e.xreplace(normals) for e in data)

    def _condition(self, meaning: Meaning, faces: list[Face], geometry: Any) -> Any:
        kind, start, k, data = meaning
        bc = self.dde.icbc
        if kind is General:
            operator, where = self.operator(data), self._at_start if start else self._on(faces)
            return bc.OperatorBC(geometry, lambda x, y, _: operator(x, y)[0], where)
        value = self._function(data[0])
        if kind is Robin:
            return self._slope(value, data[1], k, geometry, self._inside(faces))
        if start:
            return bc.IC(geometry, value, lambda _, on: on, component=k)
        return bc.DirichletBC(geometry, value, self._on(faces), component=k)

    def _slope(self, value: Data, ratio: Expr, k: int, geometry: Any, where: Where) -> Any:
        """n·∇u = value - ratio u."""
        if ratio == 0:
            return self.dde.icbc.NeumannBC(geometry, value, where, component=k)
        factor = self._function(ratio)

        def slope(x: np.ndarray, y: Tensor) -> Tensor:
            g, r = (torch.as_tensor(f(x), dtype=y.dtype, device=y.device) for f in (value, factor))
            return g - r * y[:, k : k + 1]

        return self.dde.icbc.RobinBC(geometry, slope, where, component=k)

    def _matching(self, axis: int, jet: Jet, geometry: Any) -> Any:
        where = self._on([(axis, self.region.lower[axis]), (axis, self.region.upper[axis])])
        k, kind = self.problem.names.index(jet.field), self.dde.icbc.PeriodicBC
        if jet.order < 2:
            return kind(geometry, axis, where, derivative_order=jet.order, component=k)
        return _Matching(kind(geometry, axis, where), lambda x, y: self.derivative(jet, x, y))

    # -- where and what ------------------------------------------------------------------------------------

    @property
    def order(self) -> PointOrder:
        """DeepXDE's order of coordinates."""
        return PointOrder(self.problem)

    def _faces_at(self, x: np.ndarray) -> list[Face]:
        bounds = enumerate(self.region.bounds.values())
        return [(axis, end) for axis, ends in bounds for end in ends if _close(x[axis], end)]

    def _on(self, faces: list[Face]) -> Where:
        return lambda x, on: bool(on) and any(face in faces for face in self._faces_at(x))

    def _inside(self, faces: list[Face]) -> Where:
        """On a face but not on its edges, where DeepXDE takes the mean of the normals that meet."""
        return lambda x, on: bool(on) and len(at := self._faces_at(x)) == 1 and at[0] in faces

    def _at_start(self, x: np.ndarray, _: bool) -> bool:
        return _close(x[-1], self.problem.interval.start)  # type: ignore[union-attr]

    def _function(self, expression: Expr) -> Data:
        """Data at DeepXDE's points, in double precision whatever the training uses."""
        values = on_points([expression], self.problem.coordinates)
        return lambda x: values(self.order.time_first(x.astype(float)))


@dataclass(frozen=True)
class _Matching:
    """Equality of a derivative at both ends of an axis; DeepXDE's own condition ends at first order."""

    pairs: Any
    derivative: Callable[[Tensor, Tensor], Tensor]

    def collocation_points(self, points: np.ndarray) -> np.ndarray:
        return self.pairs.collocation_points(points)

    def error(self, _: np.ndarray, x: Tensor, y: Tensor, begin: int, end: int) -> Tensor:
        first, second = self.derivative(x, y)[begin:end].chunk(2)
        return first - second


def _close(a: float, b: float) -> bool:
    """Equality up to DeepXDE's tolerance in single precision."""
    return math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-6)
