"""Collocation on tensor grids over boxes: jets as matrices, linear boundary conditions eliminated exactly."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Self

import numpy as np
import scipy  # its submodules load when they are first used
import scipy.sparse as sparse
import sympy as sp
from scipy.sparse import csc_array, csr_array

from pinnlab.admissible import require_counts, require_sizes
from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.boundary import BoundaryRow, Dirichlet, classify
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import Jet
from pinnlab.numerics.axes import Axis, ChebyshevAxis, FourierAxis, PeriodicStencilAxis, uniform
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Normal

# No discretisation is refined beyond this many nodes in all.
MAX_NODES = 2**18
# Collocation matrices that are not sparse: nodes in all beyond which they no longer fit.
MAX_DENSE_NODES = 2**12


@dataclass(frozen=True)
class Discretization(abc.ABC):
    """How the axes of a box become nodes.

    Args:
        points: Nodes per axis; one number, or one per axis of space in the order of coordinates.
    """

    points: int | tuple[int, ...]

    def __post_init__(self) -> None:
        require_sizes(self, 8, points=self.points)

    @abc.abstractmethod
    def axis(self, lower: float, upper: float, n: int, periodic: bool) -> Axis:
        """The nodes of one axis."""

    @property
    @abc.abstractmethod
    def most_nodes(self) -> int:
        """Beyond this many nodes in all the matrices do not fit."""

    def axes(self, problem: Problem) -> tuple[Axis, ...]:
        """One axis per coordinate of space.

        Raises:
            UnsupportedProblem: If the region is no box.
            ValueError: If the number of sizes is not that of the axes.
        """
        region = problem.region
        if not isinstance(region, Box):
            raise UnsupportedProblem(f"{type(self).__name__} on {problem.name!r}: needs a box, not {region}")
        bounds = zip(region.bounds.items(), self.sizes(problem), strict=True)
        return tuple(self.axis(a, b, n, c in region.periodic) for (c, (a, b)), n in bounds)

    def sizes(self, problem: Problem) -> tuple[int, ...]:
        """Nodes per axis of space."""
        dim = len(problem.space)
        sizes = tuple(self.points) if isinstance(self.points, tuple | list) else (self.points,) * dim
        if len(sizes) != dim:
            raise ValueError(
                f"{type(self).__name__}: {len(sizes)} sizes {sizes} for the {dim} axes of {problem.name!r}"
            )
        return sizes

    def finer(self, problem: Problem, factor: float) -> Self | None:
        """`factor` times the nodes along every axis, or None where that is too many or there is no space."""
        sizes = tuple(int(np.ceil(factor * n / 2)) * 2 for n in self.sizes(problem))
        if not sizes or np.prod(sizes) > self.most_nodes:
            return None
        return replace(self, points=sizes)


@dataclass(frozen=True)
class Chebyshev(Discretization):
    """Chebyshev-Gauss-Lobatto nodes, Fourier nodes on periodic axes: spectral accuracy, dense matrices."""

    points: int | tuple[int, ...] = 48

    def axis(self, lower: float, upper: float, n: int, periodic: bool) -> Axis:
        """Chebyshev or Fourier nodes."""
        return FourierAxis(lower, upper, n + n % 2) if periodic else ChebyshevAxis(lower, upper, n)

    @property
    def most_nodes(self) -> int:
        """As many as dense matrices allow."""
        return MAX_DENSE_NODES


@dataclass(frozen=True)
class FiniteDifferences(Discretization):
    """Equispaced nodes with differences of even order `accuracy` up to the boundary; sparse matrices."""

    points: int | tuple[int, ...] = 256
    accuracy: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        require_counts(self, accuracy=self.accuracy)
        if self.accuracy % 2:
            raise ValueError(f"FiniteDifferences: accuracy = {self.accuracy}; give an even number")

    def axis(self, lower: float, upper: float, n: int, periodic: bool) -> Axis:
        """Equispaced nodes."""
        if periodic:
            return PeriodicStencilAxis(lower, upper, n, self.accuracy)
        return uniform(lower, upper, n, self.accuracy)

    @property
    def most_nodes(self) -> int:
        """As many as sparse factorisations allow."""
        return MAX_NODES


@dataclass(frozen=True)
class _Elimination:
    """One boundary condition at one node: row of B U = g, and the entry of U that it determines."""

    row: BoundaryRow
    time_order: int
    node: int
    pivot: int


@dataclass(frozen=True)
class Collocated:
    """States on a tensor grid with their boundary conditions: U = lift @ y + push @ g(t), y the free values.

    Attributes:
        problem: Where the conditions come from.
        axes: One per coordinate of space.
        states: What U stacks, each over all nodes.
    """

    problem: Problem
    axes: tuple[Axis, ...]
    states: tuple[Jet, ...]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Nodes per axis."""
        return tuple(len(a.nodes) for a in self.axes)

    @cached_property
    def nodes(self) -> np.ndarray:
        """All nodes `(n, space)`, the last axis fastest."""
        mesh = np.meshgrid(*(a.nodes for a in self.axes), indexing="ij")
        return np.stack([m.ravel() for m in mesh], axis=1) if mesh else np.zeros((1, 0))

    @property
    def n(self) -> int:
        """The number of nodes."""
        return len(self.nodes)

    def derivative(self, orders: Sequence[int]) -> csr_array:
        """The matrix `(n, n)` of a partial derivative in space."""
        factors = [a.differentiation(k) for a, k in zip(self.axes, orders, strict=True)]
        return csr_array(
            reduce(lambda p, q: sparse.kron(p, q, format="csr"), factors, sparse.eye_array(1, format="csr"))
        )

    def jet_matrix(self, jet: Jet) -> tuple[csr_array, csr_array]:
        """(M, Q) with M y + Q g the values `(n,)` of a jet of a state at all nodes."""
        state, spatial = self._block(jet)
        rows = slice(state * self.n, (state + 1) * self.n)
        d = self.derivative(spatial)
        return d @ self.lift[rows], d @ self.push[rows]

    @cached_property
    def free(self) -> np.ndarray:
        """Indices into U of the values that no boundary condition determines."""
        return np.setdiff1d(np.arange(len(self.states) * self.n), self._pivots)

    def free_nodes(self, state: int) -> np.ndarray:
        """The nodes at which a state is free, where its equation is collocated."""
        block = self.free[(self.free >= state * self.n) & (self.free < (state + 1) * self.n)]
        return block - state * self.n

    @cached_property
    def lift(self) -> csr_array:
        """From free values to all values, homogeneous boundary data."""
        return self._solved[0]

    @cached_property
    def push(self) -> csr_array:
        """From boundary data to all values."""
        return self._solved[1]

    def data(self, t: float, rate: bool = False) -> np.ndarray:
        """The boundary data g at time t, one entry per eliminated value, or their time derivative."""
        programs = self._rate_programs if rate else self._data_programs
        out = np.zeros(len(self._eliminations))
        for program, where in programs:
            nodes = self.nodes[[self._eliminations[i].node for i in where]]
            normals = self._normals(self._eliminations[where[0]].row.piece)
            time = [] if self.problem.time is None else [t]
            (value,) = program(*time, *nodes.T, *normals)
            out[where] = value
        return out

    # -- boundary conditions -------------------------------------------------------------------------------

    def _block(self, jet: Jet) -> tuple[int, tuple[int, ...]]:
        """Index of the state that a jet belongs to, and the jet's orders in space."""
        first = 0 if self.problem.time is None else 1
        base = Jet(jet.field, (*jet.orders[:first], *[0] * len(self.axes)))
        if base not in self.states:
            raise UnsupportedProblem(f"{jet.symbol} in {self.problem.name!r} belongs to no state {self.states}")
        return self.states.index(base), jet.orders[first:]

    @cached_property
    def _eliminations(self) -> list[_Elimination]:
        # Values before derivatives: where two sides meet, the corner takes the value that is prescribed.
        rows = [r for r in classify(self.problem) if r.piece != "initial"]
        rows.sort(key=lambda r: not isinstance(r, Dirichlet))
        layers: dict[tuple[str, str], int] = {}
        taken: set[int] = set()
        out = []
        for row in rows:
            unknown = row.unknown or next(iter(row.linear)).field
            layer = layers.get((unknown, row.piece), 0)
            layers[unknown, row.piece] = layer + 1
            side, inward = self._side(row.piece, layer)
            for i, state in enumerate(self.states):
                if state.field == unknown:
                    for node, pivot in zip(side, inward, strict=True):
                        if i * self.n + pivot not in taken:
                            taken.add(i * self.n + pivot)
                            out.append(_Elimination(row, state.order, int(node), i * self.n + int(pivot)))
        return out

    @cached_property
    def _pivots(self) -> np.ndarray:
        return np.array([e.pivot for e in self._eliminations], dtype=int)

    def _side(self, piece: str, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """Nodes of a side, and for each the node `layer` steps inwards."""
        coordinate, value = self.problem.region.sides[piece]  # type: ignore[attr-defined]
        axis = self.problem.space.index(coordinate)
        index = np.arange(self.n).reshape(self.shape)
        at_start = value == self.problem.region.bounds[coordinate][0]  # type: ignore[attr-defined]
        edge, inward = (0, layer) if at_start else (-1, -1 - layer)
        return index.take(edge, axis).ravel(), index.take(inward, axis).ravel()

    def _normals(self, piece: str) -> list[float]:
        coordinate, value = self.problem.region.sides[piece]  # type: ignore[attr-defined]
        outward = 1.0 if value == self.problem.region.bounds[coordinate][1] else -1.0  # type: ignore[attr-defined]
        return [outward * (c == coordinate) for c in self.problem.space]

    @property
    def _arguments(self) -> list[sp.Symbol]:
        return [*self.problem.coordinates, *(Normal(c) for c in self.problem.space)]

    @cached_property
    def _groups(self) -> list[tuple[BoundaryRow, int, list[int]]]:
        """Eliminations that share a condition and a time order."""
        groups: dict[tuple[int, int], list[int]] = {}
        for i, e in enumerate(self._eliminations):
            groups.setdefault((id(e.row), e.time_order), []).append(i)
        first = ((self._eliminations[where[0]], where) for where in groups.values())
        return [(e.row, e.time_order, where) for e, where in first]

    @cached_property
    def _data_programs(self) -> list[tuple[Program, list[int]]]:
        return [(Program([self._data(row, k)], self._arguments), where) for row, k, where in self._groups]

    @cached_property
    def _rate_programs(self) -> list[tuple[Program, list[int]]]:
        return [(Program([self._data(row, k + 1)], self._arguments), where) for row, k, where in self._groups]

    def _data(self, row: BoundaryRow, time_order: int) -> Expr:
        """The data of a condition differentiated in time as often as the state it is applied to."""
        return sp.diff(row.data, self.problem.time, time_order) if time_order else row.data

    @cached_property
    def _solved(self) -> tuple[csr_array, csr_array]:
        """Lift and push: the boundary rows solved for the eliminated values."""
        total, pivots, free = len(self.states) * self.n, self._pivots, self.free
        identity = csr_array((np.ones(len(free)), (free, np.arange(len(free)))), shape=(total, len(free)))
        if not len(pivots):
            return identity, csr_array((total, 0))
        rows = self._boundary_matrix()
        at_pivots, at_free = csc_array(rows[:, pivots]), csc_array(rows[:, free])
        try:
            factor = scipy.sparse.linalg.splu(at_pivots)
        except RuntimeError:
            raise UnsupportedProblem(
                f"collocation on {self.problem.name!r}: the boundary conditions do not determine the boundary values"
            ) from None
        used = np.flatnonzero(np.diff(at_free.indptr))
        solved = csc_array(factor.solve(at_free[:, used].toarray()))
        solved.data[np.abs(solved.data) < 1e-14 * max(1.0, np.abs(solved.data).max(initial=0.0))] = 0.0
        solved.eliminate_zeros()
        spread = csr_array((np.ones(len(used)), (np.arange(len(used)), used)), shape=(len(used), len(free)))
        place = csr_array((np.ones(len(pivots)), (pivots, np.arange(len(pivots)))), shape=(total, len(pivots)))
        return csr_array(identity - place @ (solved @ spread)), csr_array(
            place @ csc_array(factor.solve(np.eye(len(pivots))))
        )

    def _boundary_matrix(self) -> csr_array:
        """B in B U = g, one row per elimination."""
        total = len(self.states) * self.n
        pieces, order = [], []
        for row, k, where in self._groups:
            nodes = np.array([self._eliminations[i].node for i in where])
            block = csr_array((len(where), total))
            for jet, coefficient in row.linear.items():
                shifted = jet if not k else jet.shifted(0, k)
                state, spatial = self._block(shifted)
                values = self._coefficient(coefficient, row, nodes)
                local = sparse.diags_array(values) @ self.derivative(spatial)[nodes]
                left = csr_array((len(where), state * self.n))
                right = csr_array((len(where), total - (state + 1) * self.n))
                block = block + sparse.hstack([left, local, right], format="csr")
            pieces.append(block)
            order += where
        stacked = sparse.vstack(pieces, format="csr")
        return csr_array(stacked[np.argsort(order)])

    def _coefficient(self, coefficient: Expr, row: BoundaryRow, nodes: np.ndarray) -> np.ndarray:
        if self.problem.time is not None and coefficient.has(self.problem.time):
            raise UnsupportedProblem(
                f"the condition {row.residual} = 0 on {row.piece!r} of {self.problem.name!r} has the coefficient "
                f"{coefficient}, which changes in time"
            )
        time = [] if self.problem.time is None else [0.0]
        (value,) = Program([coefficient], self._arguments)(*time, *self.nodes[nodes].T, *self._normals(row.piece))
        return np.broadcast_to(np.asarray(value, float), len(nodes)).copy()
