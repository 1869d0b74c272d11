"""Whether the deviation of `SpectralGp` tells its error: noisy values in place of conditions and of parameters.

Every problem loses the data of a piece of its boundary, or a parameter, and is given noisy values at random points
instead.  The solver has its default settings; it knows the level of the noise and nothing of the truth.  Errors of one
draw of the noise go together from point to point, so that coverage is averaged over draws.

Give names of cases to run these alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy as sp
from _report import Report, shipped
from rich.table import Table

from pinnlab import Box, D, Integral, Observations, Problem, SpectralGp, Uncertain, dirichlet, initial, initial_rate
from pinnlab import neumann, parameter, solve
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
    exact = sp.sin(5 * (x - t)) + sp.cos(9 * (x - t)) / 2
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


def diffusion() -> Problem:
    v = sp.Function("v")(t, x)
    k = parameter("k", unknown=True, guess=1.0, bounds=(0.01, 10))
    return Problem(
        "diffusion", [D(v, t) - k * D(v, x, 2)], [v], Box({t: (0, 1), x: (0, sp.pi)}),
        [initial(v, sp.sin(x) + sp.sin(2 * x) / 2), dirichlet(v, 0)], time=t,
        reference=sp.exp(-0.4 * t) * sp.sin(x) + sp.exp(-1.6 * t) * sp.sin(2 * x) / 2,
    )  # fmt: skip


def cases() -> dict[str, Case]:
    return {
        "poisson, a side": Case(shipped("poisson_1d"), (Uncertain("right"),), 20, 0.05, 40),
        "oscillator, initial": Case(oscillator(), (Uncertain("initial"),), 30, 0.1, 40),
        "advection, inflow": Case(advection(), (Uncertain("left"),), 60, 0.1, 10),
        "heat on a line, initial": Case(shipped("heat_line"), (Uncertain("initial"),), 80, 0.05, 10),
        "helmholtz, a side": Case(shipped("helmholtz_2d"), (Uncertain("left"),), 100, 0.05, 4),
        "burgers, initial": Case(burgers(), (Uncertain("initial"),), 100, 0.05, 4),
        "diffusion, parameter": Case(diffusion(), (), 60, 0.05, 40, (("k", 0.4),)),
    }


def truth(problem: Problem) -> Callable[[np.ndarray], np.ndarray]:
    return sp.lambdify(
        (problem.coordinates,),
        problem.reference[0] if isinstance(problem.reference, tuple) else problem.reference,
        "numpy",
    )


if __name__ == "__main__":
    pass
