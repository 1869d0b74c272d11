"""Ordinary differential equations: orders of the TASE methods, what Automatic chooses, and published digits."""

from __future__ import annotations

import time

import numpy as np
import sympy as sp
from _report import Report, shipped
from rich.table import Table

from pinnlab import Box, D, Problem, initial, solve
from pinnlab.numerics.automatic import Automatic
from pinnlab.numerics.integrators import Dop853, Radau
from pinnlab.numerics.tase import ModifiedSinglyTase, SinglyTase
from pinnlab.reference import error_against, refine
from pinnlab.solvers.ode import Ode

METHODS = ("Dop853", "Lsoda", "Radau")
PROBLEMS = {
    "lorenz": Dop853(2.3e-14, 1e-15),
    "lotka_volterra": Dop853(1e-13, 1e-15),
    "brusselator": Dop853(1e-13, 1e-15),
    "three_body": Dop853(1e-13, 1e-15),
    "van_der_pol": Radau(1e-10, 1e-12),
    "robertson": Radau(1e-10, 1e-16),
}
# E. Hairer, G. Wanner, Solving Ordinary Differential Equations II: Robertson's problem at t = 1e11.
PUBLISHED = (0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050)


def reaction_and_heat():
    """A manufactured semi-discrete heat equation with a reaction, 64 unknowns."""
    from pinnlab import FiniteDifferences, MethodOfLines, dirichlet

    t, x = sp.symbols("t x", real=True)
    u = sp.Function("u")(t, x)
    problem = Problem(
        "reaction_heat",
        [D(u, t) - D(u, x, 2) - u + u**3],
        [u],
        Box({t: (0, 1), x: (0, 1)}),
        [initial(u, sp.sin(sp.pi * x)), dirichlet(u, 0)],
        t,
    )
    return problem, lambda integrator: MethodOfLines(FiniteDifferences(66, 2), integrator, snapshots=10)


def oscillator():
    """Van der Pol's oscillator with mu = 5 over one slow passage."""
    t = sp.Symbol("t", real=True)
    u, v = (sp.Function(n)(t) for n in "uv")
    equations = [D(u, t) - v, D(v, t) - 5 * (1 - u**2) * v + u]
    problem = Problem("van_der_pol_5", equations, [u, v], Box({t: (0, 2)}), [initial(u, 2), initial(v, 0)], t)
    return problem, lambda integrator: Ode(integrator)


def final(problem, solver) -> np.ndarray:
    field = solve(problem, solver, device="cpu").checked().field
    end = problem.interval.end
    axes = [np.linspace(*b, 50) for b in getattr(problem.region, "bounds", {}).values()]
    points = np.array(np.meshgrid([end], *axes, indexing="ij")).reshape(1 + len(axes), -1).T
    return field(points)


def orders(report: Report) -> None:
    table = Table(
        "problem",
        "method",
        "order",
        "steps",
        "error at the end",
        "observed order",
        title="TASE, required 2 ± 0.1 and 3 ± 0.1",
    )
    cases = ((*oscillator(), (400, 800, 1600, 3200)), (*reaction_and_heat(), (80, 160, 320, 640)))
    for problem, solver, counts in cases:
        truth = final(problem, solver(Radau(1e-12, 1e-14)))
        for kind in (SinglyTase, ModifiedSinglyTase):
            for order in (2, 3):
                previous = 0.0
                for n in counts:
                    length = problem.interval.length
                    error = float(np.abs(final(problem, solver(kind(order, length / n))) - truth).max())
                    observed = f"{np.log2(previous / error):.2f}" if previous else ""
                    table.add_row(problem.name, kind.__name__, str(order), str(n), f"{error:.2e}", observed)
                    previous = error
    report.print(table)
    fastest = 4 * 65**2 * np.sin(np.pi / 2 * 64 / 65) ** 2
    report.print(
        f"Kutta's explicit method of order 3 is stable on reaction_heat for h < 2.51 / {fastest:,.0f} only, "
        f"which is {fastest / 2.51:,.0f} steps."
    )


def choices(problem, integrator) -> str:
    """The methods that Automatic used, with their shares of the steps."""
    method = Ode(integrator).compile(problem)
    state, shares = method.init(0), dict.fromkeys(METHODS, 0)
    while state.integrator.t < problem.interval.end:
        used, before = METHODS[state.integrator.choice], state.integrator.steps
        state, _ = method.step(state)
        shares[used] += state.integrator.steps - before
    return ", ".join(f"{name} {n}" for name, n in shares.items() if n)


def problems(report: Report) -> None:
    table = Table(
        "problem", "steps by method", "seconds", "relative L2 error", "bound", "bound / error", "seconds with bound",
        title="Ode(Automatic(1e-8, 1e-10)), error against Dop853 or Radau at the tolerance below, and refined for its bound",
    )  # fmt: skip
    for name, strict in PROBLEMS.items():
        problem = shipped(name)
        integrator = Automatic(1e-8, 1e-10)
        start = time.perf_counter()
        solution = solve(problem, Ode(integrator), device="cpu").checked()
        seconds = time.perf_counter() - start
        truth = solve(problem, Ode(strict), device="cpu").checked().field
        error = error_against(solution.field, truth)["relative_l2"]
        start = time.perf_counter()
        bounded = refine(problem, Ode(integrator), 1e-6, max_seconds=10)
        spent = time.perf_counter() - start
        true = error_against(bounded.field, truth)["relative_l2"]
        table.add_row(
            name,
            choices(problem, integrator),
            f"{seconds:.2f}",
            f"{error:.1e}",
            f"{bounded.error_bound:.1e}" + ("" if bounded.bound.reached else " (1e-6 not reached)"),
            f"{bounded.error_bound / true:.1f}",
            f"{spent:.1f}",
        )
    report.print(table)


def robertson(report: Report) -> None:
    problem = shipped("robertson")
    end = np.array([[problem.interval.end]])
    for integrator in (Radau(1e-10, 1e-20), Automatic(1e-10, 1e-20)):
        found = solve(problem, Ode(integrator), device="cpu").checked().field(end)[0]
        text = ", ".join(f"{a:.13e} ({abs(a / b - 1):.0e})" for a, b in zip(found, PUBLISHED, strict=True))
        report.print(
            f"robertson at t = 1e11, {type(integrator).__name__}: {text}  (relative distance to the published digits)"
        )


if __name__ == "__main__":
    report = Report("ode")
    orders(report)
    problems(report)
    robertson(report)
    report.save()
