"""Random features: contract, digits on every kind of condition, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Ball,
    Box,
    Condition,
    D,
    Difference,
    Disk,
    Problem,
    SolveFailed,
    Status,
    TimeInterval,
    Union,
    UnsupportedProblem,
    dirichlet,
    initial,
    initial_rate,
    laplacian,
    neumann,
    normal,
    parameter,
    robin,
    solve,
)
from pinnlab.field import ExactField
from pinnlab.metrics import comparison_nodes, relative_l2, sample
from pinnlab.solvers.random_features import RandomFeatures
from pinnlab.testing import SolverContract

t, x, y, z = sp.symbols("t x y z", real=True)


def error(solution):
    nodes = comparison_nodes(solution.problem, 4_000)
    return relative_l2(sample(solution.field, nodes), sample(ExactField.of(solution.problem), nodes))


def answer(problem, **settings):
    return solve(problem, RandomFeatures(**settings), device="cpu").checked()


def inverse():
    u = sp.Function("u")(t)
    c = parameter("c", unknown=True, guess=1.0)
    return Problem("inverse", [D(u, t) + c * u], [u], Box({t: (0, 1)}), [initial(u, 1)], t)


def reaction(windows_of=1.0):
    """u_t = u_xx + u - u³ + source on a line that reacts, with both kinds of condition."""
    u = sp.Function("u")(t, x)
    conditions = [initial(u, 0), dirichlet(u, 0, on="left"), neumann(u, 0, on="right")]
    equation = D(u, t) - D(u, x, 2) / 10 - u + u**3
    problem = Problem("reaction", [equation], [u], Box({t: (0, windows_of), x: (0, 1)}), conditions, t)
    return problem.manufactured(sp.exp(-t) * sp.sin(2 * x) + x / 2)


class TestRandomFeatures(SolverContract):
    tolerance = 1e-4

    def case(self):
        return reaction(), RandomFeatures(features=40, patches=2, windows=2)

    def refused(self):
        return inverse()


class TestRandomFeaturesOfASteadyProblem(SolverContract):
    tolerance = 1e-9

    def case(self):
        u = sp.Function("u")(x)
        conditions = [dirichlet(u, 0, on="left"), robin(u, 1, 2, 0, on="right")]
        problem = Problem("lines", [D(u, x, 2) - u**2 - u], [u], Box({x: (0, 2)}), conditions)
        return problem.manufactured(sp.sin(2 * x) + x / 2), RandomFeatures(features=40, patches=2)

    def refused(self):
        return inverse()


def test_linear_problems_take_one_step_and_reach_many_digits(shipped):
    found = answer(shipped["poisson_2d"], features=150, patches=2)
    assert error(found) < 1e-7
    assert len(found.history["step"]) == 1
    assert found.history["residual"][-1] < 1e-8
    assert found.history["tail"][-1] < 1e-6


def test_more_features_bring_more_digits(shipped):
    errors = [error(answer(shipped["helmholtz_2d"], features=n, patches=(2, 4))) for n in (60, 120)]
    assert errors[1] < errors[0] / 30


def test_shapes_with_holes_and_every_kind_of_condition():
    u = sp.Function("u")(x, y)
    plate = Difference(Box({x: (0, 1), y: (0, 1)}), Disk({x: 0.5, y: 0.4}, 0.2, name="hole"))
    oblique = Condition(normal(x) * D(u, x) + 2 * normal(y) * D(u, y) + u, on="hole")
    conditions = [dirichlet(u, 0, on=["left", "right", "bottom"]), neumann(u, 0, on="top"), oblique]
    problem = Problem("holed", [-laplacian(u, (x, y)) + u], [u], plate, conditions)
    assert error(answer(problem.manufactured(sp.exp(x) * sp.sin(2 * y)), features=80, patches=2)) < 1e-5


def test_patches_without_points_are_dropped():
    u = sp.Function("u")(x, y)
    corner = Difference(Box({x: (-1, 1), y: (-1, 1)}), Box({x: (0, 2), y: (0, 2)}))
    problem = Problem("l_shape", [laplacian(u, (x, y))], [u], corner, [dirichlet(u, 0)])
    problem = problem.manufactured(sp.sin(x + y))
    solver = RandomFeatures(features=60, patches=4)
    assert solver.compile(problem).init(0).coefficients[0].shape[1] == 15
    assert error(solve(problem, solver, device="cpu").checked()) < 1e-4


def test_meshes_are_taken(shipped):
    u = sp.Function("u")(x, y)
    plate = shipped["poisson_plate"].domain
    problem = Problem("plate", [laplacian(u, (x, y))], [u], plate, [dirichlet(u, 0)]).manufactured(sp.sin(x) * y)
    found = answer(problem, features=70, patches=2)
    points = plate.sample(500, np.random.default_rng(0))
    np.testing.assert_allclose(found.field(points), ExactField.of(problem)(points), atol=1e-5)


def test_space_of_three_dimensions():
    u = sp.Function("u")(x, y, z)
    ball = Ball({x: 0, y: 0, z: 0}, 1.0)
    problem = Problem("ball", [laplacian(u, (x, y, z))], [u], ball, [dirichlet(u, 0)])
    problem = problem.manufactured(sp.sin(x + y / 2) * sp.exp(z / 2))
    found = answer(problem, features=120, patches=1)
    points = ball.sample(300, np.random.default_rng(0))
    np.testing.assert_allclose(found.field(points), ExactField.of(problem)(points), atol=1e-2)


def test_waves_with_an_initial_rate_pass_from_window_to_window():
    u = sp.Function("u")(t, x)
    conditions = [initial(u, 0), initial_rate(u, 0), dirichlet(u, 0)]
    problem = Problem("wave", [D(u, t, 2) - D(u, x, 2)], [u], Box({t: (0, 2), x: (0, 1)}), conditions, t)
    found = answer(problem.manufactured(sp.sin(3 * x) * sp.cos(2 * t)), features=80, patches=2, windows=3)
    assert error(found) < 1e-5
    assert list(found.history["window"]) == [1, 2, 3]


def test_an_evolution_on_a_shape():
    u = sp.Function("u")(t, x, y)
    disk = Disk({x: 0, y: 0}, 1.0, name="rim")
    equation = D(u, t) - laplacian(u, (x, y))
    problem = Problem("disk", [equation], [u], TimeInterval(t, 0, 1) * disk, [initial(u, 0), dirichlet(u, 0)], t)
    found = answer(problem.manufactured(sp.exp(-t) * (x + y**2)), features=100, patches=1)
    points = found.problem.spacetime.sample(300, np.random.default_rng(0))
    np.testing.assert_allclose(found.field(points), ExactField.of(found.problem)(points), atol=1e-2)


def test_ordinary_differential_equations(shipped):
    u = sp.Function("u")(t)
    problem = Problem("logistic", [D(u, t) - u * (1 - u)], [u], Box({t: (0, 4)}), [initial(u, 0.1)], t)
    points = np.linspace(0, 4, 50)[:, None]
    found = answer(problem, features=60, patches=3, windows=2).field(points)
    np.testing.assert_allclose(found, 1 / (1 + 9 * np.exp(-points)), rtol=1e-8)


def test_periodicity_is_exact_with_all_derivatives(shipped):
    found = answer(shipped["advection"], features=120, patches=(2, 4)).field
    ((a, b),) = shipped["advection"].region.bounds.values()
    points, ahead = (np.column_stack([np.linspace(0, 1, 9), np.full(9, c)]) for c in (a, b))
    for orders in ((0, 0), (0, 1), (1, 2)):
        here = found.derivative(orders)
        np.testing.assert_allclose(here(ahead), here(points), rtol=1e-6, atol=1e-6)


def test_another_seed_gives_another_answer_as_far_as_the_error_goes():
    problem, solver = reaction(), RandomFeatures(features=40, patches=2)
    a, b = (solve(problem, solver, seed=s, device="cpu").checked() for s in (0, 1))
    nodes = comparison_nodes(problem, 2_000)
    apart = relative_l2(sample(a.field, nodes), sample(b.field, nodes))
    assert 0 < apart < 10 * (error(a) + error(b))


def test_gauss_newton_that_runs_out_of_steps_says_so():
    solver = RandomFeatures(features=30, patches=2, iterations=1)
    found = solve(reaction(), solver, device="cpu")
    assert found.status is Status.DIVERGED
    assert "not solved in 1 steps; raise iterations, or cut time with windows=" in found.failure


def test_gauss_newton_without_a_way_down_says_so():
    # (u - 2)² + 1 has no root; its least value is 1.
    u = sp.Function("u")(x)
    problem = Problem("rootless", [(u - 2) ** 2 + 1], [u], Box({x: (0, 1)}), [])
    found = solve(problem, RandomFeatures(features=20, patches=1), device="cpu")
    assert found.status is Status.DIVERGED
    assert "no step reduces the residual" in found.failure


def test_conditions_that_contradict_each_other_are_no_solution():
    # u'' = 1 asks u' to grow by 1 between ends where it is 0.
    u = sp.Function("u")(x)
    problem = Problem("torn", [D(u, x, 2) - 1], [u], Box({x: (0, 1)}), [neumann(u, 0)])
    found = solve(problem, RandomFeatures(features=20, patches=1), device="cpu")
    assert found.status is Status.DIVERGED
    assert "not resolved, or the conditions contradict each other" in found.failure


def test_waves_too_short_for_the_features_are_not_called_solved():
    u = sp.Function("u")(x)
    problem = Problem("short", [D(u, x, 2) + u], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])
    problem = problem.manufactured(sp.sin(300 * x))
    found = solve(problem, RandomFeatures(features=20, patches=1), device="cpu")
    assert found.status is Status.DIVERGED
    assert "raise features, patches or scale" in found.failure


def test_a_thin_channel_is_solved_as_well_as_the_room_beside_it():
    u = sp.Function("u")(x, y)
    shape = Union(Box({x: (0, 1), y: (0, 1)}), Box({x: (0.5, 4), y: (0.5031, 0.5131)}))
    problem = Problem("channel", [laplacian(u, (x, y))], [u], shape, [dirichlet(u, 0)])
    problem = problem.manufactured(sp.exp(x / 2) * sp.sin(y / 2))
    found = answer(problem, features=40, patches=(3, 2)).field
    points = np.column_stack([np.linspace(1.1, 3.9, 50), np.full(50, 0.5081)])
    np.testing.assert_allclose(found(points), ExactField.of(problem)(points), atol=1e-4)


def test_more_than_four_coordinates_are_left_to_networks():
    axes = sp.symbols("a:5", real=True)
    u = sp.Function("u")(*axes)
    problem = Problem("five", [laplacian(u, axes)], [u], Box(dict.fromkeys(axes, (0, 1))), [dirichlet(u, 0)])
    with pytest.raises(UnsupportedProblem, match=r"'five': 5 coordinates, .*use Pinn"):
        RandomFeatures(features=5, patches=1).compile(problem)


def test_windows_of_a_steady_problem_are_refused(shipped):
    with pytest.raises(UnsupportedProblem, match=r"windows = 2 cut the time, .*set windows=1"):
        RandomFeatures(windows=2).compile(shipped["poisson_2d"])


def test_data_that_are_no_numbers_are_named_with_their_place():
    u = sp.Function("u")(x)
    problem = Problem("pole", [D(u, x, 2) - sp.log(x - 1)], [u], Box({x: (0, 2)}), [dirichlet(u, 0)])
    method = RandomFeatures(features=20, patches=2).compile(problem)
    state = method.init(0)
    with pytest.raises(SolveFailed, match=r"equation .* is nan at x = "):
        method.step(state)


def test_what_does_not_fit_is_refused_before_it_starts_with_an_estimate(shipped):
    with pytest.raises(UnsupportedProblem, match=r"43,200 coefficients on 144 patches would take about \d+\.\d GB"):
        RandomFeatures(patches=12).compile(shipped["helmholtz_2d"])


def test_integral_terms_are_refused():
    u = sp.Function("u")(x)
    equation = D(u, x) - sp.Integral(sp.exp(-x * t), (t, 0, x))
    problem = Problem("memory", [equation], [u], Box({x: (0, 1)}), [dirichlet(u, 1, on="left")])
    with pytest.raises(UnsupportedProblem, match=r"RandomFeatures on 'memory': .*"):
        RandomFeatures().compile(problem)


def test_windows_too_rough_for_the_equation_are_refused(shipped):
    with pytest.raises(UnsupportedProblem, match=r"order 2 .* smoothness=2 or more"):
        RandomFeatures(smoothness=1).compile(shipped["poisson_2d"])


def test_initial_conditions_that_cannot_be_handed_on_are_refused():
    u = sp.Function("u")(t)
    problem = Problem("implicit", [D(u, t) + u], [u], Box({t: (0, 1)}), [Condition(u**3 - 1, on="initial")], t)
    with pytest.raises(UnsupportedProblem, match="windows=1"):
        RandomFeatures(windows=2).compile(problem)


def test_patches_must_be_given_for_each_coordinate(shipped):
    with pytest.raises(UnsupportedProblem, match="give one number for each"):
        RandomFeatures(patches=(2, 2, 2)).compile(shipped["poisson_2d"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"features": 0}, "features = 0"),
        ({"points": 1.0}, "points = 1.0; fewer points than coefficients"),
        ({"overlap": 1.0}, "overlap = 1.0"),
        ({"patches": 0}, "patches = 0"),
        ({"patches": (2, 0)}, r"patches = \(2, 0\)"),
        ({"windows": 0}, "windows = 0"),
        ({"scale": -1.0}, "scale = -1.0"),
        ({"features": 20.5}, "features = 20.5; give a positive whole number"),
        ({"windows": 1.5}, "windows = 1.5; give a positive whole number"),
        ({"iterations": 2.5}, "iterations = 2.5; give a positive whole number"),
        ({"smoothness": 2.5}, "smoothness = 2.5; give a whole number"),
        ({"smoothness": 13}, "smoothness = 13; give 0 to 12"),
        ({"patches": (2, 1.5)}, r"patches = \(2, 1.5\); give a whole number"),
        ({"points": float("inf")}, "points = inf"),
    ],
)
def test_bad_settings_are_refused_by_name(settings, words):
    with pytest.raises(ValueError, match=words):
        RandomFeatures(**settings)
