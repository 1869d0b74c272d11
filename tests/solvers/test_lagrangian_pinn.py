"""Networks along characteristics: contract, transport of several kinds, shocks, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    D,
    Disk,
    ExactField,
    Hard,
    LevenbergMarquardt,
    Mlp,
    Problem,
    Sobol,
    Soft,
    Status,
    TimeInterval,
    UnsupportedProblem,
    dirichlet,
    initial,
    parameter,
    solve,
)
from pinnlab.solvers.lagrangian_pinn import LagrangianPinn
from pinnlab.testing import SolverContract
from pinnlab.windows import EqualWindows

t, x, y = sp.symbols("t x y", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
w = sp.Function("w")(t, x, y)
LINE = Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x])


def small(width=8, points=256, steps=12, **settings):
    parts = {"sampler": Sobol(points), "optimizer": LevenbergMarquardt(steps=steps)}
    return LagrangianPinn(Mlp(width, 2), Mlp(width, 2), **parts, **settings)


def convection(speed):
    viscosity = sp.Rational(1, 100)
    equation = D(u, t) + speed * D(u, x) - viscosity * D(u, x, 2)
    exact = sp.exp(-viscosity * t) * sp.sin(x - speed * t)
    return Problem("convection", [equation], [u], LINE, [initial(u, sp.sin(x))], t, reference=exact)


def error(solution, n=500):
    points = solution.problem.spacetime.sample(n, np.random.default_rng(0))
    truth = ExactField.of(solution.problem)(points)
    return np.linalg.norm(solution.field(points) - truth) / np.linalg.norm(truth)


class TestLagrangianPinn(SolverContract):
    tolerance = 2e-2

    def case(self):
        return convection(10), small(width=6, points=128, steps=10)

    def refused(self):
        both = [D(u, t) + D(u, x), D(v, t) - D(v, x)]
        return Problem("two_families", both, [u, v], LINE, [initial(u, 0), initial(v, 0)], t)


def test_the_speed_does_not_make_it_harder():
    slow, fast = (solve(convection(c), small(), device="cpu") for c in (1, 70))
    assert error(slow) < 1e-3
    assert error(fast) < 1.1 * error(slow)


def test_a_viscous_wave_that_steepens(shipped):
    solution = solve(shipped["burgers_periodic"], small(width=10, points=400, steps=25), device="cpu").checked()
    assert error(solution) < 2e-3
    # It is no small deformation: labels come together at pi to a third.
    assert solution.field.compression([1.0], np.array([[np.pi]]))[0, 0] < 0.4


@pytest.mark.parametrize(("constraints", "bound"), [(Hard(), 2e-2), (Soft(), 5e-2)])
def test_walls_and_conditions_that_are_not_built_in(shipped, constraints, bound):
    problem = shipped["burgers"].with_parameters(nu=0.2)
    short = replace(problem, domain=Box({t: (0, 0.4), x: (-1, 1)}))
    solution = solve(short, small(steps=20, constraints=constraints, condition_points=50), device="cpu").checked()
    assert error(solution) < bound
    assert solution.field.compression([0.4], np.array([[0.0]]))[0, 0] < 0.5


def test_a_rotation_of_a_disk():
    domain = TimeInterval(t, 0, 0.5) * Disk({x: 0, y: 0}, radius=1, name="wall")
    turn = {x: x * sp.cos(t) + y * sp.sin(t), y: y * sp.cos(t) - x * sp.sin(t)}
    start = sp.exp(-4 * ((x - sp.Rational(1, 2)) ** 2 + y**2))
    problem = Problem("turned", [D(w, t) - y * D(w, x) + x * D(w, y)], [w], domain, [initial(w, start)], t,
                      reference=start.subs(turn, simultaneous=True))  # fmt: skip
    assert error(solve(problem, small(points=200), device="cpu").checked()) < 5e-3


def test_unknowns_that_travel_together():
    pair = [D(u, t) + 4 * D(u, x) + v, D(v, t) + 4 * D(v, x) - u]
    here, there = sp.sin(x - 4 * t), sp.cos(x - 4 * t)
    exact = {u: here * sp.cos(t) - there * sp.sin(t), v: here * sp.sin(t) + there * sp.cos(t)}
    problem = Problem("pair", pair, [u, v], LINE, [initial(u, sp.sin(x)), initial(v, sp.cos(x))], t, reference=exact)
    assert error(solve(problem, small(), device="cpu").checked()) < 1e-3


def test_windows_begin_with_new_labels(shipped):
    solution = solve(
        shipped["burgers_periodic"], small(width=6, points=128, steps=8, windows=EqualWindows(2)), device="cpu"
    ).checked()
    assert error(solution, 200) < 5e-2
    second = solution.field.fields[1]
    np.testing.assert_allclose(second.compression([0.5], np.linspace(0, 6, 9)[:, None]), 1, atol=1e-12)


def test_a_shock_that_initial_data_foretell_is_refused(shipped):
    with pytest.raises(UnsupportedProblem, match=r"'inviscid_burgers': characteristics cross at t = 0.63662, before"):
        small().compile(shipped["inviscid_burgers"])
    small().compile(before_the_shock(shipped["inviscid_burgers"], 0.6))


def before_the_shock(problem, end):
    box = Box({t: (0, end), x: (-1, 1)}, periodic=[x])
    return Problem("early", problem.equations, problem.unknowns, box, problem.conditions, t)


def test_a_shock_that_training_finds_ends_the_run_and_tells_where():
    # The source hides the crossing from what is known before training, and hardly changes it: t = 1, x = pi.
    source = D(u, t) + u * D(u, x) + u / 1000
    box = Box({t: (0, sp.Rational(3, 2)), x: (0, 2 * sp.pi)}, periodic=[x])
    problem = Problem("shock", [source], [u], box, [initial(u, sp.sin(x))], t)
    solution = solve(problem, small(steps=12), device="cpu")
    assert solution.status is Status.DIVERGED
    assert "'shock': characteristics cross from t = 1" in solution.failure
    assert "x = 3.1" in solution.failure
    assert "FiniteVolume" in solution.failure
    assert solution.field.reached == pytest.approx(1, abs=1e-2)
    # What came before is good: u = e^(-t / 1000) sin(s), x = s + 1000 (1 - e^(-t / 1000)) sin(s).
    label, time = np.linspace(0, 6, 7), 0.8
    place = label + 1000 * (1 - np.exp(-time / 1000)) * np.sin(label)
    found = solution.field(np.column_stack([np.full(7, time), place]))[:, 0]
    np.testing.assert_allclose(found, np.exp(-time / 1000) * np.sin(label), atol=2e-3)


def test_labels_that_come_too_close_are_told():
    box = Box({t: (0, sp.Rational(97, 100)), x: (0, 2 * sp.pi)}, periodic=[x])
    source = D(u, t) + u * D(u, x) + u / 1000
    close = Problem("close", [source], [u], box, [initial(u, sp.sin(x))], t)
    solution = solve(close, small(steps=12), device="cpu").checked()
    assert "labels come together to 0.0" in solution.note
    assert "EqualWindows" in solution.note
    assert "labels" not in solve(convection(10), small(steps=3), device="cpu").note


def test_what_cannot_be_trained_is_refused():
    unknown = parameter("c", unknown=True, guess=1.0)
    with pytest.raises(UnsupportedProblem, match="parameter c is unknown"):
        small().compile(Problem("p", [D(u, t) + unknown * D(u, x)], [u], LINE, [initial(u, 0)], t))
    through = Problem("p", [D(u, t) + D(u, x)], [u], Box({t: (0, 1), x: (0, 1)}),
                      [initial(u, 0), dirichlet(u, 0, on="left")], t)  # fmt: skip
    with pytest.raises(UnsupportedProblem, match="enter or leave through 'left'"):
        small().compile(through)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"characteristics": Mlp}, "LagrangianPinn: characteristics = .* is no architecture"),
        ({"state": 3}, "LagrangianPinn: state = 3 is no architecture"),
        ({"sampler": 5}, "LagrangianPinn: sampler must be a Sampler"),
        ({"condition_points": 0}, "LagrangianPinn: condition_points = 0; give a positive whole number"),
        ({"windows": 5}, "LagrangianPinn: windows must be"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        LagrangianPinn(**settings)
