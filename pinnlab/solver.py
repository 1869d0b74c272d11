"""The contract between a problem and any numerical method."""

from __future__ import annotations

import abc
import contextlib
import enum
import re
from collections.abc import Callable
from typing import Generic, Self, TypeVar

import torch

from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.field import Field
from pinnlab.problem import Problem
from pinnlab.training.ranks import ALONE, Ranks

State = TypeVar("State")

CPU = torch.device("cpu")


class Status(enum.Enum):
    """Whether another step is wanted; a solution that is RUNNING was stopped by its budget."""

    RUNNING = "running"
    DONE = "done"
    DIVERGED = "diverged"


class Iteration(abc.ABC, Generic[State]):
    """Work that is done step by step from one state to the next: the static part, never checkpointed.

    `State` is a dataclass of arrays, tensors, numbers, strings, random generators and lists or dictionaries of
    these; it is all that a checkpoint holds.

    Attributes:
        ranks: The processes that take its steps together.
    """

    ranks: Ranks = ALONE

    @abc.abstractmethod
    def init(self, seed: int) -> State:
        """The state before the first step."""

    @abc.abstractmethod
    def step(self, state: State) -> tuple[State, dict[str, float]]:
        """Advance by one unit of work that may be checkpointed; report scalars for the history.

        The given state stays as it is, so that the last good one survives a step that fails.
        """

    @abc.abstractmethod
    def status(self, state: State) -> Status:
        """Whether another `step` is wanted."""


class Method(Iteration[State]):
    """A solver compiled for one problem.

    Attributes:
        device: Where the arithmetic runs.
        dtype: Its floating-point type.
    """

    device: torch.device = CPU
    dtype: str = "float64"

    @abc.abstractmethod
    def field(self, state: State) -> Field:
        """The current answer, valid at any time after `init`."""

    def started_from(self, state: State, previous: State) -> State:
        """A fresh state that takes over what a similar method has learned, as on the window before; or as it is."""
        return state

    def archived(self, state: State) -> State:
        """What `field` needs of a state that no further step is taken from."""
        return state

    def note(self, state: State) -> str:
        """What its user should know of how it ended and could do about it; "" if there is nothing."""
        return ""


class Solver(abc.ABC):
    """The settings of one numerical method: a frozen dataclass that prints, compares and serialises."""

    @abc.abstractmethod
    def compile(self, problem: Problem, device: torch.device = CPU) -> Method:
        """Lower `problem` once, for arithmetic on `device`.

        Raises:
            UnsupportedProblem: If this method cannot represent `problem` or does not run on `device`.
        """

    def running(self, device: torch.device) -> contextlib.AbstractContextManager[None]:
        """What is open while `solve` compiles and runs it on `device`, such as connections; nothing for most."""
        return contextlib.nullcontext()


class Refinable(Solver):
    """A classical solver whose resolution in space and in time can be raised separately."""

    @abc.abstractmethod
    def finer_in_space(self, problem: Problem) -> Self | None:
        """The solver at the next resolution in space, or None if there is nothing to refine or no room left."""

    @abc.abstractmethod
    def finer_in_time(self, problem: Problem) -> Self | None:
        """The solver at the next resolution in time, or None if there is nothing to refine or no room left."""

    def coarser(self, problem: Problem) -> Self | None:
        """A solver at a lower resolution in space and time, at about half the cost or less, or None if it has none.

        How far the two answers are apart is an estimate of the error of the coarser one, and so on the safe side for
        this one.
        """
        return None


def completed(solver: Solver, problem: Problem, device: torch.device = CPU) -> Field:
    """The answer of a solver that is run to its end.

    Raises:
        UnsupportedProblem: If it does not take the problem.
        SolveFailed: If it diverges.
    """
    method = solver.compile(problem, device)
    state = method.init(0)
    while method.status(state) is Status.RUNNING:
        state, _ = method.step(state)
    if method.status(state) is not Status.DONE:
        raise SolveFailed(f"{solver} on {problem.name!r} diverged; start from another solver, or from none")
    return method.field(state)


def solver_name(solver: Solver | Callable[..., Solver]) -> str:
    """The name on the command line: that of the class or function in kebab case, such as method-of-lines."""
    name = type(solver).__name__ if isinstance(solver, Solver) else solver.__name__
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def require_cpu(solver: Solver, device: torch.device) -> None:
    """Refuse any device but the CPU, for solvers built on numpy and scipy.

    Raises:
        UnsupportedProblem: If the device is another one.
    """
    if device.type != "cpu":
        raise UnsupportedProblem(f"{type(solver).__name__} runs on the CPU only, not on {device}; say device='cpu'")


def require_known_parameters(solver: Solver, problem: Problem) -> None:
    """Refuse problems with parameters or functions that are still to be inferred.

    Raises:
        UnsupportedProblem: If there is one.
    """
    unknown = [p.name for p in problem.parameters if p.is_unknown]
    if unknown:
        raise UnsupportedProblem(
            f"{type(solver).__name__} on {problem.name!r}: the parameter {unknown[0]} is unknown; "
            f"give it a value with problem.with_parameters({unknown[0]}=…)"
        )
    if problem.unknown_functions:
        raise UnsupportedProblem(
            f"{type(solver).__name__} on {problem.name!r}: the term {problem.unknown_functions[0]} is unknown; learn "
            "it from data with Pinn(observations=…), or write it out"
        )
