"""Drift of conserved quantities."""

from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    D,
    Disk,
    Etdrk4,
    ExactField,
    FiniteVolume,
    Problem,
    TimeInterval,
    initial,
    laplacian,
    neumann,
    solve,
)
from pinnlab.conservation import drift
from pinnlab.field import Field

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


def test_totals_of_cell_averages_drift_by_rounding_beside_a_shock_too(shipped):
    field = solve(shipped["inviscid_burgers"], FiniteVolume(40, snapshots=8), device="cpu").field
    (found,) = drift(field).values()
    assert found < 1e-13


@dataclass(frozen=True)
class Leaking(Field):
    """A concentration on a disc that is uniform and falls by a tenth of itself in unit time."""

    problem: Problem
    orders: tuple[int, ...] = (0, 0, 0)

    def __call__(self, points):
        value = 1 - 0.1 * points[:, :1]
        return value if not any(self.orders) else np.zeros_like(value)

    def derivative(self, orders):
        return Leaking(self.problem, tuple(orders))


def test_the_drift_on_a_region_that_is_no_box():
    t, x, y = sp.symbols("t x y", real=True)
    c = sp.Function("c")(t, x, y)
    problem = Problem(
        "leak",
        [D(c, t) - laplacian(c, (x, y))],
        [c],
        TimeInterval(t, 0, 1) * Disk({x: 0, y: 0}, 1),
        [initial(c, 1), neumann(c, 0)],
        t,
        conserved={"mass": c},
    )
    assert drift(Leaking(problem)) == {"mass": pytest.approx(0.1)}
