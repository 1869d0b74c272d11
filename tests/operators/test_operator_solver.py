"""Trained operators as solvers."""

import dataclasses
import math

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import (
    Box,
    D,
    Family,
    Pinn,
    Problem,
    TimeInterval,
    compare,
    dirichlet,
    initial,
    laplacian,
    parameter,
    solve,
)
from pinnlab.datasets.data import OperatorData
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.known import known
from pinnlab.networks.fno import Fno
from pinnlab.networks.mlp import Mlp
from pinnlab.operators.fine_tuning import FineTuning
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.operator_solver import OperatorSolver
from pinnlab.operators.pairs import Bundled, OneStep
from pinnlab.operators.trained import TrainedOperator
from pinnlab.pinns import method
from pinnlab.random_functions import PeriodicField
from pinnlab.settings import describe
from pinnlab.solution import Solution
from pinnlab.solver import Status
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.training.adam_w import AdamW

t, x, y = sp.symbols("t x y", real=True)


def on_frames(field, times, axis):
    points = np.stack(np.meshgrid(times, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return field(points)[:, 0].reshape(len(times), len(axis))


def test_the_solution_is_the_operators_answer_with_the_initial_values_before_it(heated):
    member, data = heated.family.member(3, 9), heated.exact(heated.family, 4, heated.data.times, seed=9)
    solution = solve(member, heated.operator.solver(), device="cpu")
    assert solution.status is Status.DONE
    axis, answer = data.axes[0], heated.operator.predict(data[[3]])[0, :, 0]
    np.testing.assert_allclose(on_frames(solution.field, data.times, axis), answer, atol=1e-12)
    np.testing.assert_allclose(on_frames(solution.field, [0.0], axis)[0], data.inputs[3, 0], atol=1e-12)
    np.testing.assert_allclose(heated.operator.solver().answers([member])[0, :, 0], answer, atol=1e-12)
    assert solution.field.reached == 1.0
    assert "from the training data, where 1 is as far" in solution.note


def test_it_is_compared_like_any_other_solver(heated):
    member = heated.family.member(1, 9)
    found = compare(member, {"operator": heated.operator.solver(), "etdrk4": Etdrk4(points=16, steps=40)})
    error = next(r for r in found.rows if r.solver == "operator" and r.metric == "relative_l2")
    assert 1e-4 < error.value < 0.5
    far = heated.family.problem.with_parameters(k=30.0)
    refused = compare(far, {"operator": heated.operator.solver(), "etdrk4": Etdrk4(points=16, steps=40)})
    row = next(r for r in refused.rows if r.solver == "operator")
    assert row.value is None
    assert "k = 30 is out of range by" in row.reason


def test_files_hold_it(heated, tmp_path):
    member = heated.family.member(1, 9)
    solution = solve(member, heated.operator.solver(), device="cpu")
    solution.to_hdf5(tmp_path / "s.hdf")
    back = Solution.from_hdf5(tmp_path / "s.hdf")
    assert back.settings["learned"] == heated.operator.solver().learned
    assert back.problem == member
    axis = np.arange(16) / 16
    there = on_frames(solution.field, [0.0, 0.5, 1.0], axis)
    np.testing.assert_allclose(on_frames(back.field, [0.0, 0.5, 1.0], axis), there, atol=1e-3)
    assert solution.plot() is not None


def test_members_outside_of_the_training_distribution_are_refused_unless_told_otherwise(heated):
    problem, solver = heated.family.problem, heated.operator.solver()
    larger = problem.with_parameters(u0=9 * sp.sin(2 * sp.pi * x), k=0.5)
    with pytest.raises(
        UnsupportedProblem, match=r"Mahalanobis distance of u0 in 3 .*allow it with OperatorSolver.beyond"
    ):
        solve(larger, solver, device="cpu")
    assert solver.distances(larger)[0].input == "u0"
    with pytest.raises(UnsupportedProblem, match=r"k = 3 is out of range by .*: its range in the training data is 0.2"):
        solver.answers([problem.with_parameters(k=3)])
    everything = OperatorSolver(heated.operator, beyond=math.inf)
    solution = solve(larger, everything, device="cpu")
    assert solution.status is Status.DONE
    ratio = everything.distances(larger)[0].ratio
    assert ratio > 1.5
    assert solution.note.startswith(f"distance {ratio:.2g} from")


def test_members_of_the_family_are_seldom_refused(heated):
    ratios = [heated.operator.solver().distances(heated.family.member(i, 9))[0].ratio for i in range(20)]
    assert np.mean(np.array(ratios) > 1.5) <= 0.1


def test_other_problems_are_refused(heated):
    u, k = sp.Function("u")(t, x), parameter("k", 0.5)
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
    other = Problem("other", [D(u, t) + k * D(u, x)], [u], domain, [initial(u, parameter("u0", 0))], t)
    with pytest.raises(UnsupportedProblem, match="'other' is no member of the family of 'heat': its equations differ"):
        solve(other, heated.operator.solver(), device="cpu")


def test_an_operator_that_steps_starts_from_the_initial_values(heated):
    data = heated.exact(heated.family, 20, np.linspace(0, 1, 6))
    learning = OperatorLearning(Fno(modes=3, width=4, depth=1), OneStep(conditions=("k",)), epochs=2)
    stepping = train(data, learning, family=heated.family, device="cpu")
    solution = solve(heated.family.member(0), OperatorSolver(stepping, beyond=math.inf), device="cpu")
    answer = stepping.predict(data[[0]])[0, :, 0]
    np.testing.assert_allclose(on_frames(solution.field, data.times, data.axes[0]), answer, atol=1e-12)
    late = train(heated.data, learning, family=heated.family, device="cpu")
    with pytest.raises(UnsupportedProblem, match=r"starts from 1 frame at t = 0.125, and the problem gives initial"):
        solve(heated.family.member(0), OperatorSolver(late, beyond=math.inf), device="cpu")
    two = dataclasses.replace(learning, pairs=Bundled(1, history=2, conditions=("k",)))
    with pytest.raises(UnsupportedProblem, match="starts from 2 frames at t = 0"):
        OperatorSolver(train(data, two, family=heated.family, device="cpu"), beyond=math.inf).answers(
            [heated.family.member(0)]
        )


def test_few_frames_are_no_function_of_time(heated):
    data = heated.exact(heated.family, 20, [1.0])
    learning = OperatorLearning(Fno(modes=3, width=4, depth=1), epochs=1)
    last = train(data, learning, family=heated.family, device="cpu")
    solver = OperatorSolver(last, beyond=math.inf)
    with pytest.raises(
        UnsupportedProblem, match="answers at 1 time after the initial one, and a function of time needs 3"
    ):
        solve(heated.family.member(0), solver, device="cpu")
    with pytest.raises(UnsupportedProblem, match="on 'heat': the operator answers at 1 time"):
        last.solver()
    np.testing.assert_allclose(solver.answers([heated.family.member(0)]), last.predict(data[[0]]), atol=1e-12)


def test_a_steady_family_on_a_square_with_an_odd_number_of_nodes_on_a_period():
    u, f = sp.Function("u")(x, y), parameter("f", sp.sin(x))

    class Waves:
        def rvs(self, *, random_state):
            return sp.Float(float(random_state.normal())) * sp.sin(x) * y * (1 - y)

    box = Box({x: (0, 2 * sp.pi), y: (0, 1)}, periodic=[x])
    family = Family(Problem("plate", [laplacian(u, (x, y)) + f], [u], box, [dirichlet(u, 0)]), {f: Waves()})
    axes = np.arange(7) * 2 * np.pi / 7, np.linspace(0, 1, 6)
    factors = np.array([float(family.draw(i)["f"].subs({x: sp.pi / 2, y: sp.S.Half}) * 4) for i in range(8)])
    shape = np.sin(axes[0])[:, None] * (axes[1] * (1 - axes[1]))
    inputs = factors[:, None, None, None] * shape
    data = OperatorData(inputs, inputs[:, None], axes, (), [0.0] * 8, ["f"], ["u"], ["x", "y"], [True, False])
    operator = train(data, OperatorLearning(Fno(modes=2, width=4, depth=1), epochs=1), family=family, device="cpu")
    solution = solve(family.member(3), OperatorSolver(operator, beyond=math.inf), device="cpu")
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    expected = operator.predict(data[[3]])[0, 0, 0].ravel()
    np.testing.assert_allclose(solution.field(mesh)[:, 0], expected, atol=1e-12)
    tuned = solve(family.member(3), OperatorSolver(operator, math.inf, FineTuning(20)), device="cpu")
    assert tuned.history["residual"].min() < tuned.history["residual"][0]


def test_a_network_starts_from_its_answer(heated, monkeypatch):
    monkeypatch.setattr(method, "IMITATED_POINTS", 400)
    monkeypatch.setattr(method, "IMITATION_STEPS", 20)
    member = heated.family.member(1, 9)
    operator = solve(member, heated.operator.solver(), device="cpu").field
    pinn = Pinn(network=Mlp(width=10, depth=2), start=heated.operator.solver())
    begun = solve(member, pinn, device="cpu", max_steps=1).field
    axis, times = np.arange(16) / 16, np.linspace(0, 1, 9)
    there, here = on_frames(operator, times, axis), on_frames(begun, times, axis)
    assert np.linalg.norm(there - here) < 0.1 * np.linalg.norm(there)


def test_read_back_it_solves_the_same(heated, tmp_path):
    heated.operator.save(tmp_path / "model")
    back = TrainedOperator.load(tmp_path / "model").solver()
    member = heated.family.member(1, 9)
    first, second = (solve(member, s, device="cpu").field.values for s in (heated.operator.solver(), back))
    np.testing.assert_array_equal(first, second)
    assert describe(back) == describe(heated.operator.solver())
    assert describe(back)["learned"].startswith("Fno ")


def test_a_family_that_json_has_no_words_for_is_given_again(heated, tmp_path):
    class Bump:
        def derivative(self, orders):
            return lambda points: np.zeros((len(points), 1))

    problem = heated.family.problem
    forced = dataclasses.replace(problem, equations=(problem.equations[0] - known("s", Bump(), 0, x),))
    family = Family(forced, heated.family.distributions)
    learning = OperatorLearning(Fno(modes=3, width=4, depth=1), epochs=1, optimizer=AdamW(1e-2))
    train(heated.data, learning, family=family, device="cpu").save(tmp_path / "model")
    back = TrainedOperator.load(tmp_path / "model")
    with pytest.raises(ValueError, match=r"give OperatorSolver.operator, problem=family.problem."):
        back.solver()
    assert solve(family.member(2), OperatorSolver(back, problem=forced), device="cpu").status is Status.DONE


def test_members_with_random_fields_are_solved(heated):
    field = PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=60, modes=1).rvs(random_state=np.random.default_rng(1))
    member = heated.family.problem.with_parameters(u0=field)
    assert solve(member, OperatorSolver(heated.operator, beyond=math.inf), device="cpu").status is Status.DONE


def test_misuse_is_refused_in_words(heated):
    with pytest.raises(ValueError, match="does not know of what family its data are; train it with family="):
        OperatorSolver(dataclasses.replace(heated.operator, family=None))
    with pytest.raises(ValueError, match="beyond = 0; give a positive number"):
        OperatorSolver(heated.operator, beyond=0)
    with pytest.raises(ValueError, match="operator must be a TrainedOperator"):
        OperatorSolver(heated.data)
    with pytest.raises(ValueError, match="fine_tuning = 3; give FineTuning"):
        OperatorSolver(heated.operator, fine_tuning=3)
    with pytest.raises(SolveFailed, match="training of Fno failed"):
        OperatorSolver(dataclasses.replace(heated.operator, status=Status.DIVERGED, failure="NaN"))


def test_the_answer_is_found_in_the_step_and_the_state_before_holds_the_initial_values(heated):
    member = heated.family.member(1, 9)
    compiled = heated.operator.solver().compile(member, torch.device("cpu"))
    state = compiled.init(0)
    start = on_frames(compiled.field(state), [0.0, 0.7], heated.data.axes[0])
    np.testing.assert_allclose(start[0], start[1], atol=1e-12)
    after, _ = compiled.step(state)
    assert compiled.status(state) is Status.RUNNING
    assert compiled.status(after) is Status.DONE
