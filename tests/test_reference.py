"""References: the bound is a bound, and it is not far from the error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    D,
    Etdrk4,
    Problem,
    SolveFailed,
    Status,
    UnsupportedProblem,
    cross_check,
    dirichlet,
    initial,
    reference,
    refine,
    solve,
)
from pinnlab.field import ExactField, Field
from pinnlab.metrics import METRICS
from pinnlab.reference import error_against
from pinnlab.solver import CPU, Method, Refinable

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
EXACT = (
    *("advection", "burgers_periodic", "heat", "helmholtz_2d", "kdv_soliton", "poisson_1d", "poisson_2d", "wave"),
    *("taylor_green_2d", "poisson_quasilinear", "klein_gordon", "sine_gordon"),
    *("convection_diffusion", "schroedinger_linear", "burgers_transport"),
    *("poisson_hf_2", "nonlinear_elliptic"),
)
# Smooth solutions with fine structure in the plane: a tolerance that takes seconds.
FINE = {"elasticity_plate": 1e-3, "heat_2d": 0.1, "kovasznay": 1e-2, "poisson_2d_multiscale": 1e-3}
FINE |= {"nonlinear_elliptic_rough": 1e-4, "eikonal": 1e-6, "maxwell_2d": 1e-2, "wave_2d": 0.1}
# Likewise on a line, where it takes hundreds of nodes that are dense.
FINE |= {f"poisson_hf_{i}": 1e-6 for i in (1, 3, 4, 5)} | {"allen_cahn_steady_1": 1e-6, "allen_cahn_steady_2": 1e-6}
FINE |= {"burgers_smooth": 1e-6, "heat_line": 1e-3, "elasticity_square": 1e-3}
# Finer than the nodes that fit in the plane.
TOO_FINE = ("poisson_hf_2d_1", "poisson_hf_2d_2")
# Minutes and more: 400 by 400 nodes, 32 oscillations under a stiff integrator, six unknowns in space and time.
HEAVY = ("allen_cahn_steady_2d", "advection_fast", "maxwell")
# No classical solver takes boxes of so many dimensions.
HIGH = ("poisson_5d", "poisson_10d")
# Nor transport on a disc.
ROUND = ("rotating_cone",)
# Solutions that are not smooth: a tolerance within reach, and no bound in H1 or in the largest error, which is O(1)
# beside a jump however fine the cells are.
ROUGH = {
    "sod": 0.15,
    "dam_break": 0.15,
    "buckley_leverett": 0.4,
    "inviscid_burgers": 0.2,
    "porous_medium": 0.03,
    "poisson_l_shape": 2e-3,
}
QUICK = {"inviscid_burgers", "porous_medium", "elasticity_plate"}


def check_bound(solution, widest=100):
    """True error <= bound <= widest * true error in relative L2; and the bound of each metric is one."""
    true = error_against(solution.field, ExactField.of(solution.problem))
    assert solution.error_bound <= widest * max(true["relative_l2"], 1e-15)
    for metric in METRICS:
        assert true[metric.__name__] <= solution.bound.metrics[metric.__name__], metric.__name__
    return true


def test_every_shipped_problem_with_an_exact_solution_is_tested_here(shipped):
    assert {n for n, p in shipped.items() if p.reference is not None} == {
        *(*EXACT, *ROUGH, *FINE, *TOO_FINE, *HEAVY, *HIGH, *ROUND, "burgers")
    }


@pytest.mark.parametrize("name", EXACT)
def test_the_true_error_is_within_the_bound_and_the_bound_within_its_hundredfold(shipped, name):
    solution = reference(shipped[name], 1e-6)
    assert solution.bound.reached
    assert solution.error_bound <= 1e-6 == solution.bound.requested
    assert solution.status is Status.DONE
    check_bound(solution)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in FINE])
def test_the_bound_holds_for_fine_structure_in_the_plane(shipped, name):
    solution = reference(shipped[name], FINE[name])
    assert solution.bound.reached
    check_bound(solution, widest=1000)


@pytest.mark.parametrize("name", TOO_FINE)
def test_waves_finer_than_the_nodes_that_fit_are_no_reference(shipped, name):
    solution = reference(shipped[name], 0.1, max_seconds=1)
    assert not solution.bound.reached
    # The answer is hundreds of times larger than the truth, and so is the distance between two of them.
    errors = error_against(solution.field, ExactField.of(shipped[name]))
    assert all(errors[metric] <= bound for metric, bound in solution.bound.metrics.items())


def test_a_nonlinear_problem_that_fails_at_nodes_too_coarse_for_its_data_is_refined_on(shipped):
    # At 16 nodes Newton's method converges by chance, at 24 and 36 it does not.
    problem = shipped["allen_cahn_steady_1"].with_parameters(omega=20)
    solution = reference(problem, 1e-6)
    assert solution.bound.reached
    check_bound(solution, widest=1000)


@pytest.mark.parametrize("name", HIGH)
def test_boxes_of_many_dimensions_are_refused_in_a_sentence(shipped, name):
    with pytest.raises(UnsupportedProblem, match=r"no classical solver takes .*one to three dimensions"):
        reference(shipped[name])


@pytest.mark.parametrize("name", ROUND)
def test_transport_on_a_disc_is_refused_in_a_sentence(shipped, name):
    with pytest.raises(UnsupportedProblem, match=r"no classical solver takes .*add a diffusive term"):
        reference(shipped[name])


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in ROUGH])
def test_the_bound_holds_where_the_solution_is_not_smooth(shipped, name):
    solution = reference(shipped[name], ROUGH[name])
    true = error_against(solution.field, ExactField.of(solution.problem))["relative_l2"]
    assert solution.bound.reached
    assert true <= solution.error_bound <= 100 * true


@pytest.mark.parametrize("jump", [sp.Rational(1, 3), sp.Rational(5, 13), sp.Rational(7, 19)])
def test_one_lucky_distance_beside_a_jump_makes_no_bound(jump):
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    source = sp.Piecewise((1, x < jump), (0, True))
    problem = Problem(
        "relax", [D(u, t) + u - source], [u], box, [initial(u, 0)], t, reference=(1 - sp.exp(-t)) * source
    )
    solution = reference(problem, 0.1)
    assert error_against(solution.field, ExactField.of(problem))["relative_l2"] <= solution.error_bound


def test_a_reference_that_fails_tells_why():
    q = sp.Function("q")(t)
    problem = Problem("blow", [D(q, t) - q**2], [q], Box({t: (0, 2)}), [initial(q, 1)], t)
    with pytest.raises(SolveFailed, match=r"fails at every resolution.*stopped at t = 1\.|fails at every.*t = 0\.99"):
        reference(problem, 1e-3)


def test_what_is_out_of_reach_is_given_up_with_the_bound_that_there_is(shipped):
    solution = reference(shipped["inviscid_burgers"], 1e-9, max_seconds=4)
    assert not solution.bound.reached
    assert solution.error_bound > 1e-9
    assert solution.seconds < 20


def test_the_bound_holds_for_a_steep_layer_too(shipped):
    problem = shipped["burgers"].with_parameters(nu=sp.Float(0.1) / sp.pi)
    from pinnlab.exact import cole_hopf

    def exact(points):
        return cole_hopf(points, viscosity=0.1 / np.pi, amplitude=-1.0, wavenumber=np.pi)

    solution = reference(replace(problem, reference=exact), 1e-3)
    assert solution.bound.reached
    check_bound(solution)


@pytest.mark.slow
def test_where_finer_nodes_show_a_kink_that_the_steps_miss_time_is_refined_with_space(shipped):
    problem = shipped["allen_cahn"]
    solution = reference(problem, 1e-5)
    assert solution.bound.reached
    finer = solve(problem, Etdrk4(points=16_384, steps=400, snapshots=400), device="cpu")
    assert error_against(solution.field, finer.field)["relative_l2"] <= solution.error_bound


@pytest.mark.slow
def test_the_bound_holds_for_the_burgers_shock_at_full_tolerance(shipped):
    solution = reference(shipped["burgers"], 1e-6)
    assert solution.bound.reached
    check_bound(solution)


def test_the_bound_holds_at_every_time(shipped):
    problem = shipped["heat"]
    solution = reference(problem, 1e-4)
    exact = ExactField.of(problem)
    places = np.linspace(0, 1, 101)
    for time, bound in zip(solution.bound.times[::20], solution.bound.in_time["u"][::20], strict=True):
        points = np.stack([np.full(101, time), places], axis=1)
        assert np.abs(solution.field(points) - exact(points)).max() <= bound


@pytest.mark.parametrize("name", ["heat", "van_der_pol"])
def test_the_bound_in_time_does_not_fall_where_two_solutions_cross(shipped, name):
    bound = reference(shipped[name], 1e-4).bound
    for values in bound.in_time.values():
        assert (np.diff(values) >= 0).all()


def test_an_ode_is_refined_to_the_tolerance(shipped):
    solution = reference(shipped["van_der_pol"], 1e-8)
    assert solution.bound.reached


def test_about_a_jump_the_bound_is_the_same_at_all_times(shipped):
    bound = reference(shipped["inviscid_burgers"], 0.1).bound
    assert all(np.ptp(values) == 0 for values in bound.in_time.values())


def test_a_tolerance_that_is_no_number_is_refused(shipped):
    with pytest.raises(ValueError, match="positive number, got '1e-3'"):
        reference(shipped["heat"], "1e-3")


def test_the_exact_solution_is_not_looked_at(shipped):
    problem = shipped["advection"]
    with_it, without = (reference(p, 1e-4) for p in (problem, replace(problem, reference=None)))
    assert with_it.solver == without.solver
    assert with_it.error_bound == without.error_bound


def test_shares_and_seconds_belong_to_the_whole_search(shipped):
    solution = reference(shipped["heat"], 1e-4)
    assert solution.error_bound == pytest.approx(solution.bound.space + solution.bound.time, rel=1e-3)
    assert min(solution.bound.space, solution.bound.time) > 0
    assert solution.seconds > 0
    steady = reference(shipped["poisson_1d"], 1e-4)
    assert steady.bound.time == 0
    assert steady.bound.times.size == 0
    assert steady.bound.in_time["u"].shape == ()


def test_a_tolerance_below_rounding_is_not_reached_and_says_so(shipped):
    solution = reference(shipped["poisson_1d"], 1e-18)
    assert not solution.bound.reached
    assert 0 < solution.error_bound < 1e-10
    check_bound(solution)


def test_no_further_refinement_is_started_when_the_time_is_up(shipped):
    solution = reference(shipped["kdv_soliton"], 1e-12, max_seconds=0.0)
    assert not solution.bound.reached
    # Only the distance to the coarser resolution is known then, far above the error of the finer one.
    check_bound(solution, widest=1000)


def test_monitors_see_every_step_of_every_resolution(shipped):
    steps = []
    reference(shipped["poisson_1d"], 1e-3, monitors=[lambda p: steps.append(p.step)])
    assert steps.count(1) >= 2


@pytest.mark.parametrize("rtol", [0.0, -1.0, float("nan")])
def test_a_tolerance_is_positive(shipped, rtol):
    with pytest.raises(ValueError, match="rtol must be a positive number"):
        reference(shipped["heat"], rtol)


def test_a_problem_that_no_classical_solver_takes_is_refused_with_all_reasons():
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    problem = Problem("mixed", [D(D(u, t), x, 2) - D(u, t) + u], [u], box, [initial(u, 0)], t)
    with pytest.raises(UnsupportedProblem, match="no classical solver takes 'mixed'") as refusal:
        reference(problem)
    for name in ("ode: ", "etdrk4: ", "method-of-lines: ", "collocation: ", "finite-volume: ", "finite-element: "):
        assert name in str(refusal.value)


# -- cross checks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["heat", "poisson_2d", "advection"])
def test_two_independent_methods_agree(shipped, name):
    check = cross_check(reference(shipped[name], 1e-3), 1e-3)
    assert check.agrees
    assert 0 < check.difference <= check.allowed <= 2e-3
    assert check.allowed == pytest.approx(check.first.error_bound + check.second.error_bound)


def test_a_reference_that_is_wrong_is_found_out(shipped):
    first = reference(shipped["heat"], 1e-3)
    wrong = replace(first, field=reference(shipped["heat"].with_parameters(alpha=0.11), 1e-3).field)
    assert not cross_check(wrong, 1e-3).agrees


# -- a solver whose every answer is known -------------------------------------------------------------------

LINE = Problem("line", [D(u, t) - u], [u], Box({t: (0, 1), x: (0, 1)}), [initial(u, x)], t, reference=x * sp.exp(t))
STEADY_U = sp.Function("w")(x)


@dataclass(frozen=True)
class Scaled(Field):
    """The exact solution times a number."""

    problem: Problem
    factor: float
    inner: Field

    def __call__(self, points):
        return self.factor * self.inner(points)

    def derivative(self, orders):
        return replace(self, inner=self.inner.derivative(orders))


@dataclass
class Done:
    steps: int


@dataclass(frozen=True)
class Known(Refinable):
    """Relative error space_error 4^-level + time_error time_ratio^-level; the reference may not know them."""

    space: int = 0
    time: int = 0
    space_error: float = 1e-2
    time_error: float = 1e-3
    time_ratio: float = 2.0
    finest: int = 30
    fails_above: int = 99
    fails_below: int = 0
    solved: ClassVar[list[tuple[int, int]]] = []

    def compile(self, problem, device=CPU):
        return KnownMethod(self, problem)

    def finer_in_space(self, problem):
        return replace(self, space=self.space + 1) if self.space < self.finest else None

    def finer_in_time(self, problem):
        return replace(self, time=self.time + 1) if self.time < self.finest else None


@dataclass(frozen=True)
class KnownMethod(Method[Done]):
    solver: Known
    problem: Problem

    def init(self, seed):
        return Done(0)

    def step(self, state):
        s = self.solver
        if s.space > s.fails_above or s.space < s.fails_below:
            raise SolveFailed("it blew up")
        return Done(1), {}

    def status(self, state):
        return Status.DONE if state.steps else Status.RUNNING

    def field(self, state):
        s = self.solver
        error = s.space_error * 4.0**-s.space + s.time_error * s.time_ratio**-s.time
        return Scaled(self.problem, 1 + error, ExactField.of(self.problem))


def test_space_and_time_are_refined_as_far_as_each_needs():
    solution = refine(LINE, Known(), 1e-4)
    # Twice 3/4 of 1e-2 4^-k is below rtol / 2 from k = 5 on, twice 1/2 of 1e-3 2^-k from k = 5 on.
    assert (solution.solver.space, solution.solver.time) == (5, 5)
    # Twice the distance, and what the first state misses of the initial data.
    assert 2 * 0.75 * 1e-2 / 4**5 <= solution.bound.space <= 4 * 2 * 0.75 * 1e-2 / 4**5
    assert solution.bound.time == pytest.approx(2 * 0.5 * 1e-3 / 2**5, rel=1e-3)
    check_bound(solution)


def test_where_no_finer_resolution_is_left_the_distance_to_the_coarser_one_is_told():
    solution = refine(LINE, Known(finest=2), 1e-6)
    assert not solution.bound.reached
    # Twice the distance, and what the first state misses of the initial data.
    assert 2 * 3 * 1e-2 / 4**2 <= solution.bound.space <= 1.5 * 2 * 3 * 1e-2 / 4**2
    check_bound(solution)


def test_slow_convergence_is_no_stagnation_however_small_the_solution_is():
    tiny = replace(LINE, conditions=(initial(u, 1e-6 * x),), reference=1e-6 * x * sp.exp(t))
    solution = refine(tiny, Known(space_error=0.0, time_ratio=1.5), 1e-5)
    assert solution.bound.reached


def test_a_direction_that_cannot_be_refined_at_all_gives_no_bound_of_zero():
    with pytest.raises(SolveFailed, match="no error bound can be given"):
        refine(LINE, Known(finest=0), 1e-6)


def test_a_solver_that_fails_when_refined_gives_no_bound():
    with pytest.raises(SolveFailed, match=r"gave an answer at Known\(space=2.* and fails at the finer Known\(space=3"):
        refine(LINE, Known(fails_above=2), 1e-9)


def test_a_solver_that_fails_when_coarse_is_refined_until_it_stands():
    solution = refine(LINE, Known(fails_below=3), 1e-3)
    assert solution.solver.space >= 3
    check_bound(solution)


def test_a_solver_that_fails_everywhere_says_so():
    with pytest.raises(SolveFailed, match="fails at every resolution up to"):
        refine(LINE, Known(fails_below=99, finest=5), 1e-3)


def test_an_ill_posed_problem_has_no_reference():
    w = sp.Function("w")(x)
    problem = Problem("resonant", [D(w, x, 2) + w - sp.sin(x)], [w], Box({x: (0, sp.pi)}), [dirichlet(w, 0)])
    with pytest.raises(SolveFailed):
        reference(problem, 1e-6, max_seconds=0.5)


def test_data_that_vanish_at_the_nodes_of_a_grid_and_of_its_double_are_not_taken_for_resolved():
    t, x = sp.symbols("t x", real=True)
    u = sp.Function("u")(t, x)
    data = sp.sin(2 * sp.pi * x) + sp.sin(128 * sp.pi * x)
    exact = sum(sp.sin(k * sp.pi * x) * sp.exp(-sp.Float(1e-4) * (k * sp.pi) ** 2 * t) for k in (2, 128))
    problem = Problem("fine_print", [D(u, t) - sp.Float(1e-4) * D(u, x, 2)], [u],
                      Box({t: (0, 1), x: (0, 1)}, periodic=[x]), [initial(u, data)], t, reference=exact)  # fmt: skip
    solution = reference(problem, 1e-6)
    error = error_against(solution.field, ExactField.of(problem))["relative_l2"]
    assert error <= solution.error_bound <= max(1e-6, 100 * error)


def test_an_explicit_step_that_finer_nodes_make_unstable_is_refined_with_them():
    t, x = sp.symbols("t x", real=True)
    u = sp.Function("u")(t, x)
    problem = Problem("variable_wind", [D(u, t) + (sp.Rational(3, 2) + sp.sin(x)) * D(u, x)], [u],
                      Box({t: (0, 2), x: (0, 2 * sp.pi)}, periodic=[x]), [initial(u, sp.sin(x))], t)  # fmt: skip
    assert reference(problem, 1e-5).bound.reached
