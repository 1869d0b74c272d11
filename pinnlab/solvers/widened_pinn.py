"""A trained network of which the last layer is then widened and solved for."""

from __future__ import annotations

import copy
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from pinnlab.admissible import require_counts, require_positive
from pinnlab.errors import UnsupportedProblem
from pinnlab.networks.widened import Widened, WidenedNetwork
from pinnlab.pinns.field import PinnField
from pinnlab.pinns.method import PinnMethod
from pinnlab.pinns.state import PinnState
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Solver, Status, require_known_parameters
from pinnlab.solvers.pinn import Pinn
from pinnlab.training.last_layer import LastLayer
from pinnlab.training.levenberg_marquardt import LevenbergMarquardt
from pinnlab.training.parameters import Parameters
from pinnlab.training.ranks import Ranks
from pinnlab.training.retaining_samplers import ResidualAdaptiveRefinement
from pinnlab.windows import Windows

# Candidates for each point that joins a draw.
CANDIDATES = 2


@dataclass
class WidenedPinnState:
    """What a run remembers.

    Attributes:
        narrow: Training of the network itself.
        wide: The widened network; it has no steps before that training is done.
        before: The loss that each round began with, on points of which many were new.
    """

    narrow: PinnState
    wide: PinnState
    before: list[float]

    @property
    def is_wide(self) -> bool:
        """Whether the network has been widened."""
        return self.wide.step > 0


@dataclass(frozen=True)
class WidenedPinn(Solver):
    """A `Pinn` of a few digits, and from its last hidden layer many more, by linear least squares.

    First `pinn` is trained to its end.  Then its last hidden layer h is followed by many random features of small
    slope, `Widened`, and the last layer is solved for by Gauss-Newton, `LastLayer`, in `rounds` steps, each with more
    points where the residual of the step before was large.  Training has bent the coordinates to where the solution
    is steep, so that it is smooth in h, and random features of h converge as those of `RandomFeatures` do for smooth
    solutions.  Training alone lowers its loss ever more slowly: on Burgers' equation with nu = 0.01 its 150 steps end
    near 5e-6, and two rounds with 1,500 features near 4e-10.

    Scalars of the last steps: "before", the loss on the new points that a step begins with, "loss" after it.  If
    "before" stays far above the last "loss", take more rounds or fewer features: a residual that is small on the points
    alone can go with a larger error.  Not where `pinn` has not found the solution, nor where that is not smooth: in a
    lid-driven cavity, whose pressure is not at two corners, widening made the answer worse.  The memory is 32 bytes a
    residual, feature and unknown.

    Args:
        pinn: What is trained first; its last optimiser must end by itself, in 100 to 300 steps.
        features: Behind the last hidden layer.
        scale: Their slopes, see `Widened`.
        rounds: Draws of points, each followed by one Gauss-Newton step.
        points_per_feature: Points that join in each round, for each feature.
        windows: As for `Pinn`; each is trained and widened before the next.
    """

    pinn: Pinn = field(default_factory=lambda: Pinn(optimizer=LevenbergMarquardt(steps=150)))
    features: int = 1000
    scale: float = 0.12
    rounds: int = 2
    points_per_feature: int = 8
    windows: Windows | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.pinn, Pinn):
            raise ValueError(f"WidenedPinn: pinn must be a Pinn, got {self.pinn!r}")
        if self.pinn.windows is not None:
            raise ValueError("WidenedPinn: give the windows to WidenedPinn, so that it widens on each of them")
        if not isinstance(self.windows, Windows | None):
            raise ValueError(f"WidenedPinn: windows must be such as EqualWindows(10) or None, got {self.windows!r}")
        if self.pinn.data:
            raise ValueError(
                "WidenedPinn: observations are for Pinn; solve the inverse problem first, then give its values"
            )
        require_counts(self, features=self.features, rounds=self.rounds, points_per_feature=self.points_per_feature)
        require_positive(self, scale=self.scale)

    @property
    def joining(self) -> int:
        """Points that join in each round."""
        return self.points_per_feature * self.features

    @property
    def widened(self) -> Pinn:
        """What follows the training of `pinn`."""
        sampler = ResidualAdaptiveRefinement(
            points=self.joining,
            added=self.joining,
            # The rounds end it, however many points training has gathered.
            most=sys.maxsize,
            candidates=CANDIDATES * self.joining,
            every=1,
            k=1.0,
            c=1.0,
        )
        return replace(
            self.pinn,
            network=Widened(self.pinn.network, self.features, self.scale),
            sampler=sampler,
            weighting=self.pinn.weighting.afterwards,
            optimizer=LastLayer(steps=self.rounds),
            condition_points=max(self.pinn.condition_points, self.features),
            start=None,
        )

    def compile(self, problem: Problem, device: torch.device = CPU) -> Method[Any]:
        """Lower the problem for both networks, on each window if there are some.

        Raises:
            UnsupportedProblem: If something is unknown, the network does not end in a linear layer, `Pinn` does not
                take the problem, or the last round would take more memory than `LastLayer` may.
        """
        require_known_parameters(self, problem)
        if self.windows is not None:
            return self.windows.compile(replace(self, windows=None), problem, device)
        narrow = self.pinn.whole(problem, device)
        method = WidenedPinnMethod(self, narrow, replace(narrow, solver=self.widened), narrow.device, narrow.ranks)
        try:
            method.require_memory()
        except ValueError as error:
            raise UnsupportedProblem(f"WidenedPinn on {problem.name!r}: {error}") from None
        return method

    def running(self, device: torch.device) -> AbstractContextManager[None]:
        """The connection to the other processes of torchrun."""
        return self.pinn.running(device)


@dataclass(frozen=True)
class WidenedPinnMethod(Method[WidenedPinnState]):
    """`WidenedPinn` compiled for one problem."""

    solver: WidenedPinn
    narrow: PinnMethod
    wide: PinnMethod
    device: torch.device
    ranks: Ranks

    def init(self, seed: int) -> WidenedPinnState:
        """A freshly initialised network, not yet widened.

        Raises:
            ValueError: If training lacks the memory.
        """
        return WidenedPinnState(self.narrow.init(seed), self.wide.init(0), [])

    def require_memory(self) -> None:
        """Refuse last rounds that lack the memory, before training.

        Raises:
            ValueError: If there are too many features for the unknowns and points of the problem.
        """
        columns = sum(after - first for first, after in self.wide.trained.last_layer)
        points = self.solver.pinn.sampler.points + self.solver.rounds * self.solver.joining
        try:
            LastLayer(steps=self.solver.rounds).require_columns(columns, self.wide.residuals(points))
        except ValueError as error:
            told = str(error).split("; ")[0]
            raise ValueError(f"{told}; give WidenedPinn fewer features, rounds or points_per_feature") from None

    def step(self, state: WidenedPinnState) -> tuple[WidenedPinnState, dict[str, float]]:
        """A step of the training, or of the widened network once that is done."""
        if self.narrow.status(state.narrow) is Status.RUNNING:
            narrow, scalars = self.narrow.step(state.narrow)
            return replace(state, narrow=narrow), scalars
        wide, scalars = self.wide.step(state.wide if state.is_wide else self._widened(state))
        return replace(state, wide=wide, before=[*state.before, scalars["before"]]), scalars

    def status(self, state: WidenedPinnState) -> Status:
        """DONE after the last round."""
        return self.wide.status(state.wide) if state.is_wide else Status.RUNNING

    def field(self, state: WidenedPinnState) -> PinnField:
        """The network with its conditions."""
        return self.wide.field(state.wide) if state.is_wide else self.narrow.field(state.narrow)

    def started_from(self, state: WidenedPinnState, previous: WidenedPinnState) -> WidenedPinnState:
        """A fresh state with the network that another has trained, not yet widened."""
        return replace(state, narrow=self.narrow.started_from(state.narrow, previous.narrow))

    def archived(self, state: WidenedPinnState) -> WidenedPinnState:
        """Without points and what optimisers remember."""
        return replace(state, narrow=self.narrow.archived(state.narrow), wide=self.wide.archived(state.wide))

    def note(self, state: WidenedPinnState) -> str:
        """What there is to say of the part at work."""
        if not state.is_wide:
            return self.narrow.note(state.narrow)
        first, last = state.before[0], state.before[-1]
        if last > first:
            return (
                f"WidenedPinn: on new points the widened network began with a loss of {last:.1e}, the trained one with "
                f"{first:.1e}; widening does not help here: take more points_per_feature, fewer features, or Pinn alone"
            )
        return self.wide.note(state.wide)

    def _widened(self, state: WidenedPinnState) -> PinnState:
        """The widened network with the values of the trained one, on its points."""
        narrow = state.narrow
        network = copy.deepcopy(self.wide.trained.network.network)
        if not isinstance(network, WidenedNetwork):
            raise TypeError(f"{type(network).__name__} is not a widened network")
        network.core.load_state_dict(self.narrow.trained.network.unflatten(narrow.theta), strict=False)
        network.take_last_layer(network.core.head.weight, network.core.head.bias)
        theta = Parameters(network).flatten()
        return replace(state.wide, theta=theta, drawn=0, step=1, interior=narrow.interior, rng=narrow.rng)
