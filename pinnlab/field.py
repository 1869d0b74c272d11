"""Answers as functions: values of the unknowns, and their derivatives, at any points of the domain."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.evaluate import Program, on_points
from pinnlab.forms.jet import jet_symbols, to_jets
from pinnlab.numerics.axes import StencilAxis
from pinnlab.numerics.tensor import scattered_interpolate, tensor_interpolate
from pinnlab.numerics.time_series import HermiteTimes
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, UnknownFunction, with_values
from pinnlab.training.estimate import Estimate

# Step of numerical differentiation of an exact solution that is known as a function only, as a share of the
# domain's length: the truncation error (h/l)^4 and the rounding error eps/h meet near 1e-11 for l = 1/300.
DIFFERENCE_STEP = 1e-5
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Grid:
    """Values on a tensor grid.

    Attributes:
        axes: Coordinate name → nodes, in file order: time, then z, y, x.
        values: Name of an unknown → array over the axes, (t, z, y, x).
    """

    axes: dict[str, np.ndarray]
    values: dict[str, np.ndarray]


def checked_points(problem: Problem, points: np.ndarray) -> np.ndarray:
    """The points as an array `(n, dim)`.

    Raises:
        ValueError: If they have another shape.
    """
    array = np.asarray(points, float)
    if array.ndim != 2 or array.shape[1] != len(problem.coordinates):
        names = ", ".join(c.name for c in problem.coordinates)
        raise ValueError(
            f"field of {problem.name!r}: points have the shape {array.shape}; give (n, {len(problem.coordinates)}) "
            f"with the columns {names}"
        )
    return array


class Field(abc.ABC):
    """Values of the unknowns of `problem` at any points of its domain."""

    problem: Problem

    @abc.abstractmethod
    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Evaluate at `points (n, dim)`, columns as in `problem.coordinates`, to `values (n, unknowns)`.

        Whether the points lie in the domain is not looked at, since that would cost more than many an answer does;
        ask `problem.spacetime.contains(points)`.  Outside an answer means nothing, whatever its deviation says:
        polynomials, networks and processes go on as they happen to, expressions as they are written, axes that are
        periodic repeat, and runs in time hold their first and last state.
        """

    @property
    def reached(self) -> float | None:
        """The last time of the answer: later ones only repeat it; None where it covers all times, or is steady."""
        return None

    @property
    def parameters(self) -> Mapping[str, Estimate]:
        """What was learned about each unknown parameter, by name; nothing where all were known."""
        return {}

    @property
    def deviation(self) -> Field | None:
        """The standard deviation of each unknown, given all that the method used; None if it gives no distribution.

        Its values are `(n, unknowns)` and never negative.  Errors at different points are not independent of one
        another: of functions drawn as a whole ask a `Posterior`.
        """
        return None

    def evaluate(self, expressions: Sequence[Expr], points: np.ndarray) -> np.ndarray:
        """Values `(n, k)` at `points (n, dim)` of expressions of the unknowns, their derivatives and coordinates.

        Raises:
            UnsupportedProblem: If an expression holds what the field does not know, as an unknown function.
        """
        for e in expressions:
            for f in sorted(e.atoms(UnknownFunction), key=str):
                raise UnsupportedProblem(f"{self.problem.name!r}: the field knows nothing of {f}; solve it with Pinn")
        lowered = [to_jets(with_values(e), self.problem.coordinates) for e in expressions]
        symbols = jet_symbols(*lowered)
        fields = {s.jet.orders: self.derivative(s.jet.orders)(points) for s in symbols}
        values = [fields[s.jet.orders][:, self.problem.names.index(s.jet.field)] for s in symbols]
        columns = Program(lowered, [*symbols, *self.problem.coordinates])(*values, *points.T)
        return np.stack([np.broadcast_to(np.asarray(c, float), len(points)) for c in columns], axis=1)

    @abc.abstractmethod
    def derivative(self, orders: Sequence[int]) -> Field:
        """The field of a partial derivative, with one order of differentiation per coordinate."""

    def on_axes(self, axes: Sequence[np.ndarray]) -> Grid:
        """Values on the tensor grid of one array of nodes per coordinate, in the order of `coordinates`."""
        mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        points = mesh.reshape(-1, len(axes))
        parts = [self(points[i : i + _CHUNK]) for i in range(0, len(points), _CHUNK)]
        return self._grid(axes, np.concatenate(parts).T.reshape(-1, *mesh.shape[:-1]))

    def at(self, times: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Values `(unknowns, m, n)` at the product of `times (m,)` and `points (n, space)`.

        Of a steady problem `times` is empty, and the values are `(unknowns, n)`.
        """
        if self.problem.time is None:
            return self(points).T
        rows = [self(np.column_stack([np.full(len(points), t), points])).T for t in times]
        return np.stack(rows, axis=1)

    def on_grid(self, shape: Sequence[int]) -> Grid:
        """Values on an equispaced grid over the whole box, both ends included.

        Args:
            shape: Nodes per axis in file order, (t, z, y, x).

        Raises:
            ValueError: If the domain is no box, or the shape has not one entry per coordinate.
        """
        if len(shape) != len(self.problem.coordinates):
            raise ValueError(f"on_grid: {len(shape)} sizes {tuple(shape)} for the axes {file_order(self.problem)}")
        sizes = dict(zip(file_order(self.problem), shape, strict=True))
        return self.on_axes([np.linspace(a, b, sizes[c]) for c, (a, b) in intervals(self.problem).items()])

    def _grid(self, axes: Sequence[np.ndarray], values: np.ndarray) -> Grid:
        """From `values (unknowns, …)` over axes in the order of coordinates to a `Grid` in file order."""
        names, order = [c.name for c in self.problem.coordinates], file_order(self.problem)
        place = [names.index(name) for name in order]
        named = zip(self.problem.names, values, strict=True)
        return Grid({n: axes[i] for n, i in zip(order, place, strict=True)}, {k: v.transpose(place) for k, v in named})


def file_order(problem: Problem) -> tuple[str, ...]:
    """The names of the axes of grids and files: time first, then space backwards, as in (t, z, y, x)."""
    space = tuple(c.name for c in reversed(problem.space))
    return space if problem.time is None else (problem.time.name, *space)


def intervals(problem: Problem) -> dict[str, tuple[float, float]]:
    """The interval of each coordinate of a problem on a box.

    Raises:
        ValueError: If the region in space is no box.
    """
    if not isinstance(problem.region, Box):
        raise ValueError(f"problem {problem.name!r}: {problem.region} is no box, so it has no tensor grid")
    out = (
        {} if problem.interval is None else {problem.interval.time.name: (problem.interval.start, problem.interval.end)}
    )
    return out | {c.name: b for c, b in problem.region.bounds.items()}


@dataclass(frozen=True)
class ExactField(Field):
    """An exact solution, from the expressions or the function that the problem declares as its reference."""

    problem: Problem
    function: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    orders: tuple[int, ...] = ()

    @classmethod
    def of(cls, problem: Problem) -> ExactField | None:
        """The exact solution of a problem, or None if it declares none."""
        if problem.reference is None:
            return None
        expressions = problem.exact_expressions
        if expressions is None:
            return cls(problem, problem.reference)  # type: ignore[arg-type]
        return cls(problem, on_points(expressions, problem.coordinates))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Evaluate at `points (n, dim)`."""
        points = checked_points(self.problem, points)
        values = np.asarray(self.function(points), float).reshape(len(points), -1)
        if values.shape[1] != len(self.problem.unknowns):
            raise ValueError(
                f"the reference of {self.problem.name!r} gives {values.shape[1]} columns for "
                f"{len(self.problem.unknowns)} unknowns; return values (n, unknowns)"
            )
        return values

    def derivative(self, orders: Sequence[int]) -> ExactField:
        """The partial derivative: exact for expressions, fourth-order differences for a function."""
        total = tuple(orders)
        expressions = self.problem.exact_expressions
        if expressions is not None:
            total = tuple(a + b for a, b in zip(orders, self.orders or (0,) * len(total), strict=True))
            counts = [(c, n) for c, n in zip(self.problem.coordinates, total, strict=True) if n]
            derived = [e.diff(*counts) if counts else e for e in expressions]
            return ExactField(self.problem, on_points(derived, self.problem.coordinates), total)
        function = self.function
        for axis, n in enumerate(total):
            for _ in range(n):
                function = self._difference(function, axis)
        return replace(self, function=function)

    def _difference(self, f: Callable[[np.ndarray], np.ndarray], axis: int) -> Callable[[np.ndarray], np.ndarray]:
        low, high = list(intervals(self.problem).values())[axis]
        h = DIFFERENCE_STEP * (high - low)

        def difference(points: np.ndarray) -> np.ndarray:
            # Near an end the stencil is shifted inwards: outside there may be no solution, as before the start.
            centre = np.clip(points[:, axis], low + 2 * h, high - 2 * h)
            weights = _difference_weights((points[:, axis] - centre) / h)
            total = 0.0
            for offset, weight in zip(_OFFSETS, weights, strict=True):
                moved = points.copy()
                moved[:, axis] = np.clip(centre + offset * h, low, high)
                total = total + weight[:, None] * np.asarray(f(moved), float).reshape(len(points), -1)
            return np.asarray(total) / h

        return difference


_OFFSETS = (-2, -1, 0, 1, 2)


def _difference_weights(s: np.ndarray) -> np.ndarray:
    """Weights `(5, n)` of values at -2, …, 2 whose quartic interpolant is differentiated at `s (n,)`."""
    slopes = np.stack([np.zeros_like(s), np.ones_like(s), 2 * s, 3 * s**2, 4 * s**3])
    return np.linalg.solve(np.vander(_OFFSETS, increasing=True).T, slopes)


class Interpolator(Protocol):
    """One axis of a grid: the matrix `(m, n)` that takes nodal values to (derivatives of) the interpolant."""

    def interpolation(self, points: np.ndarray, order: int = 0) -> csr_array | np.ndarray: ...  # noqa: D102


@dataclass(frozen=True)
class Trajectory:
    """The time axis of a run in progress: Hermite interpolation between its states, the last one held beyond.

    Attributes:
        times: Times of the states `(nt,)`; nodal values are the states, then their rates, `(2 nt,)`.
    """

    times: np.ndarray

    def interpolation(self, points: np.ndarray, order: int = 0) -> csr_array:
        """The matrix `(m, 2 nt)` from states and rates to the order-th derivative at times `points (m,)`."""
        return HermiteTimes(self.times).interpolation(np.clip(points, self.times[0], self.times[-1]), order)


@dataclass(frozen=True)
class Snapshots:
    """The time axis of a stored run: interpolation to sixth order between its states, the last one held beyond.

    Of four or five times it is to fourth order; a single state is held throughout.

    Attributes:
        times: Times of the states `(nt,)`, which are the nodal values.
    """

    times: np.ndarray

    def interpolation(self, points: np.ndarray, order: int = 0) -> csr_array:
        """The matrix `(m, nt)` from states to the order-th derivative at times `points (m,)`."""
        if len(self.times) == 1:
            return csr_array(np.full((len(points), 1), 0.0 if order else 1.0))
        return stored_axis(self.times).interpolation(np.clip(points, self.times[0], self.times[-1]), order)


def stored_axis(nodes: np.ndarray) -> StencilAxis:
    """The axis of a file: interpolation to sixth order between its nodes, to fourth order of four or five.

    Raises:
        ValueError: If there are fewer than four nodes.
    """
    return StencilAxis(tuple(nodes), accuracy=4 if len(nodes) >= 6 else 2)


def last_time(axis: Interpolator | None) -> float | None:
    """The last time of a run in progress or of a stored one; None of any other axis."""
    return float(axis.times[-1]) if isinstance(axis, Trajectory | Snapshots) else None


@dataclass(frozen=True)
class GridField(Field):
    """Values at the nodes of a tensor grid, with the interpolation that belongs to each axis.

    Attributes:
        axes: One interpolator per coordinate.
        values: Nodal values `(unknowns, n_1, n_2, …)`.
        learned: What a file tells of parameters that were unknown.
        spread: What a file tells of the standard deviation.
    """

    problem: Problem
    axes: tuple[Interpolator, ...] = field(repr=False)
    values: np.ndarray = field(repr=False)
    orders: tuple[int, ...] = ()
    learned: Mapping[str, Estimate] = field(default_factory=dict, repr=False)
    spread: Field | None = field(default=None, repr=False)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Interpolate at `points (n, dim)`."""
        matrices = self._matrices(list(checked_points(self.problem, points).T))
        return np.stack([scattered_interpolate(matrices, v) for v in self.values], axis=1)

    @property
    def reached(self) -> float | None:
        """The last time of a run in progress, or of a stored one."""
        return None if self.problem.time is None else last_time(self.axes[0])

    @property
    def parameters(self) -> Mapping[str, Estimate]:
        """What was learned about each unknown parameter, of a stored run."""
        return self.learned

    @property
    def deviation(self) -> Field | None:
        """The standard deviation, of a stored run; None of a derivative, whose deviation no file holds."""
        return None if any(self._orders) else self.spread

    def on_axes(self, axes: Sequence[np.ndarray]) -> Grid:
        """Values on a tensor grid, one axis at a time."""
        matrices = self._matrices(axes)
        return self._grid(axes, np.stack([tensor_interpolate(matrices, v) for v in self.values]))

    def derivative(self, orders: Sequence[int]) -> GridField:
        """The derivative of the interpolant."""
        return replace(self, orders=tuple(a + b for a, b in zip(orders, self._orders, strict=True)))

    @property
    def _orders(self) -> tuple[int, ...]:
        return self.orders or (0,) * len(self.axes)

    def _matrices(self, columns: Sequence[np.ndarray]) -> list[csr_array | np.ndarray]:
        return [a.interpolation(c, n) for a, c, n in zip(self.axes, columns, self._orders, strict=True)]
