"""Inverse problems: unknown parameters with honest error bars, hidden terms, and what is refused."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import sympy as sp
import torch

import pinnlab.pinns.method as module
from pinnlab import (
    Box,
    D,
    Hard,
    LastLayer,
    Lbfgs,
    LevenbergMarquardt,
    Mlp,
    PerPoint,
    Pinn,
    Problem,
    Sobol,
    Soft,
    Solution,
    UnsupportedProblem,
    dirichlet,
    initial,
    parameter,
    solve,
)
from pinnlab.commands.inspection import describe_file, describe_problem, describe_solution
from pinnlab.commands.text import file_lines
from pinnlab.observations import Observations
from pinnlab.sparse_regression import sparse_regression
from pinnlab.symbols import unknown_function
from pinnlab.testing import SolverContract
from pinnlab.training.point_weights import ResidualAttention

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t)
TIMES = np.linspace(0.1, 2, 20)[:, None]
RATE, SIGMA = 1.7, 0.02


def decay(**known):
    k = parameter("k", **(known or {"unknown": True, "guess": 1.0, "bounds": (0.1, 10)}))
    exact = sp.exp(-known["value"] * t) if "value" in known else None
    return Problem("decay", [D(u, t) + k * u], [u], Box({t: (0, 2)}), [initial(u, 1)], t, reference=exact)


def noisy(seed, points=TIMES):
    return np.exp(-RATE * points[:, 0]) + SIGMA * np.random.default_rng(seed).standard_normal(len(points))


def pinn(data, **settings):
    plain = {"network": Mlp(width=5, depth=1), "sampler": Sobol(points=32), "optimizer": LevenbergMarquardt(steps=15)}
    return Pinn(observations=data, **(plain | settings))


def regression(values, points=TIMES):
    """Rate and standard error of a nonlinear regression on the exact solution, worked out by Gauss-Newton."""
    s, k = points[:, 0], 1.0
    for _ in range(50):
        fit, slope = np.exp(-k * s), -s * np.exp(-k * s)
        k += slope @ (values - fit) / (slope @ slope)
    variance = np.sum((values - np.exp(-k * s)) ** 2) / (len(s) - 1)
    slope = -s * np.exp(-k * s)
    return k, np.sqrt(variance / (slope @ slope))


def test_estimates_and_standard_errors_are_those_of_regression_on_the_exact_solution():
    data = Observations(TIMES, noisy(0), SIGMA)
    theta = solve(decay(), pinn(data), device="cpu").field.theta
    scores = []
    for seed in range(12):
        values = noisy(seed)
        method = pinn(Observations(TIMES, values, SIGMA)).compile(decay())
        state = dataclasses.replace(method.init(0), theta=theta)
        for _ in range(5):
            state, _ = method.step(state)
        found = method.field(state).parameters["k"]
        k, error = regression(values)
        assert found.value == pytest.approx(k, abs=0.1 * error)
        assert found.standard_error == pytest.approx(error, rel=0.1)
        assert abs(found.remaining) < 0.1 * error
        assert found.interval[0] < found.value < found.interval[1]
        scores.append((found.value - RATE) / found.standard_error)
    # The root mean square of twelve standard normal numbers is within 0.55 and 1.5 with probability 0.99.
    assert 0.55 < np.sqrt(np.mean(np.square(scores))) < 1.5


@pytest.mark.parametrize("settings", [{"differentiation": PerPoint()}, {"constraints": Soft()}])
def test_every_composition_finds_the_same_rate(settings):
    values = noisy(0)
    data = Observations(TIMES, values, SIGMA)
    found = solve(decay(), pinn(data, **settings), device="cpu").field.parameters["k"]
    k, error = regression(values)
    assert found.value == pytest.approx(k, abs=0.2 * error)


def test_first_order_training_moves_the_parameter_too():
    solver = pinn(Observations(TIMES, noisy(0), SIGMA), optimizer=Lbfgs(steps=60, per_step=20))
    solution = solve(decay(), solver, device="cpu")
    path = solution.history["parameter_k"]
    assert abs(path[-1] - RATE) < abs(1.0 - RATE)
    assert solution.field.parameters["k"].value == path[-1]


def test_an_unknown_in_the_initial_value_and_two_unknown_at_once():
    a = parameter("a", unknown=True, guess=0.5)
    k = parameter("k", unknown=True, guess=1.0, bounds=(0, np.inf))
    problem = Problem("two", [D(u, t) + k * u], [u], Box({t: (0, 2)}), [initial(u, a)], t)
    found = solve(problem, pinn(Observations(TIMES, noisy(3), SIGMA)), device="cpu").field
    estimates = found.parameters
    assert abs(estimates["a"].value - 1) < 3 * estimates["a"].standard_error
    assert abs(estimates["k"].value - RATE) < 3 * estimates["k"].standard_error
    # The initial value is built in with what was learned.
    assert found(np.zeros((1, 1)))[0, 0] == pytest.approx(estimates["a"].value, rel=1e-14)


def test_a_parameter_stays_within_its_bounds_when_the_data_pull_it_out():
    problem = decay(unknown=True, guess=0.6, bounds=(0.5, 1.0))
    solution = solve(problem, pinn(Observations(TIMES, noisy(0), SIGMA)), device="cpu")
    assert (solution.history["parameter_k"] <= 1.0).all()
    found = solution.field.parameters["k"]
    assert found.value > 0.95
    assert 0.5 <= found.interval[0] <= found.interval[1] <= 1.0


def test_one_unknown_of_a_system_is_enough_where_it_tells_of_the_other():
    a, b = (sp.Function(n)(t) for n in "ab")
    w = parameter("w", unknown=True, guess=1.5, bounds=(0.1, 10))
    conditions = [initial(a, 0), initial(b, 1)]
    problem = Problem("spring", [D(a, t) - w * b, D(b, t) + w * a], [a, b], Box({t: (0, 2)}), conditions, t)
    values = np.cos(2 * TIMES[:, 0]) + 0.01 * np.random.default_rng(0).standard_normal(20)
    solver = pinn(Observations(TIMES, values, 0.01, unknowns=b), network=Mlp(width=10, depth=1))
    solver = dataclasses.replace(solver, optimizer=LevenbergMarquardt(steps=25))
    solution = solve(problem, solver, device="cpu")
    found = solution.field.parameters["w"]
    assert abs(found.value - 2) < 3 * found.standard_error
    assert found.standard_error < 0.01
    np.testing.assert_allclose(solution.field(TIMES)[:, 0], np.sin(2 * TIMES[:, 0]), atol=0.02)


def test_a_diffusivity_is_found():
    v = sp.Function("v")(t, x)
    nu = parameter("nu", unknown=True, guess=0.5, bounds=(0.001, 5))
    box = Box({t: (0, 1), x: (0, 1)})
    conditions = [initial(v, sp.sin(sp.pi * x)), dirichlet(v, 0)]
    problem = Problem("heat", [D(v, t) - nu * D(v, x, 2)], [v], box, conditions, t)
    rng = np.random.default_rng(0)
    points = rng.random((60, 2))
    values = np.exp(-0.1 * np.pi**2 * points[:, 0]) * np.sin(np.pi * points[:, 1]) + 0.01 * rng.standard_normal(60)
    solver = pinn(Observations(points, values, 0.01), sampler=Sobol(128), network=Mlp(width=6, depth=1))
    found = solve(problem, solver, device="cpu").field.parameters["nu"]
    # One standard deviation of the best unbiased estimate of this design is about 0.0005.
    assert abs(found.value - 0.1) < 0.002
    assert 0.0003 < found.standard_error < 0.001
    assert found.interval[0] < 0.1 < found.interval[1]


GROWTH_TIMES = np.linspace(0.1, 6, 40)[:, None]


def growth():
    f = unknown_function("f", u, bounds=[(0, 1)])
    return f, Problem("growth", [D(u, t) - f], [u], Box({t: (0, 6)}), [initial(u, sp.Rational(1, 10))], t)


def test_a_hidden_term_is_learned_and_written_as_a_formula():
    f, problem = growth()
    truth = 1 / (1 + 9 * np.exp(-GROWTH_TIMES[:, 0]))
    data = Observations(GROWTH_TIMES, truth + 1e-3 * np.random.default_rng(0).standard_normal(40), 1e-3)
    solver = pinn(data, network=Mlp(width=8, depth=1), function_network=Mlp(width=4, depth=1), sampler=Sobol(64))
    solver = dataclasses.replace(solver, optimizer=LevenbergMarquardt(steps=60))
    field = solve(problem, solver, device="cpu").field
    model = sparse_regression(field, f, [1, u, u**2, u**3], threshold=0.1)
    assert model.terms == (u, u**2)
    assert model.coefficients == pytest.approx([1, -1], abs=0.02)


def test_hidden_terms_have_the_same_jacobian_by_both_rules():
    v = sp.Function("v")(t, x)
    f = unknown_function("f", v, D(v, x))
    k = parameter("k", unknown=True, guess=0.3)
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    problem = Problem("hidden", [D(v, t) + v * f - k * D(v, x, 2)], [v], box, [initial(v, sp.sin(2 * sp.pi * x))], t)
    points = np.random.default_rng(0).random((9, 2))
    data = Observations(points, np.ones(9), 0.1)
    found = []
    for rule in (PerPoint(), pinn(data).differentiation):
        method = pinn(data, sampler=Sobol(16), differentiation=rule).compile(problem)
        state, _ = method.step(method.init(0))
        found.append(method._objective(state).jacobian(state.theta)[1])
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)
    assert (found[0].abs().amax(0) > 0).all()


class TestInversePinn(SolverContract):
    tolerance = 1e-2

    def case(self):
        # The problem is the known one; data only assist, so that there is an exact solution to compare with.
        return decay(value=RATE), pinn(Observations(TIMES, noisy(0), SIGMA))

    def refused(self):
        f = unknown_function("f", u)
        return Problem("steep", [D(u, t) + D(f, t)], [u], Box({t: (0, 2)}), [initial(u, 1)], t)


def test_a_cut_changes_nothing_in_an_inverse_run(tmp_path):
    solver = pinn(Observations(TIMES, noisy(0), SIGMA))
    path = tmp_path / "state.ckpt"
    whole = solve(decay(), solver, max_steps=6, device="cpu")
    solve(decay(), solver, max_steps=3, checkpoint=path, device="cpu")
    rest = solve(decay(), solver, max_steps=6, checkpoint=path, resume=True, device="cpu")
    assert rest.field.parameters == whole.field.parameters
    np.testing.assert_array_equal(rest.history["parameter_k"], whole.history["parameter_k"])
    other = pinn(Observations(TIMES, noisy(1), SIGMA))
    with pytest.raises(ValueError, match="belongs to another solver"):
        solve(decay(), other, max_steps=6, checkpoint=path, resume=True, device="cpu")


def test_files_hold_the_estimates_and_name_the_data(tmp_path):
    solution = solve(decay(), pinn(Observations(TIMES, noisy(0), SIGMA)), device="cpu")
    path = tmp_path / "decay.hdf"
    solution.to_hdf5(path)
    told = describe_file(path)
    found = solution.field.parameters["k"]
    assert told["solver"]["observations"]["count"] == 20
    assert told["solver"]["observations"]["sha256"] == solution.solver.observations.sha256
    assert told["metrics"]["parameter_k"] == found.value
    assert told["metrics"]["parameter_k_standard_error"] == found.standard_error
    assert (told["metrics"]["parameter_k_lower"], told["metrics"]["parameter_k_upper"]) == found.interval
    assert told["learned"]["k"] == {
        "value": found.value,
        "standard_error": found.standard_error,
        "lower": found.interval[0],
        "upper": found.interval[1],
    }
    assert describe_solution(solution)["learned"] == told["learned"]
    loaded = Solution.from_hdf5(path)
    assert loaded.field.parameters == solution.field.parameters
    assert loaded.field.derivative((1,)).parameters == solution.field.parameters
    assert any(line.startswith("learned k = 1.7") for line in file_lines(told))
    assert json.loads(json.dumps(Solution.from_hdf5(path).settings)) == json.loads(json.dumps(solution.settings))


def test_a_network_too_large_for_error_bars_is_stored_without(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_PROFILED", 5)
    solution = solve(decay(), pinn(Observations(TIMES, noisy(0), SIGMA)), max_steps=2, device="cpu")
    path = tmp_path / "decay.hdf"
    solution.to_hdf5(path)
    told = describe_file(path)["learned"]["k"]
    assert told["value"] == solution.history["parameter_k"][-1]
    assert np.isnan(told["standard_error"])


def test_a_problem_with_a_hidden_term_is_told_and_stored():
    f, problem = growth()
    assert describe_problem(problem)["forms"]["Pointwise"]["residuals"] == ["u_t - f(u)"]
    assert Problem.from_json(problem.to_json()) == problem
    assert "f" in problem._repr_html_()
    exact = problem.manufactured(sp.exp(t))
    assert exact.unknown_functions[0].name == f.name


def test_what_is_unknown_needs_data():
    for problem, what in ((decay(), "the parameter k"), (growth()[1], "the function f")):
        with pytest.raises(UnsupportedProblem, match=f"{what} is unknown and there are no data .*Observations"):
            Pinn().compile(problem)


def test_a_hidden_term_under_a_derivative_is_refused():
    v = sp.Function("v")(t, x)
    equation = D(v, t) - D(unknown_function("f", v) * D(v, x), x)
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    problem = Problem("diffusion", [equation], [v], box, [initial(v, sp.cos(2 * sp.pi * x))], t)
    data = Observations([[0.5, 0.5]], [1.0], 0.1)
    for constraints in (Hard(), Soft()):
        with pytest.raises(UnsupportedProblem, match=r"differentiate the unknown function .* one unknown function"):
            Pinn(observations=data, constraints=constraints).compile(problem)


def test_observations_must_be_observations():
    with pytest.raises(ValueError, match="observations must be one or several Observations"):
        Pinn(observations=(np.zeros(3),))


@pytest.mark.parametrize("steps", [9, 10])
def test_standard_errors_do_not_depend_on_whether_points_are_about_to_be_redrawn(steps):
    settings = {"sampler": Sobol(points=32, every=10), "weighting": ResidualAttention(), "constraints": Soft()}
    solution = solve(decay(), pinn(Observations(TIMES, noisy(0), SIGMA), **settings), device="cpu", max_steps=steps)
    assert 0 < solution.field.parameters["k"].standard_error < 1


def test_the_last_layer_alone_infers_nothing_and_is_refused():
    solver = pinn(Observations(TIMES, noisy(0), SIGMA), optimizer=LastLayer())
    with pytest.raises(UnsupportedProblem, match="LastLayer leaves the parameter k as it is"):
        solver.compile(decay())
