"""The contract of a solver as a test-suite: subclass `SolverContract`, say which case, inherit the tests.

A complete test file of a solver is:

    class TestMySolver(SolverContract):
        tolerance = 1e-3
        def case(self): return problem, MySolver()
        def refused(self): return steady_problem
"""

from __future__ import annotations

import abc
import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pinnlab.errors import UnsupportedProblem
from pinnlab.field import ExactField, Field
from pinnlab.files.tree import Encoder
from pinnlab.metrics import comparison_nodes, relative_l2, sample
from pinnlab.problem import Problem
from pinnlab.settings import describe
from pinnlab.solve import solve
from pinnlab.solver import Solver, Status, solver_name


class SolverContract(abc.ABC):
    """What every solver promises.  Override `case`, `refused` and `tolerance` alone.

    Attributes:
        tolerance: Largest relative L2 error on the case.
        steps: Steps after which runs are compared; at least 4.
    """

    tolerance: float
    steps: int = 6

    @abc.abstractmethod
    def case(self) -> tuple[Problem, Solver]:
        """A problem with an exact solution, and a solver cheap enough for every commit."""

    @abc.abstractmethod
    def refused(self) -> Problem:
        """A well-posed problem that the solver cannot take."""

    def truth(self, problem: Problem) -> Field:
        """The exact solution."""
        exact = ExactField.of(problem)
        if exact is None:
            raise ValueError(f"problem {problem.name!r} of a contract test needs an exact solution")
        return exact

    def points(self, problem: Problem) -> np.ndarray:
        """Where answers are compared bit for bit."""
        return problem.spacetime.sample(256, np.random.default_rng(0))

    def test_reaches_the_exact_solution(self) -> None:
        """The answer is within `tolerance`."""
        problem, solver = self.case()
        solution = solve(problem, solver, device="cpu").checked()
        nodes = comparison_nodes(problem, 20_000)
        error = relative_l2(sample(solution.field, nodes), sample(self.truth(problem), nodes))
        assert solution.status is Status.DONE
        assert error <= self.tolerance

    def test_same_seed_same_answer(self) -> None:
        """Two runs with one seed agree bit for bit."""
        problem, solver = self.case()
        runs = (solve(problem, solver, seed=3, max_steps=self.steps, device="cpu") for _ in range(2))
        a, b = (run.field(self.points(problem)) for run in runs)
        np.testing.assert_array_equal(a, b)

    def test_resume_equals_no_interruption(self, tmp_path: Path) -> None:
        """A run cut in two through a checkpoint file gives the answer of an uncut one bit for bit."""
        problem, solver = self.case()
        path = tmp_path / "state.ckpt"
        whole = solve(problem, solver, max_steps=self.steps, device="cpu")
        solve(problem, solver, max_steps=self.steps // 2, checkpoint=path, device="cpu")
        rest = solve(problem, solver, max_steps=self.steps, checkpoint=path, resume=True, device="cpu")
        np.testing.assert_array_equal(rest.field(self.points(problem)), whole.field(self.points(problem)))
        assert list(rest.history["step"]) == list(whole.history["step"])

    def test_a_step_leaves_its_state_as_it_was(self) -> None:
        """`step` does not write into the state that it is given."""
        problem, solver = self.case()
        method = solver.compile(problem)
        state, _ = method.step(method.init(0))
        tree, tensors = _snapshot(state)
        method.step(state)
        tree_after, tensors_after = _snapshot(state)
        assert tree == tree_after
        for name, tensor in tensors.items():
            torch.testing.assert_close(tensors_after[name], tensor, rtol=0, atol=0, equal_nan=True)

    def test_field_is_finite_right_after_init(self) -> None:
        """The field is valid at any time after `init`."""
        problem, solver = self.case()
        method = solver.compile(problem)
        state = method.init(0)
        assert method.status(state) is Status.RUNNING
        values = method.field(state)(self.points(problem))
        assert values.shape == (256, len(problem.unknowns))
        assert np.isfinite(values).all()

    def test_field_differentiates_itself(self) -> None:
        """`field.derivative` agrees with differences of `field` in space."""
        problem, solver = self.case()
        field = solve(problem, solver, max_steps=self.steps, device="cpu").field
        points = self.points(problem)
        axis = len(problem.coordinates) - 1
        low, high = points[:, axis].min(), points[:, axis].max()
        points[:, axis] = low + (high - low) * (0.1 + 0.8 * (points[:, axis] - low) / (high - low))
        step = np.zeros(len(problem.coordinates))
        step[axis] = 1e-4 * (high - low)
        orders = [int(i == axis) for i in range(len(problem.coordinates))]
        differences = (field(points + step) - field(points - step)) / (2 * step[axis])
        scale = np.abs(differences).max()
        np.testing.assert_allclose(field.derivative(orders)(points), differences, atol=1e-4 * scale, rtol=1e-3)

    def test_refuses_what_it_cannot_do_in_words(self) -> None:
        """`compile` raises UnsupportedProblem and names the problem."""
        problem, (_, solver) = self.refused(), self.case()
        with pytest.raises(UnsupportedProblem, match=problem.name):
            solver.compile(problem)

    def test_settings_are_plain_data(self) -> None:
        """Settings compare, print and serialise."""
        _, solver = self.case()
        _, again = self.case()
        assert solver == again
        assert json.loads(json.dumps(describe(solver)))["type"] == type(solver).__name__
        assert solver_name(solver) == solver_name(type(solver))


def _snapshot(state: object) -> tuple[object, dict[str, torch.Tensor]]:
    """A state as plain data and copied tensors."""
    encoder = Encoder()
    tree = copy.deepcopy(encoder.encode(state, "state"))
    return tree, {name: tensor.clone() for name, tensor in encoder.tensors.items()}
