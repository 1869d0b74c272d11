"""Finite elements as linear systems to be solved, and as a system of differential-algebraic equations."""

from __future__ import annotations

import itertools
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from pinnlab.discretization.finite_elements import FiniteElements
from pinnlab.errors import SolveFailed
from pinnlab.numerics.linear_solve import Direct, LinearSolver, Multigrid, is_symmetric

# By dimension of space: above so many unknowns, multigrid solves what it can; the rest is factorised up to so many.
FACTORISED = {1: 2_000_000, 2: 20_000, 3: 5_000}
MOST_FACTORISED = {1: 2_000_000, 2: 250_000, 3: 40_000}
_REMEMBERED = 3


def prepared(system: FiniteElements, matrix: csr_array) -> LinearSolver:
    """A solver for a matrix of the system: by factorisation, or by multigrid above 20,000 unknowns (5,000 in space).

    Saddle points, and matrices that are not symmetric, are factorised as long as they fit.

    Raises:
        SolveFailed: If the matrix is singular, or too large for the method that it needs.
    """
    n, dim, flow = matrix.shape[0], system.mesh.dim, system.form.flow is not None
    if n <= FACTORISED[dim]:
        return Direct(matrix)
    if n <= MOST_FACTORISED[dim] and (flow or not is_symmetric(matrix)):
        return Direct(matrix)
    if flow:
        raise SolveFailed(f"{n} unknowns of an incompressible flow cannot be factorised; use fewer cells")
    return Multigrid(matrix, near_kernel(system))


def near_kernel(system: FiniteElements) -> np.ndarray:
    """Constants in each unknown, and rotations where unknowns are as many as dimensions and coupled `(n, k)`."""
    columns = []
    for name in system.form.names:
        constant = np.zeros(system.n)
        constant[system.part(name)] = 1.0
        columns.append(constant)
    names, dim = system.form.names, system.mesh.dim
    partials = system.form.partials
    coupled = any(a and b for i in range(len(names)) for j in range(len(names)) if i != j for a, b in partials[i][j])
    if len(names) == dim and coupled:
        for i in range(dim):
            for j in range(i):
                rotation = np.zeros(system.n)
                rotation[system.part(names[i])] = system.spaces[i].nodes[:, j]
                rotation[system.part(names[j])] = -system.spaces[j].nodes[:, i]
                columns.append(rotation)
    return np.stack(columns, axis=1)[system.free]


class Evolution:
    """M u' + G(t, u) = 0 for the free values of a system of finite elements; an `ImplicitSystem`."""

    def __init__(self, system: FiniteElements) -> None:
        self._system = system
        self._solvers: dict[float, LinearSolver] = {}

    @property
    def algebraic(self) -> np.ndarray:
        """Which free values have no rate."""
        return self._system.algebraic

    @property
    def is_linear(self) -> bool:
        """Whether one correction solves a step."""
        return self._system.form.is_linear and self._system.is_constant

    def residual(self, t: float, y: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """M u' + G(t, u)."""
        system = self._system
        return system.inertia(t, system.full(t, rate, rate=True)) + system.residual(t, system.full(t, y))

    def solver(self, t: float, y: np.ndarray, shift: float) -> LinearSolver:
        """For shift · M + dG/du; remembered where that depends on the shift alone."""
        if not self._system.is_constant:
            return self._prepared(t, y, shift)
        if shift not in self._solvers:
            if len(self._solvers) >= _REMEMBERED:
                del self._solvers[next(iter(self._solvers))]
            self._solvers[shift] = self._prepared(t, y, shift)
        return self._solvers[shift]

    def magnitudes(self, y: np.ndarray) -> np.ndarray:
        """The largest value of each unknown."""
        sizes = np.zeros(len(y))
        for part in self._parts:
            sizes[part] = np.abs(y[part]).max(initial=0.0)
        return sizes

    @cached_property
    def _parts(self) -> list[slice]:
        bounds = np.searchsorted(self._system.free, self._system.offsets)
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(bounds)]

    def _prepared(self, t: float, y: np.ndarray, shift: float) -> LinearSolver:
        system = self._system
        return prepared(system, csr_array(shift * system.mass(t) + system.jacobian(t, system.full(t, y))))
