"""The weak form of a problem on a mesh as a system of equations for nodal values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from scipy.sparse import csr_array

from pinnlab.discretization.galerkin_checks import refuse_values, require_balance
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import jet_symbols
from pinnlab.forms.weak import Natural, WeakForm
from pinnlab.meshing.mesh import Mesh
from pinnlab.numerics.galerkin import Block, Chunk, Patch, Pattern, as_coefficient, assembled, outward_normals, scatter
from pinnlab.numerics.lagrange import LagrangeSpace
from pinnlab.numerics.reference_element import FACET_KIND
from pinnlab.symbols import Expr, normal

# Integrals are exact for products of two shape functions, and one degree more where the degree is 2.
QUADRATURE = {1: 2, 2: 5}
# Normals with components below this are parallel to an axis.
_FLAT = 1e-9


class FiniteElements:
    """G(t, u) + M(t) u' = 0 for the nodal values u of all unknowns, one after another, `(n,)`.

    Values that are prescribed on the boundary belong to u and have no equation; the others are free, and only they
    are solved for.  Of a pressure that is determined up to a constant one value is held, and the equations of
    continuity, which then contradict each other by the error of the boundary data, are projected.

    Args:
        form: The weak form.
        mesh: Of the region, with its pieces.
        degrees: Of the polynomials for each unknown.

    Raises:
        UnsupportedProblem: If the equations do not determine an unknown, or a piece has no facet on the mesh.
    """

    def __init__(self, form: WeakForm, mesh: Mesh, degrees: Sequence[int]) -> None:
        self.form, self.mesh = form, mesh
        by_degree = {d: LagrangeSpace(mesh, d) for d in set(degrees)}
        self.spaces = tuple(by_degree[d] for d in degrees)
        self.offsets = np.cumsum([0, *(s.n for s in self.spaces)])
        self.n = int(self.offsets[-1])
        self._check()
        self._order = QUADRATURE[max(degrees)]
        self._nodes = tuple(o + s.connectivity for o, s in zip(self.offsets[:-1], self.spaces, strict=True))
        self._cells = Patch(mesh.kind, mesh.points[mesh.cells], tuple(degrees), self._order)
        self._facets = tuple(_Boundary(self, natural) for natural in form.natural)
        self._symbols = [s for name in form.names for s in form.jets(name)]
        self._compile()
        self._essential = self._essential_data()
        if self.pressure is not None:
            require_balance(form, mesh)

    # -- the free values -----------------------------------------------------------------------------------

    @cached_property
    def free(self) -> np.ndarray:
        """The numbers of the free values, ascending."""
        held = np.zeros(self.n, dtype=bool)
        for nodes, _ in self._essential:
            held[nodes] = True
        if self.pressure is not None:
            held[self.pressure.start] = True
        return np.flatnonzero(~held)

    @cached_property
    def pressure(self) -> slice | None:
        """The pressure's values, if they are determined up to a constant: no velocity is free across the boundary."""
        flow = self.form.flow
        if flow is None or any(e.unknown == flow.pressure for e in self.form.essential):
            return None
        given = {(e.unknown, e.piece) for e in self.form.essential}
        for piece in self.form.problem.region.pieces:
            normals = outward_normals(self.mesh, self.mesh.pieces[piece])
            for axis, name in enumerate(flow.velocity):
                if (name, piece) not in given and np.abs(normals[:, axis]).max(initial=0.0) > _FLAT:
                    return None
        return self.part(flow.pressure)

    def part(self, name: str) -> slice:
        """Where the values of one unknown are."""
        i = self.form.names.index(name)
        return slice(int(self.offsets[i]), int(self.offsets[i + 1]))

    def full(self, t: float, free: np.ndarray, *, rate: bool = False) -> np.ndarray:
        """All nodal values from the free ones, or all rates from the free ones."""
        u = self.data(t, rate=rate)
        u[self.free] = free
        return u

    def data(self, t: float, *, rate: bool = False) -> np.ndarray:
        """The prescribed values, or their rates, at a time; zero at free nodes."""
        u = np.zeros(self.n)
        for nodes, programs in self._essential:
            place = self._all_nodes[nodes]
            # Values that are not finite are named by `require_finite`.
            with np.errstate(all="ignore"):
                u[nodes] = programs[int(rate)](*self._at(t), *place.T)[0]
        return u

    def initial(self, t: float) -> np.ndarray:
        """Free values of the declared initial state; zero for unknowns without a rate."""
        u = self.data(t)
        for name, value in self.form.start.items():
            i = self.form.names.index(name)
            found = Program([value], self.form.problem.coordinates)(t, *self.spaces[i].nodes.T)[0]
            u[self.part(name)] = found
        return u[self.free]

    def nodal(self, u: np.ndarray) -> tuple[np.ndarray, ...]:
        """All values by unknown; a pressure that is free up to a constant gets mean zero."""
        u = u.copy()
        if self.pressure is not None:
            p = u[self.pressure]
            u[self.pressure] = p - self._volumes @ p / self._volumes.sum()
        return tuple(u[self.part(name)] for name in self.form.names)

    @cached_property
    def algebraic(self) -> np.ndarray:
        """Which free values have no rate."""
        evolving = np.zeros(self.n, dtype=bool)
        for name in {n for m in self.form.mass for n in m}:
            evolving[self.part(name)] = True
        return ~evolving[self.free]

    # -- equations -----------------------------------------------------------------------------------------

    def residual(self, t: float, u: np.ndarray) -> np.ndarray:
        """G(t, u) in the equations of the free values, from all values."""
        if self._is_constant:
            return self._projected(self._stiffness @ u + self._load(t))[self.free]
        return self._projected(self._vector(t, u))[self.free]

    def inertia(self, t: float, rate: np.ndarray) -> np.ndarray:
        """M(t) u' in the equations of the free values, from the rates of all values."""
        return self._projected(self._mass(t) @ rate)[self.free]

    def jacobian(self, t: float, u: np.ndarray) -> csr_array:
        """dG/du by the free values."""
        if self._is_constant:
            return self._free_stiffness
        return self._pattern.fill(self._matrices(t, u))

    def mass(self, t: float) -> csr_array:
        """M(t) by the rates of the free values."""
        if self._mass_is_constant:
            return self._free_mass
        return csr_array(self._mass(t)[self.free][:, self.free])

    @cached_property
    def is_constant(self) -> bool:
        """Whether Jacobian and mass are the same at all times and values."""
        return self._mass_is_constant and self._is_constant

    @cached_property
    def _is_constant(self) -> bool:
        return self.form.is_linear and not self._depends_on_time(self._partials_flat)

    @cached_property
    def _mass_is_constant(self) -> bool:
        return not self._depends_on_time([m for row in self.form.mass for m in row.values()])

    def _depends_on_time(self, expressions: Sequence[Expr]) -> bool:
        time = self.form.problem.time
        return time is not None and any(sp.sympify(e).has(time) for e in expressions)

    @cached_property
    def _partials_flat(self) -> list[Expr]:
        volume = [c for row in self.form.partials for block in row for c in block.values()]
        return volume + [c for b in self._facets for c in b.partials.values()]

    @cached_property
    def _stiffness(self) -> csr_array:
        parts = list(zip(self._blocks(lambda nodes: nodes), self._matrices(0.0, None), strict=True))
        return assembled((self.n, self.n), parts)

    @cached_property
    def _free_stiffness(self) -> csr_array:
        return csr_array(self._stiffness[self.free][:, self.free])

    @cached_property
    def _free_mass(self) -> csr_array:
        return csr_array(self._mass(0.0)[self.free][:, self.free])

    @cached_property
    def _pattern(self) -> Pattern:
        place = np.full(self.n, -1)
        place[self.free] = np.arange(len(self.free))
        return Pattern((len(self.free), len(self.free)), self._blocks(lambda nodes: place[nodes]))

    def _load(self, t: float) -> np.ndarray:
        """G(t, 0)."""
        return self._vector(t, None) if self._load_changes else self._constant_load

    @cached_property
    def _load_changes(self) -> bool:
        names = range(len(self.form.names))
        return self._depends_on_time([*(e for i in names for e in self.form.integrand(i)),
                                      *(n.outflow for n in self.form.natural)])  # fmt: skip

    @cached_property
    def _constant_load(self) -> np.ndarray:
        return self._vector(0.0, None)

    def _mass(self, t: float) -> csr_array:
        return self._constant_mass if self._mass_is_constant else self._assembled_mass(t)

    @cached_property
    def _constant_mass(self) -> csr_array:
        return self._assembled_mass(0.0)

    # -- assembly ------------------------------------------------------------------------------------------

    def _compile(self) -> None:
        """Lower all expressions once, so that a function without numerical counterpart is refused here."""
        form, arguments = self.form, [*self.form.problem.coordinates, *self._symbols]
        rows = range(len(form.names))
        integrands = [e for i in rows for e in form.integrand(i)]
        self._integrands, self._in_integrands = Program(integrands, arguments), set(jet_symbols(*integrands))
        self._pairs = [(i, j) for i in rows for j in rows if form.partials[i][j]]
        partials = [c for i, j in self._pairs for c in form.partials[i][j].values()]
        self._coefficients, self._in_coefficients = Program(partials, arguments), set(jet_symbols(*partials))
        self._mass_pairs = [(i, form.names.index(n)) for i in rows for n in form.mass[i]]
        masses = [m for i in rows for m in form.mass[i].values()]
        self._masses = Program(masses, form.problem.coordinates)

    def _at(self, t: float) -> tuple[float, ...]:
        return () if self.form.problem.time is None else (t,)

    def _vector(self, t: float, u: np.ndarray | None) -> np.ndarray:
        """G(t, u) for all test functions; G(t, 0) if u is None."""
        width = 1 + self.mesh.dim
        local = [np.empty(nodes.shape) for nodes in self._nodes]
        for chunk in self._cells.chunks():
            values = self._integrands(*self._arguments(t, chunk, u, self._in_integrands))
            for i, found in enumerate(local):
                integrand = values[i * width : (i + 1) * width]
                found[chunk.part] = chunk.vector(self.spaces[i].degree, integrand)
        total = sum(scatter(self.n, nodes, found) for nodes, found in zip(self._nodes, local, strict=True))
        return np.asarray(total + sum(b.vector(t, u) for b in self._facets))

    def _matrices(self, t: float, u: np.ndarray | None) -> list[np.ndarray]:
        """The matrices of cells, then of facets, in the order of `_blocks`."""
        degrees = [s.degree for s in self.spaces]
        keys = [list(self.form.partials[i][j]) for i, j in self._pairs]
        found = [np.empty((len(self.mesh.cells), self._nodes[i].shape[1], self._nodes[j].shape[1]))
                 for i, j in self._pairs]  # fmt: skip
        for chunk in self._cells.chunks():
            values = iter(self._coefficients(*self._arguments(t, chunk, u, self._in_coefficients)))
            for (i, j), names, matrices in zip(self._pairs, keys, found, strict=True):
                coefficients = {key: as_coefficient(next(values)) for key in names}
                matrices[chunk.part] = chunk.matrix(degrees[i], degrees[j], coefficients)
        return found + [m for b in self._facets for m in b.matrices(t, u)]

    def _blocks(self, place: Callable[[np.ndarray], np.ndarray]) -> list[Block]:
        cells = [Block(place(self._nodes[i]), place(self._nodes[j])) for i, j in self._pairs]
        return cells + [Block(place(rows), place(columns)) for b in self._facets for rows, columns in b.blocks()]

    def _assembled_mass(self, t: float) -> csr_array:
        degrees = [s.degree for s in self.spaces]
        found = [np.empty((len(self.mesh.cells), self._nodes[i].shape[1], self._nodes[j].shape[1]))
                 for i, j in self._mass_pairs]  # fmt: skip
        for chunk in self._cells.chunks():
            values = self._masses(*self._at(t), *chunk.points)
            for (i, j), value, matrices in zip(self._mass_pairs, values, found, strict=True):
                matrices[chunk.part] = chunk.matrix(degrees[i], degrees[j], {(0, 0): as_coefficient(value)})
        blocks = [Block(self._nodes[i], self._nodes[j]) for i, j in self._mass_pairs]
        return assembled((self.n, self.n), list(zip(blocks, found, strict=True)))

    def _arguments(self, t: float, chunk: Chunk, u: np.ndarray | None, held: set[sp.Symbol]) -> list[Any]:
        """Coordinates, then value and gradient of each unknown at the quadrature points; zero where none is needed."""
        jets: list[Any] = []
        for name, space, nodes in zip(self.form.names, self.spaces, self._nodes, strict=True):
            value, *slopes = self.form.jets(name)
            if u is None:
                jets += [0.0] * (1 + len(slopes))
                continue
            nodal = u[nodes[chunk.part]]
            jets.append(chunk.value(space.degree, nodal) if value in held else 0.0)
            jets += [0.0] * len(slopes) if held.isdisjoint(slopes) else chunk.gradient(space.degree, nodal)
        return [*self._at(t), *chunk.points, *jets]

    def _projected(self, r: np.ndarray) -> np.ndarray:
        """The equations of continuity less their sum, spread by volume, where a constant pressure moves nothing."""
        if self.pressure is not None:
            rows = r[self.pressure]
            r[self.pressure] = rows - self._volumes * (rows.sum() / self._volumes.sum())
        return r

    @cached_property
    def _volumes(self) -> np.ndarray:
        """∫ q for the pressure's shape functions q."""
        assert self.form.flow is not None  # asked for by flows alone
        i = self.form.names.index(self.form.flow.pressure)
        local = [chunk.vector(self.spaces[i].degree, [1.0, *[0.0] * self.mesh.dim])
                 for chunk in self._cells.chunks()]  # fmt: skip
        return scatter(self.spaces[i].n, self.spaces[i].connectivity, np.concatenate(local))

    @cached_property
    def _all_nodes(self) -> np.ndarray:
        """Where each of all values lives `(n, dim)`."""
        return np.concatenate([s.nodes for s in self.spaces])

    # -- checks --------------------------------------------------------------------------------------------

    def _check(self) -> None:
        who = f"finite elements on {self.form.problem.name!r}"
        for piece in self.form.problem.region.pieces:
            if not len(self.mesh.pieces.get(piece, ())):
                raise UnsupportedProblem(f"{who}: the mesh has no facet on the piece {piece!r}; make its cells smaller")
        for name in self.form.undetermined:
            raise UnsupportedProblem(
                f"{who}: only derivatives of {name} occur, so a constant may be added to any solution; fix it by a "
                f"Dirichlet condition on a piece, or add a term with {name} itself"
            )

    def require_finite(self, t: float) -> None:
        """Say which prescribed value, or in a linear problem which equation, is not finite at a time, and where.

        Raises:
            SolveFailed: If one is not.
        """
        with np.errstate(all="ignore"):
            for e, (nodes, programs) in zip(self.form.essential, self._essential, strict=True):
                places = self._all_nodes[nodes]
                what = f"the value of {e.unknown} prescribed on {e.piece!r}"
                refuse_values(what, e.value, programs[0](*self._at(t), *places.T)[0], places)
            if not self.form.is_linear:
                return
            zero = dict.fromkeys(self._symbols, sp.S.Zero)
            for chunk in self._cells.chunks():
                values = self._integrands(*self._arguments(t, chunk, None, set()))
                places = chunk.points.reshape(self.mesh.dim, -1).T
                for k, value in enumerate(values):
                    i, part = divmod(k, 1 + self.mesh.dim)
                    what = f"the equation with the test function of {self.form.names[i]}"
                    found = np.broadcast_to(value, chunk.points.shape[1:]).ravel()
                    refuse_values(what, self.form.integrand(i)[part].subs(zero), found, places)
            for boundary in self._facets:
                boundary.require_finite(t)

    def _essential_data(self) -> list[tuple[np.ndarray, tuple[Program, Program]]]:
        """Nodes with prescribed values, and the programs of values and rates; where pieces meet the later wins."""
        found = []
        problem = self.form.problem
        for e in self.form.essential:
            i = self.form.names.index(e.unknown)
            nodes = self.offsets[i] + self.spaces[i].piece_nodes(e.piece)
            rate = sp.S.Zero if problem.time is None else sp.diff(e.value, problem.time)
            found.append((nodes, (Program([e.value], problem.coordinates), Program([rate], problem.coordinates))))
        return found


class _Boundary:
    """The integral of one outward flux over its piece."""

    def __init__(self, system: FiniteElements, natural: Natural) -> None:
        self._system, self._natural = system, natural
        form, mesh = system.form, system.mesh
        facets = mesh.pieces[natural.piece]
        self._row = form.names.index(natural.unknown)
        degrees = tuple(s.degree for s in system.spaces)
        self._patch = Patch(FACET_KIND[mesh.kind], mesh.points[facets], degrees, system._order)
        self._nodes = [o + s.facet_nodes(facets) for o, s in zip(system.offsets[:-1], system.spaces, strict=True)]
        self._normals = outward_normals(mesh, facets)
        values = [form.jets(name)[0] for name in form.names]
        space = form.problem.space
        arguments = [*form.problem.coordinates, *(normal(c) for c in space), *values]
        held = set(jet_symbols(natural.outflow))
        self.partials = {j: sp.diff(natural.outflow, s) for j, s in enumerate(values) if s in held}
        self._outflow = Program([natural.outflow], arguments)
        self._slopes = Program(list(self.partials.values()), arguments)

    def vector(self, t: float, u: np.ndarray | None) -> np.ndarray:
        """∮ (F·n) v for all test functions."""
        degree = self._system.spaces[self._row].degree
        local = [chunk.vector(degree, self._outflow(*self._arguments(t, chunk, u)))
                 for chunk in self._patch.chunks()]  # fmt: skip
        return scatter(self._system.n, self._nodes[self._row], np.concatenate(local))

    def require_finite(self, t: float) -> None:
        """Raise SolveFailed where it is not finite though all unknowns are zero."""
        for chunk in self._patch.chunks():
            found = np.broadcast_to(self._outflow(*self._arguments(t, chunk, None))[0], chunk.points.shape[1:])
            what = f"the flux of {self._natural.unknown} on {self._natural.piece!r}"
            refuse_values(what, self._natural.outflow, found.ravel(), chunk.points.reshape(len(chunk.points), -1).T)

    def matrices(self, t: float, u: np.ndarray | None) -> list[np.ndarray]:
        """Its derivatives by the values of each unknown in it."""
        spaces, found = self._system.spaces, []
        chunks = [(chunk, self._slopes(*self._arguments(t, chunk, u))) for chunk in self._patch.chunks()]
        for k, j in enumerate(self.partials):
            parts = [chunk.matrix(spaces[self._row].degree, spaces[j].degree, {(0, 0): as_coefficient(values[k])})
                     for chunk, values in chunks]  # fmt: skip
            found.append(np.concatenate(parts))
        return found

    def blocks(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows and columns of the matrices."""
        return [(self._nodes[self._row], self._nodes[j]) for j in self.partials]

    def _arguments(self, t: float, chunk: Chunk, u: np.ndarray | None) -> list[Any]:
        system, values = self._system, []
        for space, nodes in zip(system.spaces, self._nodes, strict=True):
            values.append(0.0 if u is None else chunk.value(space.degree, u[nodes[chunk.part]]))
        normals = [n[:, None] for n in self._normals[chunk.part].T]
        return [*system._at(t), *chunk.points, *normals, *values]
