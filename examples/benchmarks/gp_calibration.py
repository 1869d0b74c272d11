"""Whether the deviation of `SpectralGp` tells its error: noisy values in place of conditions and of parameters.

Every problem loses the data of a piece of its boundary, or a parameter, and is given noisy values at random points
instead.  The solver has its default settings; it knows the level of the noise and nothing of the truth.  Errors of one
draw of the noise go together from point to point, so that coverage is averaged over draws.

How the prior's size is learned from noisy values was chosen while coverage in this table was watched: first the nugget
and the weak prior of the size, last that the size is taken at the upper end of one standard deviation and not at its most
likely value (before: 98, 91, 99, 86, 75, 69 and 100 %).

Give names of cases to run these alone.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
import sympy as sp
from _report import Report, shipped
from rich.table import Table

from pinnlab import (
    Box,
    D,
    Integral,
    Observations,
    Problem,
    SpectralGp,
    Uncertain,
    dirichlet,
    initial,
    initial_rate,
    neumann,
    parameter,
    solve,
)
from pinnlab.calibration import coverage, crps

# Shares of the truth below which a value counts as known.
ROUNDING = 1e-6
t, x = sp.symbols("t x", real=True)


@dataclass(frozen=True)
class Case:
    """A problem with values in place of something.

    Attributes:
        problem: With its truth; without a parameter's value where one is unknown.
        uncertain: Pieces whose data the solver does not see.
        count: Values for one draw.
        noise: Their standard deviation, relative to the root mean square of the truth.
        draws: Of points and noise.
        parameters: The true values of unknown ones.
    """

    problem: Problem
    uncertain: tuple[Uncertain, ...]
    count: int
    noise: float
    draws: int
    parameters: tuple[tuple[str, float], ...] = ()


def oscillator() -> Problem:
    v = sp.Function("v")(t)
    exact = sp.exp(-t / 10) * sp.cos(3 * t)
    equation = D(v, t, 2) + D(v, t) / 5 + (9 + sp.Rational(1, 100)) * v
    conditions = [initial(v, 1), initial_rate(v, -sp.Rational(1, 10))]
    return Problem("oscillator", [equation], [v], Box({t: (0, 6)}), conditions, time=t, reference=exact)


def advection() -> Problem:
    v = sp.Function("v")(t, x)
    exact = sp.sin(3 * (x - t)) + sp.cos(6 * (x - t)) / 2
    return Problem(
        "advection_inflow", [D(v, t) + D(v, x)], [v], Box({t: (0, 1), x: (0, 1)}),
        [initial(v, exact.subs(t, 0)), dirichlet(v, exact, on="left")], time=t, reference=exact,
    )  # fmt: skip


def burgers() -> Problem:
    """A front with nu = 0.02 that moves to the right (the travelling wave of Burgers' equation)."""
    v = sp.Function("v")(t, x)
    nu, speed = sp.Rational(1, 50), sp.Rational(1, 2)
    exact = speed - sp.Rational(2, 5) * sp.tanh(sp.Rational(1, 5) * (x - speed * t) / nu)
    equation = D(v, t) + v * D(v, x) - nu * D(v, x, 2)
    return Problem(
        "burgers_front", [equation], [v], Box({t: (0, 0.6), x: (-1, 1)}),
        [initial(v, exact.subs(t, 0)), dirichlet(v, exact, on=["left", "right"])], time=t, reference=exact,
    )  # fmt: skip


def diffusion(k: sp.Expr) -> Problem:
    """Two modes that decay; the truth has k = 0.4."""
    v = sp.Function("v")(t, x)
    return Problem(
        "diffusion", [D(v, t) - k * D(v, x, 2)], [v], Box({t: (0, 1), x: (0, sp.pi)}),
        [initial(v, sp.sin(x) + sp.sin(2 * x) / 2), dirichlet(v, 0)], time=t,
        reference=sp.exp(-0.4 * t) * sp.sin(x) + sp.exp(-1.6 * t) * sp.sin(2 * x) / 2,
    )  # fmt: skip


def cases() -> dict[str, Case]:
    unknown = parameter("k", unknown=True, guess=1.0, bounds=(0.01, 10))
    return {
        "poisson, a side": Case(shipped("poisson_1d"), (Uncertain("right"),), 20, 0.05, 40),
        "oscillator, initial": Case(oscillator(), (Uncertain("initial"),), 30, 0.1, 40),
        "advection, inflow": Case(advection(), (Uncertain("left"),), 60, 0.1, 4),
        "heat, initial": Case(diffusion(sp.Rational(2, 5)), (Uncertain("initial"),), 60, 0.05, 10),
        "helmholtz, a side": Case(shipped("helmholtz_2d"), (Uncertain("left"),), 100, 0.05, 4),
        "burgers, initial": Case(burgers(), (Uncertain("initial"),), 100, 0.05, 4),
        "diffusion, parameter": Case(diffusion(unknown), (), 60, 0.05, 8, (("k", 0.4),)),
    }


def truth(problem: Problem, points: np.ndarray) -> np.ndarray:
    """The exact values `(n,)`."""
    return sp.lambdify(problem.coordinates, problem.reference, "numpy")(*points.T) * np.ones(len(points))


def one(case: Case, seed: int) -> tuple[list[float], list[bool]]:
    """Error, coverage, CRPS, relative deviation and seconds of one draw, and whether intervals hold the parameters."""
    problem, rng = case.problem, np.random.default_rng(seed)
    at = problem.spacetime.sample(2000, np.random.default_rng(12345))
    exact = truth(problem, at)
    size = float(np.sqrt(np.mean(exact**2)))
    places = problem.spacetime.sample(case.count, rng)
    noise = case.noise * size
    values = Observations(places, truth(problem, places) + noise * rng.standard_normal(case.count), noise)
    start = time.perf_counter()
    found = solve(problem, SpectralGp(observations=values, uncertain=case.uncertain), device="cpu").checked().field
    mean, deviation = found(at)[:, 0], found.deviation(at)[:, 0]
    seconds = time.perf_counter() - start
    error, free = exact - mean, deviation > ROUNDING * size
    covered = coverage(error[free], deviation[free]).value
    held = [found.parameters[n].interval[0] <= v <= found.parameters[n].interval[1] for n, v in case.parameters]
    relative = [float(np.sqrt(np.mean(v**2))) / size for v in (error, deviation)]
    return [relative[0], covered, float(crps(error, deviation).mean()) / size, relative[1], seconds], held


def calibrations(report: Report, names: list[str]) -> None:
    table = Table(title="Noisy values in place of a condition or a parameter; means over draws")
    columns = "values,noise,draws,relative L2,1 sigma,inside 90 %,CRPS,seconds,parameter inside 95 %"
    table.add_column("problem")
    for name in columns.split(","):
        table.add_column(name, justify="right")
    for name, case in cases().items():
        if names and name not in names:
            continue
        rows = [one(case, seed) for seed in range(case.draws)]
        error, covered, ranked, spread, seconds = np.mean([r for r, _ in rows], axis=0)
        held = [h for _, hs in rows for h in hs]
        table.add_row(
            name, f"{case.count}", f"{case.noise:.0%}", f"{case.draws}", f"{error:.1e}", f"{spread:.1e}",
            f"{covered:.0%}", f"{ranked:.1e}", f"{seconds:.1f}", f"{np.mean(held):.0%}" if held else "",
        )  # fmt: skip
    report.print(table)


def conservation(report: Report) -> None:
    """Heat that cannot leave: values alone, and with the heat that is known to be there."""
    v = sp.Function("v")(t, x)
    exact = 1 + sp.exp(-t) * sp.cos(x) / 2
    problem = Problem(
        "kept_heat", [D(v, t) - D(v, x, 2)], [v], Box({t: (0, 1), x: (0, sp.pi)}),
        [initial(v, exact.subs(t, 0)), neumann(v, 0)], time=t, reference=exact,
    )  # fmt: skip
    at = problem.spacetime.sample(2000, np.random.default_rng(12345))
    times, rows = np.linspace(0, 1, 11), []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        places = problem.spacetime.sample(30, rng)
        data = Observations(places, truth(problem, places) + 0.1 * rng.standard_normal(30), 0.1)
        before = solve(problem, SpectralGp(observations=data, uncertain=Uncertain("initial"))).checked().field
        known = [Integral.over_space(problem, "v", float(np.pi), time=s) for s in times]
        # The equation carries the integral on: its value at one time is all there is to tell.
        after = before.given(known[:1])
        off = [max(abs(k.of(f(k.points)[:, 0]) - np.pi) for k in known) / np.pi for f in (before, after)]
        errors = [np.linalg.norm(f(at)[:, 0] - truth(problem, at)) for f in (before, after)]
        grown = float((after.deviation(at) - before.deviation(at)).max())
        rows.append([*off, errors[1] / errors[0], grown])
    table = Table(
        title="Heat without flux, 30 values with noise 0.1, initial data unknown; the heat at t = 0 given after"
    )
    for name in ("heat off before", "after", "error after / before", "largest growth of the deviation"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(f"{row[0]:.1e}", f"{row[1]:.1e}", f"{row[2]:.2f}", f"{row[3]:.1e}")
    report.print(table)


if __name__ == "__main__":
    report = Report("gp_calibration")
    calibrations(report, sys.argv[1:])
    if not sys.argv[1:]:
        conservation(report)
        report.save()
