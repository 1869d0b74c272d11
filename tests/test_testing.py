"""The contract tests find what they are for: each broken solver fails exactly the tests that name its fault."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, Status, UnsupportedProblem, dirichlet, initial
from pinnlab.field import Field
from pinnlab.solver import CPU, Method, Solver
from pinnlab.testing import SolverContract

t, x = sp.symbols("t x", real=True)
u, w = sp.Function("u")(t, x), sp.Function("w")(x)
PROBLEM = Problem(
    "growth", [D(u, t) - u], [u], Box({t: (0, 1), x: (0, 1)}), [initial(u, sp.sin(x) + 2)], t,
    reference=sp.exp(t) * (sp.sin(x) + 2),
)  # fmt: skip
STEADY = Problem("steady", [D(w, x, 2)], [w], Box({x: (0, 1)}), [dirichlet(w, 0)])


@dataclass(frozen=True)
class Grown(Field):
    """scale e^t (sin x + 2), differentiated along x as often as `order` says, plus an error."""

    problem: Problem
    scale: float
    order: int = 0
    slope: float = 1.0

    def __call__(self, points):
        profile = np.sin(points[:, 1] + self.order * np.pi / 2) + 2 * (self.order == 0)
        return (self.scale * np.exp(points[:, 0]) * profile * (self.slope if self.order else 1))[:, None]

    def derivative(self, orders):
        return replace(self, order=self.order + orders[1])


@dataclass
class State:
    steps: int
    scale: np.ndarray
    rng: np.random.Generator


@dataclass(frozen=True)
class Sound(Solver):
    """Comes nearer to the exact solution with each step, with a little noise from its seed."""

    steps: int = 8

    def compile(self, problem, device=CPU):
        if problem.time is None:
            raise UnsupportedProblem(f"{type(self).__name__} on {problem.name!r}: it is steady")
        return self.method(problem)

    def method(self, problem):
        return SoundMethod(self, problem)


@dataclass(frozen=True)
class SoundMethod(Method[State]):
    solver: Sound
    problem: Problem

    def init(self, seed):
        return State(0, np.array([0.5]), np.random.default_rng(seed))

    def noise(self, state):
        rng = np.random.default_rng()
        rng.bit_generator.state = state.rng.bit_generator.state
        return rng, 1e-9 * rng.standard_normal()

    def step(self, state):
        rng, noise = self.noise(state)
        scale = state.scale + (1 - state.scale) * 0.99 + noise
        return State(state.steps + 1, scale, rng), {"scale": float(scale[0])}

    def status(self, state):
        return Status.DONE if state.steps == self.solver.steps else Status.RUNNING

    def field(self, state):
        return Grown(self.problem, float(state.scale[0]))


class InPlaceMethod(SoundMethod):
    def step(self, state):
        state.scale += (1 - state.scale) * 0.99
        return State(state.steps + 1, state.scale, state.rng), {}


class SpentGeneratorMethod(SoundMethod):
    def noise(self, state):
        return state.rng, 1e-9 * state.rng.standard_normal()


class UnseededMethod(SoundMethod):
    def noise(self, state):
        return state.rng, 1e-9 * np.random.default_rng().standard_normal()


class ForgetfulMethod(SoundMethod):
    """Part of what it remembers is not in its state."""

    def step(self, state):
        state, scalars = super().step(state)
        memory = self.__dict__.setdefault("memory", [])
        memory.append(1)
        return replace(state, scale=state.scale + 1e-9 * (len(memory) % 5)), scalars


class WrongDerivativeMethod(SoundMethod):
    def field(self, state):
        return Grown(self.problem, float(state.scale[0]), slope=-1.0)


class NotFiniteMethod(SoundMethod):
    def field(self, state):
        return Grown(self.problem, float(state.scale[0]) if state.steps else np.nan)


class InaccurateMethod(SoundMethod):
    def field(self, state):
        return Grown(self.problem, 1.01 * float(state.scale[0]))


class UnfinishedMethod(SoundMethod):
    def status(self, state):
        return Status.DIVERGED if state.steps == self.solver.steps else Status.RUNNING


@dataclass(frozen=True)
class Refuses(Sound):
    """Refuses with an error that names nothing."""

    def compile(self, problem, device=CPU):
        if problem.time is None:
            raise UnsupportedProblem("cannot")
        return SoundMethod(self, problem)


@dataclass(frozen=True)
class TakesAll(Sound):
    def compile(self, problem, device=CPU):
        return SoundMethod(self, problem)


@dataclass(frozen=True, eq=False)
class NoData(Sound):
    """Settings that do not compare."""

    __hash__ = object.__hash__

    def __eq__(self, other):
        return self is other


def with_method(kind):
    def method(self, problem):
        return kind(self, problem)

    return type(f"With{kind.__name__}", (Sound,), {"method": method})


CONTRACT = [name for name in vars(SolverContract) if name.startswith("test_")]


def failures(solver, tmp_path):
    """The contract tests that a solver fails."""

    class Case(SolverContract):
        tolerance = 1e-6

        def case(self):
            return PROBLEM, solver()

        def refused(self):
            return STEADY

    failed = set()
    for name in CONTRACT:
        arguments = [tmp_path] if "resume" in name else []
        try:
            getattr(Case(), name)(*arguments)
        except (Exception, pytest.fail.Exception):
            failed.add(name.removeprefix("test_"))
    return failed


def test_a_sound_solver_passes_every_test(tmp_path):
    assert len(CONTRACT) == 8
    assert failures(Sound, tmp_path) == set()


RESUME, SEED = "resume_equals_no_interruption", "same_seed_same_answer"
STEP, FINITE = "a_step_leaves_its_state_as_it_was", "field_is_finite_right_after_init"
SLOPE, REACHES = "field_differentiates_itself", "reaches_the_exact_solution"
REFUSES, DATA = "refuses_what_it_cannot_do_in_words", "settings_are_plain_data"


@pytest.mark.parametrize(
    ("solver", "expected"),
    [
        (with_method(InPlaceMethod), {STEP}),
        (with_method(SpentGeneratorMethod), {STEP}),
        (with_method(UnseededMethod), {SEED, RESUME}),
        (with_method(ForgetfulMethod), {RESUME}),
        (with_method(WrongDerivativeMethod), {SLOPE}),
        (with_method(NotFiniteMethod), {FINITE}),
        (with_method(InaccurateMethod), {REACHES}),
        (with_method(UnfinishedMethod), {REACHES}),
        (Refuses, {REFUSES}),
        (TakesAll, {REFUSES}),
        (NoData, {DATA}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_solver_fails_the_test_that_names_its_fault(solver, expected, tmp_path):
    assert failures(solver, tmp_path) == expected


def test_a_case_without_exact_solution_says_so():
    class Case(SolverContract):
        tolerance = 1.0

        def case(self):
            return replace(PROBLEM, reference=None), Sound()

        def refused(self):
            return STEADY

    with pytest.raises(ValueError, match="'growth' of a contract test needs an exact solution"):
        Case().test_reaches_the_exact_solution()
