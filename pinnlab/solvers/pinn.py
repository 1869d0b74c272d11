"""Physics-informed neural network, trained as a nonlinear least-squares problem."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from pinnlab.admissible import require_counts
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.ansatz import Constraints, Hard
from pinnlab.forms.jumps import require_continuous_fluxes
from pinnlab.networks.architecture import Architecture, require_architecture
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.derivatives import Derivatives
from pinnlab.numerics.taylor import TaylorMode
from pinnlab.observations import Observations
from pinnlab.pinns.method import PinnMethod
from pinnlab.pinns.state import PinnState as PinnState
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Solver
from pinnlab.training.last_layer import LastLayer
from pinnlab.training.levenberg_marquardt import LevenbergMarquardt
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.ranks import current, joined
from pinnlab.training.row_jacobian import LayerOuterProducts, RowJacobian
from pinnlab.training.samplers import ResidualAdaptive, Sampler
from pinnlab.training.weighting import FixedWeights, Weighting
from pinnlab.windows import Windows


@dataclass(frozen=True)
class Pinn(Solver):
    """Physics-informed neural network [1] composed of exchangeable parts, trained in float64.

    The sum of squares of the equations' residuals at collocation points, and of the conditions that are not built
    in, is minimised over the network's parameters.  Derivatives are exact (Taylor mode).  The defaults are a small
    network, hard conditions and dense Levenberg-Marquardt with points redrawn where the residual is large: fewer
    than about 3,000 parameters then reach four digits and more in a minute of two cores.  Not for shocks without
    viscosity, nor for long chaotic evolutions in one piece.

    Inverse problems: with `observations`, unknown parameters and unknown functions of the problem are trained along
    with the network.  `solution.field.parameters` then holds an `Estimate` with its standard error for each unknown
    parameter, and the history a column `parameter_NAME`.  Give a parameter that must not change sign its bounds.

    Args:
        network: Architecture, such as `Mlp(width=20, depth=3)`.
        constraints: `Hard()` or `Soft()`.
        sampler: Collocation points and how often they are redrawn.
        weighting: How much equations and conditions count.
        optimizer: One optimiser, or several that follow one another.
        condition_points: Points on each piece for each condition that is not built in.
        differentiation: How Jacobians by the parameters are computed.
        observations: Data, one set or several.
        function_network: Architecture of each unknown function.
        derivatives: How the network is differentiated by its coordinates: `TaylorMode()`, or for a network with an
            operation that has no Taylor rule `NestedAutograd()`, together with `differentiation=PerPoint()`.
        start: A solver, such as `RandomFeatures()`, whose answer the network imitates before it is trained; that is
            the first step.  None starts from random weights.
        windows: Time is cut into windows that are solved one after the other, such as `EqualWindows(10)`; None solves
            all of it at once.

    Several processes: `torchrun --nproc-per-node 2 script.py` with a plain `solve` in it spreads the points of every
    draw over the ranks, which add up their gradients and Gram matrices; losses are those of one process up to the
    order of summation, which training amplifies, and `Soap`, whose bases depend on rounding, most.  Each rank needs
    one GPU or, with device="cpu", cores of its own (OMP_NUM_THREADS).  All ranks must call `solve` with the same
    arguments; those of a `torch.distributed` group that exists already serve as well, and then no rank may call it
    alone: the others' sums would be mixed with its own.

    [1] M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019) 686-707.
    """

    network: Architecture = field(default_factory=Mlp)
    constraints: Constraints = field(default_factory=Hard)
    sampler: Sampler = field(default_factory=ResidualAdaptive)
    weighting: Weighting = field(default_factory=FixedWeights)
    optimizer: Optimizer | tuple[Optimizer, ...] = field(default_factory=LevenbergMarquardt)
    condition_points: int = 400
    differentiation: RowJacobian = field(default_factory=LayerOuterProducts)
    observations: Observations | tuple[Observations, ...] = ()
    function_network: Architecture = field(default_factory=lambda: Mlp(width=10, depth=2))
    derivatives: Derivatives = field(default_factory=TaylorMode)
    start: Solver | None = None
    windows: Windows | None = None

    def __post_init__(self) -> None:
        kinds: dict[str, type] = {
            "constraints": Constraints,
            "sampler": Sampler,
            "weighting": Weighting,
            "differentiation": RowJacobian,
            "derivatives": Derivatives,
        }
        for name, kind in kinds.items():
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"Pinn: {name} must be a {kind.__name__}, got {getattr(self, name)!r}")
        require_architecture(self, network=self.network, function_network=self.function_network)
        if not self.phases or not all(isinstance(o, Optimizer) for o in self.phases):
            raise ValueError(f"Pinn: optimizer must be one or several optimisers, got {self.optimizer!r}")
        require_counts(self, condition_points=self.condition_points)
        if not isinstance(self.start, Solver | None):
            raise ValueError(f"Pinn: start must be a solver such as RandomFeatures() or None, got {self.start!r}")
        if not all(isinstance(o, Observations) for o in self.data):
            raise ValueError(f"Pinn: observations must be one or several Observations, got {self.observations!r}")
        if not isinstance(self.windows, Windows | None):
            raise ValueError(f"Pinn: windows must be such as EqualWindows(10) or None, got {self.windows!r}")
        if self.windows is not None and (self.data or self.start is not None):
            raise ValueError("Pinn: observations and start belong to the whole of time; leave them or the windows out")

    @property
    def phases(self) -> tuple[Optimizer, ...]:
        """The optimisers that follow one another."""
        return tuple(self.optimizer) if isinstance(self.optimizer, tuple | list) else (self.optimizer,)

    @property
    def data(self) -> tuple[Observations, ...]:
        """The sets of observations."""
        return (self.observations,) if isinstance(self.observations, Observations) else tuple(self.observations)

    def compile(self, problem: Problem, device: torch.device = CPU) -> Method[Any]:
        """Lower the problem to rows of residuals, on each window if there are some.

        Raises:
            UnsupportedProblem: If the constraints do not take the region, the equations hold a function without
                counterpart in torch, or something is unknown and there are no observations.
            ValueError: If the observations do not belong to the problem.
        """
        if self.windows is not None:
            return self.windows.compile(replace(self, windows=None), problem, device)
        return self.whole(problem, device)

    def whole(self, problem: Problem, device: torch.device = CPU) -> PinnMethod:
        """The method for all of time at once, whatever `windows` are."""
        _require_data(self, problem)
        require_continuous_fluxes("Pinn", problem)
        ranks = current(device)
        method = PinnMethod(self, problem, self.constraints.ansatz(problem), ranks.device, ranks)
        method.lower()
        return method

    def running(self, device: torch.device) -> AbstractContextManager[None]:
        """The connection to the other processes of torchrun."""
        return joined(device)


def _require_data(solver: Pinn, problem: Problem) -> None:
    unknown = [f"parameter {p.name}" for p in problem.parameters if p.is_unknown]
    unknown += [f"function {f.name}" for f in problem.unknown_functions]
    if unknown and not solver.data:
        raise UnsupportedProblem(
            f"Pinn on {problem.name!r}: the {unknown[0]} is unknown and there are no data to learn it from; "
            "give Pinn(observations=Observations(points, values, noise)), or write a known one"
        )
    if unknown and all(isinstance(o, LastLayer) for o in solver.phases):
        raise UnsupportedProblem(
            f"Pinn on {problem.name!r}: LastLayer leaves the {unknown[0]} as it is; let another optimiser "
            "train it, such as LevenbergMarquardt()"
        )
