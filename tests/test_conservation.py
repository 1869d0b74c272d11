"""Drift of conserved quantities."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Etdrk4, ExactField, Problem, initial, solve
from pinnlab.conservation import drift

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)


def transported(exact, conserved, box=None, equation=None):
    box = box or Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x])
    return Problem(
        "transported", [equation or D(u, t) + D(u, x)], [u], box, [initial(u, exact.subs(t, 0))], t, exact, conserved
    )


def test_a_decaying_mean_drifts_by_the_share_that_it_loses():
    problem = transported((2 + sp.sin(x)) * (1 - t / 4), {"mass": u})
    assert drift(ExactField.of(problem))["mass"] == pytest.approx(0.25)


def test_what_is_kept_does_not_drift_also_where_the_density_holds_derivatives():
    problem = transported(sp.sin(x - t), {"mass": u, "energy": u**2, "slope": D(u, x) ** 2})
    assert max(drift(ExactField.of(problem)).values()) < 1e-12


def test_the_trapezoidal_rule_counts_the_ends_of_an_open_axis_half():
    box = Box({t: (0, 1), x: (0, 1)})
    from pinnlab import dirichlet

    problem = Problem("ramp", [D(u, t) + D(u, x)], [u], box, [initial(u, x), dirichlet(u, -t, on="left")], t, x - t,
                      {"mass": u})  # fmt: skip
    assert drift(ExactField.of(problem), [np.linspace(0, 1, 3), np.linspace(0, 1, 5)])["mass"] == pytest.approx(1 / 0.5)


def test_the_spectral_solver_keeps_the_mass_of_a_flux(shipped):
    solution = solve(shipped["burgers_periodic"], Etdrk4(points=128, steps=100, snapshots=20), device="cpu")
    assert drift(solution.field)["mass"] < 1e-13


def test_a_steady_problem_conserves_nothing(shipped):
    assert drift(ExactField.of(shipped["poisson_1d"])) == {}
