"""Many physics-informed networks trained as one: several seeds, or several values of a problem's parameters."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from pinnlab.admissible import require_seed
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.field import Field
from pinnlab.pinns.field import PinnField
from pinnlab.pinns.method import PinnMethod
from pinnlab.pinns.state import PinnState
from pinnlab.problem import Problem
from pinnlab.solution import Solution
from pinnlab.solve import Monitor, solve
from pinnlab.solver import CPU, Method, Solver, Status
from pinnlab.solvers.pinn import Pinn
from pinnlab.swept_parameters import swept_methods
from pinnlab.training.batched import BatchedLeastSquares, layout
from pinnlab.training.batched_jacobian import require_batched
from pinnlab.training.batched_step import batched_step
from pinnlab.training.pointwise import PointwiseLeastSquares


def solve_ensemble(
    problem: Problem,
    pinn: Pinn,
    *,
    seeds: Sequence[int] | np.ndarray = (0,),
    parameters: Mapping[str, Sequence[float] | np.ndarray] | None = None,
    device: str = "auto",
    max_steps: int | None = None,
    max_seconds: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    monitors: Sequence[Monitor] = (),
) -> list[Solution]:
    """Train one network for each seed and for each value of parameters, all of them in the same batched steps.

    Each solution is, up to rounding, what `solve` gives for that seed and `problem.with_parameters(…)` with as many
    steps.  It is meant for devices that one small network leaves idle, and saves the overhead of small operations: on
    one core of a CPU an iteration of `Adam` for 16 networks of 3 x 20 with 100 points each took a fifth of the time of
    16 separate ones.  With 1,000 points little is saved there, and nothing with `LevenbergMarquardt`.

    Points, losses, weights and dampings are each member's own.  Points are drawn, and weights that move are worked
    out, member by member; everything else is one computation, whose memory is that of all members.  A member whose
    loss stops being finite keeps its last good state and is DIVERGED; the others go on.

    Args:
        problem: What to solve.
        pinn: The settings of every member, with `Adam`, `LevenbergMarquardt` or a schedule of these.
        seeds: One member for each, and for each value of the parameters.
        parameters: Name → numbers, of one length for all names: the first member takes the first of each, and so on.
        device: As in `solve`.
        max_steps: Budget in steps of all members.
        max_seconds: Budget in seconds of all members together.
        checkpoint: File that holds the state of all members.
        resume: Go on from `checkpoint` if that file exists.
        monitors: As in `solve`; the field that they see is an `EnsembleField`.  Of what they return, `NAME_0` joins
            the history of the first member as `NAME`, and so on; other names join none.

    Returns:
        The solutions in the order of values, for each value in that of the seeds.  `seconds` is the time of all.

    Raises:
        UnsupportedProblem: If `Pinn` cannot take the problem, or its structure depends on a parameter's value.
        ValueError: If a setting has no batched form, or a parameter is not one of the problem.
    """
    swept = {name: _numbers(name, values) for name, values in (parameters or {}).items()}
    ensemble = PinnEnsemble(pinn, _numbers("seeds", seeds), swept)
    whole = solve(
        problem,
        ensemble,
        device=device,
        max_steps=max_steps,
        max_seconds=max_seconds,
        checkpoint=checkpoint,
        resume=resume,
        monitors=monitors,
    )
    answer = whole.field
    if not isinstance(answer, EnsembleField):
        raise TypeError(f"solve_ensemble: the answer is a {type(answer).__name__}")
    return [_solution_of(whole, pinn, member, i) for i, member in enumerate(answer.members)]


def _numbers(name: str, values: Any) -> tuple[Any, ...]:
    """Python's own numbers, which print and compare like those that a user writes."""
    if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str):
        raise ValueError(f"solve_ensemble: {name} = {values!r}; give a list of numbers, one for each member")
    return tuple(v.item() if isinstance(v, np.generic) else v for v in values)


def _solution_of(whole: Solution, pinn: Pinn, member: Member, index: int) -> Solution:
    suffix = f"_{index}"
    own = {k.removesuffix(suffix): v for k, v in whole.history.items() if k.endswith(suffix)}
    # A member that stopped reports nothing from then on.
    kept = ~np.isnan(own["loss"]) if "loss" in own else np.zeros(len(whole.history.get("step", ())), bool)
    columns = {k: whole.history[k] for k in ("step", "seconds") if k in whole.history} | own
    return replace(
        whole,
        problem=member.problem,
        solver=pinn,
        field=member.field,
        status=member.status,
        history={k: v[kept] for k, v in columns.items()},
        seed=member.seed,
        failure=member.failure or whole.failure,
        note=member.note,
    )


@dataclass(frozen=True)
class Member:
    """One network of an ensemble.

    Attributes:
        problem: With its own values of the parameters.
        seed: Of its random draws.
        field: Its answer.
        status: RUNNING, DONE or DIVERGED.
        failure: Why it DIVERGED; the field is that of its last good state.
        note: Why its optimiser ended before its budget was spent.
    """

    problem: Problem
    seed: int
    field: PinnField
    status: Status
    failure: str
    note: str


@dataclass(frozen=True)
class EnsembleField(Field):
    """The mean over networks that solve the same problem from different seeds.

    Attributes:
        members: The networks.
        swept: The parameters in whose values they differ; then there is no mean.
    """

    problem: Problem
    members: tuple[Member, ...] = field(repr=False)
    swept: tuple[str, ...] = ()

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The mean at `points (n, dim)`.

        Raises:
            UnsupportedProblem: If the members solve different problems.
        """
        if self.swept:
            raise UnsupportedProblem(
                f"the ensemble of {self.problem.name!r} has members with different values of {', '.join(self.swept)}, "
                "whose mean solves no problem; evaluate the field of one of its members"
            )
        return np.mean([m.field(points) for m in self.members], axis=0)

    def derivative(self, orders: Sequence[int]) -> EnsembleField:
        """The mean of a partial derivative."""
        return replace(self, members=tuple(replace(m, field=m.field.derivative(orders)) for m in self.members))


@dataclass
class EnsembleState:
    """What every member remembers, why those that stopped did, "" for the others, and the seed of each."""

    members: list[PinnState]
    failures: list[str]
    seeds: list[int]


@dataclass(frozen=True)
class PinnEnsemble(Solver):
    """Members of a `Pinn` that differ in seed and in parameters, trained in the same batched steps.

    `solve_ensemble` is the way to it that returns a solution for each member; `solve` returns one whose field is
    the mean over the seeds, and whose history has the columns of `Pinn` once for each member, as in `loss_0`.

    Args:
        pinn: The settings of every member.
        seeds: Added to the seed of `solve`.
        parameters: Name → one number for each value of the sweep.

    Raises:
        ValueError: If there is no member, a value is no number, or a part of `pinn` has no batched form.
    """

    pinn: Pinn = field(default_factory=Pinn)
    seeds: tuple[int, ...] = (0,)
    parameters: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.pinn, Pinn):
            raise ValueError(f"PinnEnsemble: pinn must be the settings of a Pinn, got {self.pinn!r}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"PinnEnsemble: seeds = {self.seeds}; give one or several different ones")
        for seed in self.seeds:
            require_seed(self, seed)
        if len({len(values) for values in self.parameters.values()}) > 1 or not all(self.parameters.values()):
            sizes = {name: len(values) for name, values in self.parameters.items()}
            raise ValueError(f"PinnEnsemble: parameters with {sizes} values; give each the same number, at least one")
        for name, values in self.parameters.items():
            if not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
                raise ValueError(f"PinnEnsemble: the values {values} of {name} must be finite numbers")
        if self.pinn.windows is not None:
            raise ValueError(
                "PinnEnsemble: members are trained on all of time at once; leave windows out, or solve one by one"
            )
        if self.pinn.start is not None:
            raise ValueError(
                "PinnEnsemble: start is imitated by one network at a time; leave it away, or call solve for each member"
            )
        require_batched(self.pinn.differentiation)
        for optimizer in self.pinn.phases:
            batched_step(optimizer)

    @property
    def values(self) -> list[dict[str, float]]:
        """The parameters of each value of the sweep."""
        return [dict(zip(self.parameters, row, strict=True)) for row in zip(*self.parameters.values(), strict=True)]

    def compile(self, problem: Problem, device: torch.device = CPU) -> EnsembleMethod:
        """Lower the problem once for all seeds, and once for each value.

        Raises:
            UnsupportedProblem: As for `Pinn`, or if the conditions that are built in depend on a parameter's value.
            ValueError: If a parameter is not one of the problem.
        """
        methods = (
            swept_methods(self.pinn, problem, self.values, device)
            if self.parameters
            else [self.pinn.whole(problem, device)]
        )
        if methods[0].ranks.size > 1:
            raise UnsupportedProblem(
                f"PinnEnsemble on {problem.name!r}: members are trained in one process, and there are "
                f"{methods[0].ranks.size}; run it without torchrun, or call solve for each member"
            )
        # Members that differ in the seed share what is lowered, but not the groups that each keeps on its own points.
        every = tuple(copy.copy(m) for m in methods for _ in self.seeds)
        return EnsembleMethod(self, problem, every, device)

    def running(self, device: torch.device) -> AbstractContextManager[None]:
        """The connection to other processes of torchrun, by which `compile` sees that there are several."""
        return self.pinn.running(device)


@dataclass(frozen=True)
class EnsembleMethod(Method[EnsembleState]):
    """`PinnEnsemble` compiled for one problem."""

    solver: PinnEnsemble
    problem: Problem
    methods: tuple[PinnMethod, ...]
    device: torch.device

    def init(self, seed: int) -> EnsembleState:
        """Freshly initialised networks.

        Raises:
            ValueError: If an optimiser, a later one too, lacks the memory for all members.
        """
        pinn = self.solver.pinn
        seeds = [own + seed for own in self.solver.seeds] * (len(self.methods) // len(self.solver.seeds))
        members = [m.init(own) for m, own in zip(self.methods, seeds, strict=True)]
        residuals = self.methods[0].residuals(pinn.sampler.points)
        for optimizer in pinn.phases:
            batched_step(optimizer).require_fits(len(members), len(members[0].theta), residuals)
        return EnsembleState(members, [""] * len(members), seeds)

    def step(self, state: EnsembleState) -> tuple[EnsembleState, dict[str, float]]:
        """One step of every member that is neither done nor stopped; scalars are numbered by member."""
        ready: dict[int, tuple[PinnState, PointwiseLeastSquares]] = {}
        outcomes: dict[int, tuple[PinnState, dict[str, float]] | str] = {}
        for i in self._running(state):
            method = self.methods[i]
            try:
                ready[i] = method.prepared(state.members[i])
            except SolveFailed as error:
                outcomes[i] = str(error)
                continue
            if method.is_certified(ready[i][0]):
                outcomes[i] = method.certified(*ready.pop(i))
        for batch in self._batches(ready):
            outcomes |= self._step_together(batch, ready)
        members, failures = [*state.members], [*state.failures]
        scalars: dict[str, float] = {}
        for i, found in sorted(outcomes.items()):
            if isinstance(found, str):
                failures[i] = found
            else:
                members[i] = found[0]
                scalars |= {f"{name}_{i}": value for name, value in found[1].items()}
        return EnsembleState(members, failures, state.seeds), scalars

    def _running(self, state: EnsembleState) -> list[int]:
        every = zip(self.methods, state.members, state.failures, strict=True)
        return [i for i, (m, s, failure) in enumerate(every) if not failure and m.status(s) is Status.RUNNING]

    def _batches(self, ready: Mapping[int, tuple[PinnState, PointwiseLeastSquares]]) -> list[list[int]]:
        """Members that may be taken together: in the same phase, with as many points."""
        found: dict[Hashable, list[int]] = {}
        for i, (state, objective) in ready.items():
            step = batched_step(self.solver.pinn.phases[state.phase])
            key = (state.phase, step.key(state.optimizers[state.phase]), layout(objective))
            found.setdefault(key, []).append(i)
        return list(found.values())

    def _step_together(
        self, batch: Sequence[int], ready: Mapping[int, tuple[PinnState, PointwiseLeastSquares]]
    ) -> dict[int, tuple[PinnState, dict[str, float]] | str]:
        """The next state of each member with its scalars, or why there is none."""
        states, objectives = zip(*(ready[i] for i in batch), strict=True)
        phase = states[0].phase
        step = batched_step(self.solver.pinn.phases[phase])
        thetas = torch.stack([s.theta for s in states])
        objective = BatchedLeastSquares.of(objectives, thetas[0])
        outcomes = step.step(objective, thetas, [s.optimizers[phase] for s in states])
        found: dict[int, tuple[PinnState, dict[str, float]] | str] = {}
        for i, state, own, outcome in zip(batch, states, objectives, outcomes, strict=True):
            try:
                found[i] = outcome.failure or self.methods[i].stepped(
                    state, own, outcome.theta, outcome.state, outcome.scalars
                )
            except SolveFailed as error:
                found[i] = str(error)
        return found

    def status(self, state: EnsembleState) -> Status:
        """RUNNING while a member is; DIVERGED if all of them stopped."""
        if all(state.failures):
            return Status.DIVERGED
        return Status.RUNNING if self._running(state) else Status.DONE

    def field(self, state: EnsembleState) -> EnsembleField:
        """All networks."""
        every = zip(self.methods, state.seeds, state.members, state.failures, strict=True)
        members = (
            Member(m.problem, seed, m.field(s), Status.DIVERGED if failure else m.status(s), failure, m.note(s))
            for m, seed, s, failure in every
        )
        return EnsembleField(self.problem, tuple(members), tuple(self.solver.parameters))
