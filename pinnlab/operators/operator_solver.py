"""A trained operator as a solver of the members of its family."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import GridField, Interpolator, Snapshots, stored_axis
from pinnlab.networks.operator import OperatorNetwork
from pinnlab.numerics.axes import FourierAxis, PeriodicStencilAxis
from pinnlab.operators.differing import values_on_grid
from pinnlab.operators.fine_tuning import FineTuning, MemberTuning, TuningState
from pinnlab.operators.grid_residual import GridResidual, initial_values
from pinnlab.operators.input_distribution import Distance
from pinnlab.operators.layout import ROUNDING
from pinnlab.operators.members import member_channels, require_same_family
from pinnlab.operators.normalised import NormalisedNetwork
from pinnlab.operators.trained import TrainedOperator
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Solver, Status, require_known_parameters

# Times, the initial one with them, that a field is interpolated between; nodes likewise.
LEAST_TIMES, LEAST_NODES = 4, 4


@dataclass(frozen=True)
class OperatorSolver(Solver):
    """The answers of an operator, trained with `train(…, family=…)`, as solutions of members of its family.

    The member's values of what is random are evaluated at the nodes of the training data, and the network is called
    once, or once per step in time.  The initial values are those of the member; between nodes and frames the answer is
    interpolated, spectrally along periodic coordinates, and to sixth order elsewhere if there are enough.

    As `Pinn(start=OperatorSolver(operator))` or `Collocation(start=…)` the answer is an initial guess.

    Not for a family whose operator gives fewer than three frames after the initial time: their answer is no function of
    time.  Call the operator itself then, or `answers`.

    Args:
        operator: The trained one.
        beyond: How far a member may be, as a multiple of the farthest that is expected of members of the family, see
            `InputDistribution`; `math.inf` takes every member.
        fine_tuning: Of the network on the member's residual; None for the plain answer.
        problem: The family's declaration, if the operator was read from a folder which could not hold it.

    Raises:
        ValueError: If the operator knows no family, its training diverged, or a setting is out of range.
    """

    operator: TrainedOperator = field(repr=False)
    beyond: float = 1.0
    fine_tuning: FineTuning | None = None
    problem: Problem | None = field(default=None, repr=False)
    learned: str = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.operator, TrainedOperator):
            raise ValueError(f"OperatorSolver: operator must be a TrainedOperator, got {self.operator!r}")
        if not (isinstance(self.beyond, int | float) and self.beyond > 0):
            raise ValueError(f"OperatorSolver: beyond = {self.beyond!r}; give a positive number, or math.inf")
        if not isinstance(self.fine_tuning, FineTuning | None):
            raise ValueError(f"OperatorSolver: fine_tuning = {self.fine_tuning!r}; give FineTuning(…) or None")
        self.operator.checked()
        if self.operator.family is None:
            raise ValueError(
                "OperatorSolver: the operator does not know of what family its data are; train it with family=…"
            )
        require_same_family(self._declared, self.operator.family.inputs.names, self.operator.layout)
        object.__setattr__(self, "learned", _told(self.operator))

    def of_time(self) -> OperatorSolver:
        """The same.

        Raises:
            UnsupportedProblem: If the operator's frames are too few for a function of time.
        """
        self._times(self._declared)
        return self

    @property
    def _declared(self) -> Problem:
        family = self.operator.family
        found = self.problem if self.problem is not None or family is None else family.problem
        if found is None:
            raise ValueError(
                "OperatorSolver: the declaration of the family could not be written to the operator's folder, since it "
                "holds functions known through their values; give OperatorSolver(operator, problem=family.problem)"
            )
        return found

    def distances(self, member: Problem) -> list[Distance]:
        """How far each input of a member is from the training data, the farthest first.

        Raises:
            UnsupportedProblem: If it is no member.
        """
        family = self.operator.family
        assert family is not None  # __post_init__ has refused that
        return family.inputs.distances(self._channels(member))

    def answers(self, members: Sequence[Problem]) -> np.ndarray:
        """The operator's frames `(n, frames, unknowns, *grid)` for some members, on its own grid and at its times.

        Raises:
            UnsupportedProblem: If one is no member, or too far from the training data.
        """
        for m in members:
            self._require_near(m)
        inputs = np.stack([self._channels(m) for m in members])
        start = np.stack([self._start(m) for m in members]) if self.operator.given else None
        return self.operator(inputs, self._axes, start=start)

    def compile(self, problem: Problem, device: torch.device = CPU) -> OperatorMethod:
        """The inputs of a member.

        Raises:
            UnsupportedProblem: If it is no member, too far from the training data, or the operator's frames are no
                function of time.
            ValueError: If fine-tuning needs more frames or nodes.
        """
        require_known_parameters(self, problem)
        near = self._require_near(problem)
        channels = self._channels(problem)
        operator = self.operator.to(device)
        axes = _interpolators(problem, self._axes, self._times(problem))
        answer = _Answer(operator, channels, self._axes, self._start(problem))
        tuning = None
        if self.fine_tuning is not None:
            residual = GridResidual.of(problem, self._axes, self.operator.layout.times).to(device)
            tuning = MemberTuning(self.fine_tuning, operator.network, answer, residual)
        return OperatorMethod(problem, answer, axes, self._times(problem), tuning, near, device, operator.layout.dtype)

    @property
    def _axes(self) -> tuple[np.ndarray, ...]:
        family = self.operator.family
        assert family is not None  # __post_init__ has refused that
        return family.axes

    def _channels(self, member: Problem) -> np.ndarray:
        family = self.operator.family
        assert family is not None  # __post_init__ has refused that
        return member_channels(self._declared, family.inputs.names, member, self._axes)

    def _require_near(self, member: Problem) -> Distance:
        """The largest distance of a member.

        Raises:
            UnsupportedProblem: If it is too large.
        """
        farthest = self.distances(member)[0]
        if farthest.ratio > self.beyond:
            raise UnsupportedProblem(
                f"OperatorSolver on {member.name!r}: {farthest.said}; its distance is {farthest.ratio:.3g}, where 1 is "
                f"as far as members are expected to be, and more than beyond = {self.beyond:g}; train on a wider "
                "family, use another solver, or allow it with OperatorSolver(beyond=math.inf)"
            )
        return farthest

    def _start(self, member: Problem) -> np.ndarray:
        """The frames `(given, unknowns, *grid)` that the operator starts from.

        Raises:
            UnsupportedProblem: If the member's initial values do not say them.
        """
        layout, given = self.operator.layout, self.operator.given
        found = initial_frame(member, self._axes)[None]
        if not given:
            return found[:0]
        interval = member.interval
        late = interval is None or abs(layout.times[0] - interval.start) > ROUNDING * interval.length
        if given > 1 or late or np.isnan(found).any():
            raise UnsupportedProblem(
                f"OperatorSolver on {member.name!r}: the operator starts from {given} frame{'s' * (given > 1)} at "
                f"t = {layout.times[0]:g}, and the problem gives initial values only; use an operator that starts from "
                "these, or call the operator itself with start="
            )
        return found

    def _times(self, member: Problem) -> np.ndarray:
        """Of the answer, with the initial one.

        Raises:
            UnsupportedProblem: If they are too few to be interpolated.
        """
        interval = member.interval
        if interval is None:
            return np.zeros(0)
        times = [t for t in self.operator.layout.times if t > interval.start + ROUNDING * interval.length]
        if len(times) + 1 < LEAST_TIMES:
            raise UnsupportedProblem(
                f"OperatorSolver on {member.name!r}: the operator answers at {len(times)} time"
                f"{'s' * (len(times) != 1)} after the initial one, and a function of time needs {LEAST_TIMES - 1}; "
                "train on more frames, or ask for the frames with OperatorSolver(…).answers"
            )
        return np.array([interval.start, *times])


@dataclass(eq=False)
class OperatorState:
    """Calls so far, and what they have found.

    Attributes:
        step: Answers found so far.
        frames: The best answer, `(frames, unknowns, *grid)`; empty before the first.
        tuning: The fine-tuning, if there is any.
    """

    step: int
    frames: np.ndarray
    tuning: TuningState | None


class OperatorMethod(Method[OperatorState]):
    """`OperatorSolver` compiled for one member."""

    def __init__(
        self,
        problem: Problem,
        answer: _Answer,
        axes: tuple[Interpolator, ...],
        times: np.ndarray,
        tuning: MemberTuning | None,
        near: Distance,
        device: torch.device,
        dtype: str,
    ) -> None:
        self.problem, self.device, self.dtype = problem, device, dtype
        self._answer, self._axes, self._times = answer, axes, times
        self._tuning, self._near = tuning, near

    def init(self, seed: int) -> OperatorState:
        """No answer yet; there is nothing random in it."""
        return OperatorState(0, np.zeros(0), None if self._tuning is None else self._tuning.init())

    def step(self, state: OperatorState) -> tuple[OperatorState, dict[str, float]]:
        """The operator's answer, then one step of fine-tuning after the other."""
        if self._tuning is None or state.tuning is None:
            with torch.no_grad():
                frames = self._answer(self._answer.operator.network)
            return OperatorState(1, frames[0].cpu().numpy(), None), {}
        tuning, scalars = self._tuning.step(state.tuning, state.step)
        return OperatorState(state.step + 1, tuning.best[0].cpu().numpy(), tuning), scalars

    def status(self, state: OperatorState) -> Status:
        """DONE after the answer, or the last step of fine-tuning."""
        wanted = 1 if self._tuning is None else self._tuning.settings.steps + 1
        return Status.DONE if state.step >= wanted else Status.RUNNING

    def field(self, state: OperatorState) -> GridField:
        """The answer at its nodes, interpolated; the initial values, held, before there is any."""
        grid = tuple(len(a) for a in self._answer.axes)
        start = initial_frame(self.problem, self._answer.axes)
        n = max(1, len(self._times))
        if not state.frames.size:
            values = np.broadcast_to(np.nan_to_num(start), (n, *start.shape))
        elif not len(self._times):
            values = state.frames.astype(float)
        else:
            frames = state.frames.astype(float)
            first = frames[0] if len(frames) == n else start
            # Of unknowns without initial values, as a pressure, the first frame is the best that there is.
            first = np.where(np.isnan(start), frames[0] if np.isnan(first).any() else first, start)
            values = np.concatenate([first[None], frames[len(frames) - n + 1 :]])
        shape = (n, *grid) if len(self._times) else grid
        return GridField(self.problem, self._axes, values.swapaxes(0, 1).reshape(-1, *shape))

    def note(self, state: OperatorState) -> str:
        """How far the member is from the training data, and what fine-tuning has gained."""
        told = f"distance {self._near.ratio:.2g} from the training data, where 1 is as far as validation samples go"
        if state.tuning is not None and math.isfinite(state.tuning.least):
            told += f"; fine-tuning: relative residual {state.tuning.first:.2e} to {state.tuning.least:.2e}"
        return told


@dataclass(frozen=True, eq=False)
class _Answer:
    """From a network to the answer `(1, frames, unknowns, *grid)` to one member, with gradient."""

    operator: TrainedOperator
    channels: np.ndarray
    axes: tuple[np.ndarray, ...]
    start: np.ndarray

    def __call__(self, network: OperatorNetwork) -> Tensor:
        operator, layout = self.operator, self.operator.layout
        kind, device = layout.torch_dtype, operator.device
        positions = layout.positions(self.axes).to(device)
        inputs, start = (torch.as_tensor(v[None]).to(device, kind) for v in (self.channels, self.start))
        normalised = NormalisedNetwork(network, operator.inputs, operator.outputs, positions)
        return operator.pairs.predict(normalised, inputs, start, layout.times, layout)


def initial_frame(problem: Problem, axes: Sequence[np.ndarray]) -> np.ndarray:
    """The initial values on a grid `(unknowns, *grid)`, NaN for unknowns that have none, as all of steady problems."""
    grid = tuple(len(a) for a in axes)
    rows = [
        np.full(grid, np.nan) if e is None else values_on_grid([e], problem.space, axes)[0]
        for e in initial_values(problem)
    ]
    return np.stack(rows)


def _interpolators(problem: Problem, axes: Sequence[np.ndarray], times: np.ndarray) -> tuple[Interpolator, ...]:
    region = problem.region
    assert isinstance(region, Box)  # the family is on one
    found: list[Interpolator] = [Snapshots(times)] if len(times) else []
    for c, nodes in zip(region.bounds, axes, strict=True):
        a, b = region.bounds[c]
        if c not in region.periodic:
            if len(nodes) < LEAST_NODES:
                raise UnsupportedProblem(
                    f"OperatorSolver on {problem.name!r}: {len(nodes)} nodes along {c}; a function needs {LEAST_NODES}"
                )
            found.append(stored_axis(nodes))
        elif len(nodes) % 2:
            found.append(PeriodicStencilAxis(a, b, len(nodes)))
        else:
            found.append(FourierAxis(a, b, len(nodes)))
    return tuple(found)


def _told(operator: TrainedOperator) -> str:
    """The architecture and a digest of the weights, by which runs of different operators are told apart."""
    digest = hashlib.sha256()
    for name, value in operator.network.state_dict().items():
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return f"{type(operator.architecture).__name__} {digest.hexdigest()[:16]}"
