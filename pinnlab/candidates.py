"""Classical solvers that suit a problem, and the preferred one among them."""

from __future__ import annotations

import sympy as sp

from pinnlab.discretization.collocation import Chebyshev, FiniteDifferences
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.balance_law import BalanceLaw
from pinnlab.forms.rates import Rates
from pinnlab.numerics.automatic import Automatic
from pinnlab.numerics.implicit import Bdf2
from pinnlab.numerics.integrators import Bdf, Dop853, Radau
from pinnlab.problem import Problem
from pinnlab.solver import Refinable, solver_name
from pinnlab.solvers.collocation import Collocation
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.solvers.finite_element import FiniteElement
from pinnlab.solvers.finite_volume import FiniteVolume
from pinnlab.solvers.method_of_lines import MethodOfLines
from pinnlab.solvers.ode import Ode
from pinnlab.symbols import with_values


def candidates(problem: Problem) -> list[Refinable]:
    """Classical solvers that take a problem, the preferred one first, at the resolution where refinement starts."""
    dim = len(problem.space)
    possible: list[Refinable] = list(_for_evolution_in_time()) if dim == 0 else [*_on_tensor_grids(problem)]
    if dim:
        volumes = FiniteVolume(cells=100 if dim == 1 else 32, snapshots=50)
        # Smooth methods answer at first for what is not smooth, and never converge.
        possible = [volumes, *possible] if is_rough(problem) else [*possible, volumes]
        possible.append(FiniteElement(cells={1: 64, 2: 16}.get(dim, 4), time=Bdf2(1e-5, 1e-7), snapshots=25))
    return [s for s in possible if _takes(s, problem)]


def _for_evolution_in_time() -> list[Refinable]:
    return [Ode(Automatic(1e-7, 1e-9)), Ode(Dop853(1e-7, 1e-9)), Ode(Radau(1e-7, 1e-9))]


def _on_tensor_grids(problem: Problem) -> list[Refinable]:
    dim = len(problem.space)
    start = {1: 128, 2: 32, 3: 16}.get(dim, 16)
    possible: list[Refinable] = [
        Etdrk4(points=start // 2 if dim == 1 else start, steps=50, snapshots=50),
        Collocation(Chebyshev(16)),
        Collocation(FiniteDifferences(max(start, 32), accuracy=6)),
    ]
    if dim == 2:
        # Radau factorises complex matrices, which costs too much here; sixth order saves nodes where diffusion
        # keeps one-sided differences at the boundary stable.
        accuracy = 6 if _is_diffusive(problem) else 4
        possible.append(MethodOfLines(FiniteDifferences(start, accuracy), Bdf(1e-7, 1e-9), snapshots=50))
    return [
        *possible,
        MethodOfLines(FiniteDifferences(start), Radau(1e-6, 1e-8), snapshots=50),
        MethodOfLines(Chebyshev(32 if dim == 1 else 12), Bdf(1e-7, 1e-9), snapshots=50),
    ]


def is_rough(problem: Problem) -> bool:
    """Whether the solution may have jumps or kinks: shocks may form, or the declaration has a case distinction."""
    declared = [with_values(e) for e in (*problem.equations, *(c.residual for c in problem.conditions))]
    return may_form_shocks(problem) or any(
        e.has(sp.Piecewise, sp.Heaviside, sp.sign, sp.Abs, sp.Max, sp.Min) for e in declared
    )


def may_form_shocks(problem: Problem) -> bool:
    """Whether smooth data may steepen into shocks: first-order equations with nonlinear fluxes."""
    if problem.time is None or not problem.space:
        return False
    try:
        law = BalanceLaw.of(problem)
    except UnsupportedProblem:
        return False
    fluxes = [f for row in law.flux for f in row if f != 0]
    if not fluxes or any(e.has(sp.Derivative) for e in (*fluxes, *law.source)):
        return False
    table = {u: sp.Dummy() for u in problem.unknowns}
    return any(sp.diff(f.xreplace(table), a, b) != 0 for f in fluxes for a in table.values() for b in table.values())


def independent(problem: Problem, solver: object) -> Refinable:
    """The preferred classical solver of a problem that is another method than the given one.

    Raises:
        UnsupportedProblem: If no second classical method takes the problem.
    """
    found = next((s for s in candidates(problem) if not _same_method(s, solver)), None)
    if found is None:
        raise UnsupportedProblem(f"no second classical solver takes {problem.name!r}, so nothing checks the first")
    return found


def refusals(problem: Problem) -> str:
    """The reason of each classical solver that does not take a problem."""
    reasons = []
    for solver in (Ode(), Etdrk4(), MethodOfLines(), Collocation(), FiniteVolume(), FiniteElement()):
        try:
            solver.compile(problem)
        except UnsupportedProblem as error:
            reasons.append(f"{solver_name(solver)}: {error}")
    return "; ".join(reasons)


def _same_method(a: Refinable, b: object) -> bool:
    if type(a) is not type(b):
        return False
    parts = ("space", "time")
    return all(type(getattr(a, p, None)) is type(getattr(b, p, None)) for p in parts)


def _is_diffusive(problem: Problem) -> bool:
    """Whether the rate of every state holds its own second derivatives along every axis."""
    try:
        rates = Rates.of(problem)
    except UnsupportedProblem:
        return False
    dim = len(problem.space)
    return all(
        r.has(state.shifted(axis, 2).symbol)
        for state, r in zip(rates.states, rates.rates, strict=True)
        for axis in range(1, dim + 1)
    )


def _takes(solver: Refinable, problem: Problem) -> bool:
    try:
        solver.compile(problem)
    except UnsupportedProblem:
        return False
    return True
