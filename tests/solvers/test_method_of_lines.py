"""The method of lines."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, Condition, D, Problem, UnsupportedProblem, dirichlet, initial, initial_rate, neumann, robin
from pinnlab.discretization.collocation import Chebyshev, FiniteDifferences
from pinnlab.field import ExactField
from pinnlab.metrics import comparison_axes, relative_l2, sample
from pinnlab.numerics.integrators import Bdf, Dop853, Radau
from pinnlab.solve import solve
from pinnlab.solver import Status
from pinnlab.solvers import MethodOfLines
from pinnlab.testing import SolverContract

t, x, y = sp.symbols("t x y", real=True)


def error(problem, solver):
    field = solve(problem, solver, device="cpu").checked().field
    axes = comparison_axes(problem, 20_000)
    return relative_l2(sample(field, axes), sample(ExactField.of(problem), axes))


class Case(SolverContract):
    @pytest.fixture(autouse=True)
    def _problems(self, shipped):
        self.shipped = shipped

    def refused(self):
        return self.shipped["poisson_1d"]


class TestRadauOnFiniteDifferences(Case):
    tolerance = 1e-6

    def case(self):
        return self.shipped["heat"], MethodOfLines(FiniteDifferences(96), Radau(1e-7, 1e-9), snapshots=20)


class TestBdfOnChebyshevNodes(Case):
    tolerance = 1e-6

    def case(self):
        return self.shipped["wave"], MethodOfLines(Chebyshev(40), Bdf(1e-8, 1e-10), snapshots=40)


class TestDop853OnAPeriodicAxis(Case):
    tolerance = 1e-4

    def case(self):
        return self.shipped["advection"], MethodOfLines(FiniteDifferences(128), Dop853(1e-8, 1e-10), snapshots=60)


def _manufactured(conditions, flux=lambda u: D(u**2 / 2, x), box=None):
    u = sp.Function("u")(t, x)
    box = box or Box({t: (0, 1), x: (-1, 2)})
    problem = Problem("mixed", [D(u, t) + flux(u) - D(u, x, 2) / 5], [u], box, conditions(u), t)
    return problem.manufactured(sp.sin(2 * x + t) + x * t / 3)


CONDITIONS = {
    "dirichlet": lambda u: [initial(u, 0), dirichlet(u, 0)],
    "neumann": lambda u: [initial(u, 0), dirichlet(u, 0, on="left"), neumann(u, 0, on="right")],
    "robin": lambda u: [initial(u, 0), robin(u, 2, 1, 0, on="left"), robin(u, 1, 3, 0, on="right")],
    "general": lambda u: [initial(u, 0), Condition(D(u, x) + x * u, on="left"), dirichlet(u, 0, on="right")],
}


@pytest.mark.parametrize("kind", CONDITIONS)
def test_fourth_order_in_space_with_every_kind_of_condition(kind):
    problem = _manufactured(CONDITIONS[kind])
    errors = [error(problem, MethodOfLines(FiniteDifferences(n), Radau(1e-9, 1e-11), snapshots=40)) for n in (33, 65)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.6)
    assert errors[1] < 1e-5


@pytest.mark.parametrize("kind", CONDITIONS)
def test_chebyshev_nodes_converge_spectrally_with_every_kind_of_condition(kind):
    assert error(_manufactured(CONDITIONS[kind]), MethodOfLines(Chebyshev(28), Radau(1e-10, 1e-12))) < 1e-8


def test_third_and_fourth_order_equations_take_several_conditions_on_a_side():
    u = sp.Function("u")(t, x)
    box = Box({t: (0, 0.5), x: (0, 1)})
    beam = Problem(
        "beam",
        [D(u, t) + D(u, x, 4) / 50],
        [u],
        box,
        [initial(u, 0), dirichlet(u, 0), neumann(u, 0)],
        t,
    ).manufactured(sp.cos(3 * x) * sp.exp(-t))
    assert error(beam, MethodOfLines(Chebyshev(20), Radau(1e-9, 1e-11))) < 1e-7
    kdv = Problem(
        "kdv_on_an_interval",
        [D(u, t) + u * D(u, x) + D(u, x, 3) / 100],
        [u],
        box,
        [initial(u, 0), dirichlet(u, 0), neumann(u, 0, on="right")],
        t,
    ).manufactured(sp.sin(3 * x - t))
    assert error(kdv, MethodOfLines(FiniteDifferences(64), Radau(1e-8, 1e-10))) < 1e-5


def test_a_first_order_equation_needs_its_inflow_side_only():
    u = sp.Function("u")(t, x)
    problem = Problem("inflow", [D(u, t) + D(2 * u, x)], [u], Box({t: (0, 1), x: (0, 1)}),
                      [initial(u, 0), dirichlet(u, 0, on="left")], t).manufactured(sp.sin(3 * x - 2 * t))  # fmt: skip
    assert error(problem, MethodOfLines(Chebyshev(24), Radau(1e-9, 1e-11))) < 1e-7


def test_systems_in_two_dimensions_with_mixed_sides():
    u, v = (sp.Function(n)(t, x, y) for n in "uv")
    problem = Problem(
        "exchange",
        [
            D(u, t) - D((1 + x**2) * D(u, x), x) / 10 - D(u, y, 2) / 10 + u * v - D(v, x) / 4,
            D(v, t) - D(v, x, 2) / 5 - D(v, y, 2) / 5 - u + v**2,
        ],
        [u, v],
        Box({t: (0, 0.5), x: (0, 1), y: (0, 2)}, periodic=[]),
        [
            *(initial(f, 0) for f in (u, v)),
            dirichlet(u, 0, on=["left", "bottom"]),
            neumann(u, 0, on=["right", "top"]),
            robin(v, 1, 1, 0, on=["left", "right"]),
            neumann(v, 0, on=["bottom", "top"]),
        ],
        t,
    ).manufactured({u: sp.cos(x + y) * sp.exp(-t), v: sp.sin(2 * x - y + t)})
    assert error(problem, MethodOfLines(Chebyshev(14), Radau(1e-8, 1e-10), snapshots=20)) < 1e-7


def test_time_dependent_boundary_data_of_a_wave_reach_both_states():
    u = sp.Function("u")(t, x)
    problem = Problem("driven", [D(u, t, 2) - D(u, x, 2)], [u], Box({t: (0, 1), x: (0, 1)}),
                      [initial(u, 0), initial_rate(u, 0), dirichlet(u, 0, on="left"), neumann(u, 0, on="right")],
                      t).manufactured(sp.sin(2 * (x - t)) + sp.cos(3 * x + 3 * t))  # fmt: skip
    assert error(problem, MethodOfLines(Chebyshev(24), Radau(1e-9, 1e-11))) < 1e-7


def test_an_ode_is_a_method_of_lines_without_lines():
    u, v = (sp.Function(n)(t) for n in "uv")
    problem = Problem("oscillator", [D(u, t) - v, D(v, t) + 4 * u], [u, v], Box({t: (0, 3)}),
                      [initial(u, 1), initial(v, 0)], t,
                      reference={u: sp.cos(2 * t), v: -2 * sp.sin(2 * t)})  # fmt: skip
    assert error(problem, MethodOfLines(time=Dop853(1e-11, 1e-13))) < 1e-9


def test_a_blow_up_ends_as_diverged_with_the_last_good_state():
    u = sp.Function("u")(t)
    problem = Problem("explosion", [D(u, t) - u**2], [u], Box({t: (0, 2)}), [initial(u, 1)], t)
    solution = solve(problem, MethodOfLines(), device="cpu")
    assert solution.status is Status.DIVERGED
    assert solution.failure
    assert np.isfinite(solution.field(np.array([[0.5]]))).all()
    assert solution.field(np.array([[0.5]]))[0, 0] == pytest.approx(2.0, rel=1e-6)


def test_refusals_name_the_way_out(shipped):
    u = sp.Function("u")(t, x)
    box = Box({t: (0, 1), x: (0, 1)})
    hot = [initial(u, 0), Condition(D(u, x) + u**4, on="left"), dirichlet(u, 0, on="right")]
    radiating = Problem("radiating", [D(u, t) - D(u, x, 2)], [u], box, hot, t)
    cases = [
        (shipped["poisson_2d"], "Collocation"),
        (shipped["navier_stokes_vorticity"], "psi"),
        (radiating, "nonlinear"),
    ]
    for problem, words in cases:
        with pytest.raises(UnsupportedProblem, match=words):
            MethodOfLines().compile(problem)


@pytest.mark.parametrize("bad", [{"snapshots": 0}, {"space": 3}, {"time": "Radau"}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="MethodOfLines"):
        MethodOfLines(**bad)
