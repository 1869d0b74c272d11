"""The classical column: what a classical solver reaches on the problems that Gaussian processes are measured on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse.linalg
import sympy as sp

from pinnlab import Chebyshev, Collocation, Dop853, FiniteDifferences, MethodOfLines, Problem, Radau, solve
from pinnlab.field import ExactField
from pinnlab.forms.boundary import Dirichlet, classify
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import Jet, jet_symbols
from pinnlab.forms.pointwise import Pointwise
from pinnlab.metrics import comparison_nodes, relative_l2, sample
from pinnlab.numerics.axes import ChebyshevAxis
from pinnlab.solver import Refinable

# Nodes of a comparison: enough to see five hundred waves and few enough to cost less than the solution.
BUDGET = 4_000
CORRECTION = 1e-13
# Corrections this small that hardly shrink are rounding.
STALLED = 1e-6
CORRECTIONS = 30


class Classical(NamedTuple):
    """What a classical solver reached.

    Attributes:
        solver: Its name and settings.
        error: Relative L2 error against the exact solution.
        seconds: Of the solution that has this error, without the second one below.
        bound: Relative L2 distance to the solution with fewer nodes per axis, which the exact solution has no part in.
    """

    solver: str
    error: float
    seconds: float
    bound: float


def classical(problem: Problem) -> Classical:
    """The classical solver that stands beside the Gaussian processes on a problem.

    Raises:
        ValueError: If none is set down for this problem.
    """
    if problem.name in LINES:
        points, coarse = LINES[problem.name]
        return _shipped(problem, points, coarse)
    if problem.name in SQUARES:
        return _square(problem, SQUARES[problem.name])
    raise ValueError(f"no classical solver is set down for {problem.name!r}; there is one for {[*LINES, *SQUARES]}")


def _chebyshev(points: int | tuple[int, ...]) -> Refinable:
    return Collocation(Chebyshev(points))


def _steps(points: int, snapshots: int) -> Refinable:
    return MethodOfLines(Chebyshev(points), Radau(1e-9, 1e-11), snapshots)


def _cells(points: int) -> Refinable:
    return MethodOfLines(FiniteDifferences(points, accuracy=6), Radau(1e-7, 1e-9), snapshots=400)


def _explicit(points: int, snapshots: int) -> Refinable:
    return MethodOfLines(Chebyshev(points), Dop853(1e-9, 1e-11), snapshots)


# The nodes of the published comparison where there are such, and fewer of them for the bound.  Enough times are kept
# that interpolation between them adds no error.
LINES: dict[str, tuple[Refinable, Refinable]] = {
    "poisson_hf_1": (_chebyshev(400), _chebyshev(380)),
    "poisson_hf_2": (_chebyshev(900), _chebyshev(676)),
    "poisson_hf_3": (_chebyshev(400), _chebyshev(380)),
    "poisson_hf_4": (_chebyshev(900), _chebyshev(750)),
    "poisson_hf_5": (_chebyshev(400), _chebyshev(340)),
    "allen_cahn_steady_1": (_chebyshev(400), _chebyshev(380)),
    "allen_cahn_steady_2": (_chebyshev(400), _chebyshev(380)),
    "advection_fast": (_explicit(10, 1000), _explicit(8, 1000)),
    "burgers_smooth": (_cells(512), _cells(384)),
    "heat_line": (_steps(48, 300), _steps(36, 300)),
    "nonlinear_elliptic": (_chebyshev(32), _chebyshev(26)),
    "eikonal": (_chebyshev(36), _chebyshev(28)),
    "elasticity_square": (_chebyshev(16), _chebyshev(12)),
    "maxwell_2d": (_explicit(24, 300), _explicit(18, 300)),
    "wave_2d": (_explicit(32, 400), _explicit(28, 400)),
}
# Nodes per axis.
SQUARES: dict[str, tuple[int, int]] = {
    "poisson_hf_2d_1": (400, 380),
    "poisson_hf_2d_2": (200, 170),
    "allen_cahn_steady_2d": (400, 300),
    "nonlinear_elliptic_rough": (200, 150),
}


def _shipped(problem: Problem, solver: Refinable, coarser: Refinable) -> Classical:
    start = time.perf_counter()
    fine = solve(problem, solver, device="cpu").checked()
    seconds = time.perf_counter() - start
    coarse = solve(problem, coarser, device="cpu").checked()
    nodes = comparison_nodes(problem, BUDGET)
    found = sample(fine.field, nodes)
    error = relative_l2(found, sample(ExactField.of(problem), nodes))
    return Classical(_named(solver), error, seconds, relative_l2(sample(coarse.field, nodes), found))


def _named(solver: Refinable) -> str:
    space = f"{type(solver.space).__name__} {solver.space.points}"
    return f"{space}, Newton" if isinstance(solver, Collocation) else f"{space}, {type(solver.time).__name__}"


def _square(problem: Problem, sizes: tuple[int, int]) -> Classical:
    """Δu + r(x, y, u) = 0 with Dirichlet data: fast diagonalisation, which preconditions Newton's corrections."""
    start = time.perf_counter()
    axes, values = _newton(problem, sizes[0])
    seconds = time.perf_counter() - start
    others, coarse = _newton(problem, sizes[1])
    (lower, upper), _ = problem.region.bounds.values()
    places = np.linspace(lower, upper, 301)
    x, y = np.meshgrid(places, places, indexing="ij")
    exact = np.broadcast_to(Program(problem.exact_expressions, problem.coordinates)(x, y)[0], x.shape)
    found, less = (
        a.interpolation(places) @ v @ a.interpolation(places).T for a, v in ((axes, values), (others, coarse))
    )
    size = np.linalg.norm(exact)
    name = f"Chebyshev {sizes[0]}², fast diagonalisation"
    error, bound = (float(np.linalg.norm(d) / size) for d in (found - exact, less - found))
    return Classical(name, error, seconds, bound)


def _newton(problem: Problem, n: int) -> tuple[ChebyshevAxis, np.ndarray]:
    """The axis of a square and the values `(n, n)` at its nodes."""
    (lower, upper), _ = problem.region.bounds.values()
    axis = ChebyshevAxis(lower, upper, n)
    x, y = np.meshgrid(axis.nodes, axis.nodes, indexing="ij")
    rest, slope = _reaction(problem)
    u = _boundary(problem, axis)
    second = axis.differentiation(2).toarray()
    solve_laplace = _fast_diagonalisation(second[1:-1, 1:-1])
    inside = (slice(1, -1), slice(1, -1))
    at = (x[inside], y[inside])
    previous = np.inf
    for _ in range(CORRECTIONS):
        laplace = (second @ u + u @ second.T)[inside]
        residual = laplace + np.broadcast_to(rest(*at, u[inside])[0], laplace.shape)
        factor = np.broadcast_to(slope(*at, u[inside])[0], laplace.shape)
        correction = _correction(solve_laplace, factor, residual)
        u[inside] -= correction
        size = np.abs(correction).max() / np.abs(u).max()
        if size < CORRECTION or (previous < STALLED and size > 0.1 * previous):
            return axis, u
        previous = size
    raise ValueError(f"{problem.name}: Newton's method has not converged in {CORRECTIONS} corrections")


def _correction(
    solve_laplace: Callable[[np.ndarray], np.ndarray], factor: np.ndarray, residual: np.ndarray
) -> np.ndarray:
    """c with Δc + factor c = residual."""
    start = solve_laplace(residual)
    if not factor.any():
        return start
    shape, size = residual.shape, residual.size

    def applied(c: np.ndarray) -> np.ndarray:
        return c + solve_laplace(factor * c.reshape(shape)).ravel()

    operator = scipy.sparse.linalg.LinearOperator((size, size), matvec=applied, dtype=float)
    found, failed = scipy.sparse.linalg.gmres(operator, start.ravel(), rtol=1e-8, restart=60, maxiter=5)
    if failed:
        raise ValueError("the linearised equation has no solution by GMRES; is it singular?")
    return found.reshape(shape)


def _fast_diagonalisation(second: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The inverse of the Laplacian of a square with zero values on its boundary [1].

    [1] R. E. Lynch, J. R. Rice, D. H. Thomas, Numer. Math. 6 (1964) 185-199.
    """
    values, vectors = scipy.linalg.eig(second)
    values, vectors = values.real, vectors.real
    factors = scipy.linalg.lu_factor(vectors)
    sums = values[:, None] + values

    def solved(f: np.ndarray) -> np.ndarray:
        left = scipy.linalg.lu_solve(factors, f)
        both = scipy.linalg.lu_solve(factors, left.T).T / sums
        return vectors @ both @ vectors.T

    return solved


def _reaction(problem: Problem) -> tuple[Program, Program]:
    """r(x, y, u) and dr/du of a problem ±(Δu + r) = 0.

    Raises:
        ValueError: If the problem has another form.
    """
    (residual,) = Pointwise.of(problem).residuals
    (name,) = problem.names
    u, u_xx, u_yy = (Jet(name, orders).symbol for orders in ((0, 0), (2, 0), (0, 2)))
    sign = sp.diff(residual, u_xx)
    rest = sign * residual - u_xx - u_yy
    rest = sp.Add(
        *(sp.expand(e) if e.has(u_xx, u_yy) else e for e in sp.Add.make_args(sp.expand_mul(rest, deep=False)))
    )
    if sign not in (1, -1) or set(jet_symbols(rest)) - {u}:
        raise ValueError(f"{problem.name}: it is not a Laplacian and a term without derivatives")
    arguments = [*problem.coordinates, u]
    return Program([rest], arguments), Program([sp.diff(rest, u)], arguments)


def _boundary(problem: Problem, axis: ChebyshevAxis) -> np.ndarray:
    """Zero with the prescribed values on the four sides, `(n, n)`."""
    n = len(axis.nodes)
    u = np.zeros((n, n))
    ends = {"left": (0, slice(None)), "right": (-1, slice(None)), "bottom": (slice(None), 0), "top": (slice(None), -1)}
    x, y = np.meshgrid(axis.nodes, axis.nodes, indexing="ij")
    for row in classify(problem):
        if not isinstance(row, Dirichlet):
            raise ValueError(f"{problem.name}: {row} is no Dirichlet condition")
        at = ends[row.piece]
        u[at] = Program([row.value], problem.coordinates)(x[at], y[at])[0]
    return u
