"""Ordinary differential equations."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, UnsupportedProblem, initial, initial_rate, parameter
from pinnlab.discretization.collocation import FiniteDifferences
from pinnlab.field import ExactField
from pinnlab.metrics import comparison_nodes, relative_l2, sample
from pinnlab.numerics.automatic import Automatic, Lsoda
from pinnlab.numerics.integrators import Bdf, Dop853, Radau
from pinnlab.numerics.tase import ModifiedSinglyTase, SinglyTase
from pinnlab.reference import error_against, refine
from pinnlab.solve import solve
from pinnlab.solver import Status
from pinnlab.solvers.method_of_lines import MethodOfLines
from pinnlab.solvers.ode import Ode
from pinnlab.testing import SolverContract

t = sp.Symbol("t", real=True)
u, v = (sp.Function(n)(t) for n in "uv")


def pendulum(end=10):
    """A forced oscillator of second order, exact."""
    exact = sp.cos(2 * t) + sp.sin(3 * t)
    return Problem(
        "pendulum",
        [D(u, t, 2) + 4 * u + 5 * sp.sin(3 * t)],
        [u],
        Box({t: (0, end)}),
        [initial(u, 1), initial_rate(u, 3)],
        t,
        reference={u: exact},
    )


def error(problem, solver):
    field = solve(problem, solver, device="cpu").checked().field
    nodes = comparison_nodes(problem, 20_000)
    return relative_l2(sample(field, nodes), sample(ExactField.of(problem), nodes))


class Case(SolverContract):
    @pytest.fixture(autouse=True)
    def _problems(self, shipped):
        self.shipped = shipped

    def refused(self):
        return self.shipped["heat"]


class TestAutomatic(Case):
    tolerance = 1e-7

    def case(self):
        return pendulum(), Ode(Automatic(1e-9, 1e-11), batch=5)


class TestLsodaWithRestarts(Case):
    tolerance = 1e-5

    def case(self):
        return pendulum(), Ode(Lsoda(1e-9, 1e-11), batch=80)


class TestRadau(Case):
    tolerance = 1e-6

    def case(self):
        return pendulum(), Ode(Radau(1e-8, 1e-10), batch=60)


class TestSinglyTase(Case):
    tolerance = 1e-3

    def case(self):
        return pendulum(), Ode(SinglyTase(3, 0.01), batch=100)


@pytest.mark.parametrize("end", [10, 1])
@pytest.mark.parametrize("rtol", [1e-6, 1e-9])
def test_the_answer_between_steps_is_as_good_as_at_them(rtol, end):
    # Dop853 takes steps of about one radian at these tolerances.
    solution = solve(pendulum(end), Ode(Dop853(rtol, rtol)), device="cpu").checked()
    axis = solution.field.axes[0]
    at, between = axis.times[:, None], np.linspace(0, end, 4001)[:, None]
    exact = ExactField.of(solution.problem)
    at_steps = np.abs(solution.field(at) - exact(at)).max()
    assert np.abs(solution.field(between) - exact(between)).max() < 3 * at_steps + 3 * rtol
    assert len(axis.times) == 3 * solution.history["steps"][-1] + 1


@pytest.mark.parametrize("kind", [SinglyTase, ModifiedSinglyTase])
@pytest.mark.parametrize("order", [2, 3])
def test_tase_methods_keep_their_order_over_the_whole_interval(kind, order):
    problem = pendulum(2)
    errors = [error(problem, Ode(kind(order, h))) for h in (0.01, 0.005)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def robertson(end):
    """The reactions on a linear scale of time."""
    x, y, z = (sp.Function(n)(t) for n in "xyz")
    forward, back, fast = x / 25, 10**4 * y * z, 3 * 10**7 * y**2
    return Problem(
        "robertson_linear",
        [D(x, t) + forward - back, D(y, t) - forward + back + fast, D(z, t) - fast],
        [x, y, z],
        Box({t: (0, end)}),
        [initial(x, 1), initial(y, 0), initial(z, 0)],
        t,
    )


# E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, at t = 1e11 (their published test results).
FINAL = (0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050)


@pytest.mark.parametrize("time", [Radau(1e-8, 1e-18), Bdf(1e-9, 1e-19), Automatic(1e-8, 1e-18)])
def test_robertson_over_seventeen_decades_ends_at_the_published_digits(time):
    field = solve(robertson(10**11), Ode(time), device="cpu").checked().field
    np.testing.assert_allclose(field(np.array([[1e11]]))[0], FINAL, rtol=1e-6)


def test_the_answer_holds_between_steps_on_every_decade(shipped):
    problem = shipped["robertson"]
    logarithmic = solve(problem, Ode(Bdf(1e-9, 1e-19)), device="cpu").checked().field
    linear = solve(robertson(10**11), Ode(Radau(1e-7, 1e-16)), device="cpu").checked().field
    s = np.linspace(1.0, problem.interval.end * (1 - 1e-12), 500)
    np.testing.assert_allclose(linear(1e-6 * np.expm1(s)[:, None]), logarithmic(s[:, None]), rtol=1e-4)
    np.testing.assert_allclose(logarithmic(np.array([[problem.interval.end]]))[0], FINAL, rtol=1e-5)
    np.testing.assert_allclose(logarithmic(s[:, None]).sum(axis=1), 1, atol=1e-9)


def test_jumps_do_not_disturb_the_quiet_times_beside_them(shipped):
    field = solve(shipped["van_der_pol"], Ode(Radau(1e-7, 1e-9)), device="cpu").checked().field
    times = field.axes[0].times
    between = (times[:-1, None] + np.diff(times)[:, None] * np.linspace(0, 1, 12)).ravel()
    assert np.abs(field(between[:, None])).max() < 2.001


def test_the_figure_eight_closes_and_keeps_its_energy(shipped):
    problem = shipped["three_body"]
    field = solve(problem, Ode(Dop853(1e-11, 1e-13)), device="cpu").checked().field
    start, end = field(np.array([[0.0], [problem.interval.end]]))
    np.testing.assert_allclose(end, start, atol=1e-7)
    third = field(np.array([[problem.interval.end / 3]]))[0]
    np.testing.assert_allclose(np.sort(third[::2]), np.sort(start[::2]), atol=1e-6)
    times = np.linspace(0, problem.interval.end, 200)[:, None]
    x, y = field(times)[:, ::2], field(times)[:, 1::2]
    distances = [np.hypot(x[:, i] - x[:, j], y[:, i] - y[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    energy = (field.derivative([1])(times) ** 2).sum(axis=1) / 2 - sum(1 / d for d in distances)
    np.testing.assert_allclose(energy, energy[0], atol=1e-7)


def test_lotka_and_volterra_go_round_on_a_level_line(shipped):
    field = solve(shipped["lotka_volterra"], Ode(Automatic(1e-11, 1e-13)), device="cpu").checked().field
    u, v = field(np.linspace(0, 20, 500)[:, None]).T
    invariant = np.log(u) - u + 2 * np.log(v) - v
    np.testing.assert_allclose(invariant, 3 * np.log(2) - 4, atol=1e-8)


def test_the_brusselator_reaches_its_limit_cycle(shipped):
    # The period of the cycle for A = 1, B = 3 is 7.1569.
    field = solve(shipped["brusselator"], Ode(Automatic(1e-10, 1e-12)), device="cpu").checked().field
    late = np.linspace(10, 12.5, 50)[:, None]
    np.testing.assert_allclose(field(late + 7.15691), field(late), atol=0.05)


def test_refinement_bounds_the_true_error():
    problem = pendulum(5)
    cases = [(Automatic(1e-5, 1e-7), 1e-6), (ModifiedSinglyTase(3, 0.05), 1e-4), (SinglyTase(3, 0.02), 1e-2)]
    for time, rtol in cases:
        solution = refine(problem, Ode(time), rtol)
        true = error_against(solution.field, ExactField.of(problem))["relative_l2"]
        assert true <= solution.error_bound <= rtol


def test_method_of_lines_takes_equal_steps_too(shipped):
    problem = shipped["heat"]
    errors = [
        error(problem, MethodOfLines(FiniteDifferences(64, 6), ModifiedSinglyTase(3, h), snapshots=20))
        for h in (0.05, 0.025)
    ]
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] > 5


def test_a_blow_up_ends_as_diverged_with_the_last_good_state():
    problem = Problem("explosion", [D(u, t) - u**2], [u], Box({t: (0, 2)}), [initial(u, 1)], t)
    solution = solve(problem, Ode(batch=5), device="cpu")
    assert solution.status is Status.DIVERGED
    assert "Dop853" in solution.failure
    assert solution.field(np.array([[0.5]]))[0, 0] == pytest.approx(2.0, rel=1e-6)


def test_refusals_name_the_way_out(shipped):
    k = parameter("k", unknown=True, guess=1.0)
    algebraic = Problem("algebraic", [D(u, t) + v, v - u**2], [u, v], Box({t: (0, 1)}), [initial(u, 1)], t)
    inferred = Problem("inferred", [D(u, t) + k * u], [u], Box({t: (0, 1)}), [initial(u, 1)], t)
    cases = [
        (shipped["poisson_1d"], "steady; use Collocation"),
        (shipped["wave"], "depend on x too.*use MethodOfLines"),
        (algebraic, "v has no rate.*differential-algebraic"),
        (inferred, "with_parameters"),
    ]
    for problem, words in cases:
        with pytest.raises(UnsupportedProblem, match=words):
            Ode().compile(problem)


@pytest.mark.parametrize("bad", [{"batch": 0}, {"time": "Radau"}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="Ode"):
        Ode(**bad)
