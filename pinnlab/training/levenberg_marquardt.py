"""Levenberg-Marquardt: Gauss-Newton steps of a length that the last steps' success decides."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.training.objective import LeastSquares, gram_matrix
from pinnlab.training.optimizer import Optimizer, require_positive


@dataclass(frozen=True, eq=False)
class LocalModel(abc.ABC):
    """|r + J d|^2 near theta, with the smaller of the Gram matrices J'J and JJ'."""

    residuals: Tensor
    gradient: Tensor
    """J'r, (P,)."""
    gram: Tensor

    @abc.abstractmethod
    def damped_inverse(self, factor: Tensor, vector: Tensor) -> Tensor:
        """(J'J + damping I)^{-1} J' vector for vector (N,), given `factor(damping)`."""

    @property
    def smallest_damping(self) -> float:
        """Below this the damping is lost in the rounding of the Gram matrix."""
        return max(torch.finfo(self.gram.dtype).eps * float(self.gram.diagonal().max()), 1e-300)

    def factor(self, damping: float) -> Tensor | None:
        """The Cholesky factor of the Gram matrix plus damping I; None where rounding left it indefinite."""
        shifted = self.gram.clone()
        shifted.diagonal().add_(damping)
        factor, failure = torch.linalg.cholesky_ex(shifted)
        return None if int(failure) else factor

    def predicted_decrease(self, step: Tensor, damping: float) -> float:
        """|r|^2 - |r + J d|^2 = damping |d|^2 - d . J'r for the damped minimiser d."""
        return float(damping * (step @ step) - step @ self.gradient)


@dataclass(frozen=True, eq=False)
class NormalEquations(LocalModel):
    """The model with J'J, for at least as many residuals as parameters; J itself is not kept."""

    pullback: Callable[[Tensor], Tensor]

    @classmethod
    def at(cls, objective: LeastSquares, theta: Tensor) -> NormalEquations:
        """The model at `theta`."""
        return cls(*objective.normal_equations(theta), lambda vector: objective.pullback(theta, vector))

    def damped_inverse(self, factor: Tensor, vector: Tensor) -> Tensor:  # noqa: D102
        pulled = self.gradient if vector is self.residuals else self.pullback(vector)
        return torch.cholesky_solve(pulled[:, None], factor)[:, 0]


@dataclass(frozen=True, eq=False)
class Kernel(LocalModel):
    """The model with JJ', for fewer residuals than parameters: J' (JJ' + damping I)^{-1} is the same map."""

    jacobian: Tensor

    @classmethod
    def at(cls, objective: LeastSquares, theta: Tensor) -> Kernel:
        """The model at `theta`."""
        r, jacobian = objective.jacobian(theta)
        return cls(r, jacobian.T @ r, gram_matrix(jacobian.T), jacobian)

    def damped_inverse(self, factor: Tensor, vector: Tensor) -> Tensor:  # noqa: D102
        return self.jacobian.T @ torch.cholesky_solve(vector[:, None], factor)[:, 0]


class Correction(abc.ABC):
    """What is added to a Gauss-Newton step before it is tried."""

    @abc.abstractmethod
    def __call__(
        self, objective: LeastSquares, theta: Tensor, model: LocalModel, factor: Tensor, step: Tensor
    ) -> Tensor | None:
        """The corrected step (P,), or None if the step is too long to be trusted."""


@dataclass(frozen=True)
class NoCorrection(Correction):
    """The step as the linear model gives it."""

    def __call__(  # noqa: D102
        self, objective: LeastSquares, theta: Tensor, model: LocalModel, factor: Tensor, step: Tensor
    ) -> Tensor:
        return step


@dataclass(frozen=True)
class GeodesicAcceleration(Correction):
    """The second-order term of the path that Gauss-Newton steps would follow [1].

    With r_vv the second derivative of the residuals along the step v, taken by central differences,

        r_vv = (r(theta + h v) - 2 r(theta) + r(theta - h v)) / h^2,
        a = -(J'J + damping I)^{-1} J' r_vv,

    the step becomes v + a / 2 if 2 |a| <= limit |v|, and counts as rejected otherwise.
    It costs two evaluations and one gradient more per try, and saves most of the steps in curved valleys.

    Args:
        limit: Lower is more careful; half of it corresponds to the alpha of [1], which compares |a| with |v|.
        probe: h, relative to the step.

    [1] M. K. Transtrum, J. P. Sethna, arXiv:1201.5885 (2012), section on geodesic acceleration.
    """

    limit: float = 0.75
    probe: float = 0.1

    def __post_init__(self) -> None:
        require_positive(self, limit=self.limit, probe=self.probe)

    def __call__(  # noqa: D102
        self, objective: LeastSquares, theta: Tensor, model: LocalModel, factor: Tensor, step: Tensor
    ) -> Tensor | None:
        with torch.no_grad():
            ahead = objective.residuals(theta + self.probe * step)
            behind = objective.residuals(theta - self.probe * step)
        bend = (ahead - 2 * model.residuals + behind) / self.probe**2
        acceleration = -model.damped_inverse(factor, bend)
        trusted = 2 * float(acceleration.norm()) <= self.limit * float(step.norm())
        return step + acceleration / 2 if trusted else None


@dataclass(frozen=True)
class LevenbergMarquardtState:
    """Damping for the next step, steps taken, and how many steps in a row found no decrease."""

    damping: float
    taken: int
    stalls: int


@dataclass(frozen=True)
class LevenbergMarquardt(Optimizer[LevenbergMarquardtState]):
    """Dense Levenberg-Marquardt [1, 2] for sums of squares, in float64.

    The step d solves (J'J + damping I) d = -J'r, or, with fewer residuals than parameters, the same d from
    d = -J' (JJ' + damping I)^{-1} r.  It is corrected by `correction` and taken if the loss falls.  With

        rho = (loss(theta) - loss(theta + d)) / (damping |d|^2 - d . J'r),

    the denominator being the decrease of |r + J d|^2 for the uncorrected d, the next damping is a third if
    rho > 3/4 and the double if rho < 1/4; a rejected step (a non-finite loss is a rejection) is tried again
    with four times the damping.
    Costs N P^2 + P^3 / 3 operations and P^2 numbers beside one chunk of J: for P up to a few thousand.

    Args:
        steps: Largest number of steps.
        damping: The first damping, in units of the squared singular values of J: with residuals scaled so
            that the loss is a mean square, 1e-3 is safe.
        correction: `GeodesicAcceleration()` or `NoCorrection()`.
        tries: Largest number of dampings tried in one step.
        patience: Steps in a row without a decrease after which `finished` says so.

    [1] K. Levenberg, Quart. Appl. Math. 2 (1944) 164-168.  [2] D. W. Marquardt, J. SIAM 11 (1963) 431-441.
    """

    steps: int = 1000
    damping: float = 1e-3
    correction: Correction = field(default_factory=GeodesicAcceleration)
    tries: int = 12
    patience: int = 3

    def __post_init__(self) -> None:
        require_positive(self, steps=self.steps, damping=self.damping, tries=self.tries, patience=self.patience)

    def start(self, theta: Tensor) -> LevenbergMarquardtState:  # noqa: D102
        return LevenbergMarquardtState(self.damping, 0, 0)

    def step(
        self, objective: LeastSquares, theta: Tensor, state: LevenbergMarquardtState
    ) -> tuple[Tensor, LevenbergMarquardtState, dict[str, float]]:
        """One accepted step, or none if `tries` dampings were rejected.

        Scalars: "loss" at the returned parameters, "damping" tried last, "ratio" rho (0 if none was
        accepted), "gradient" |J'r|, "rejected" tries.

        Raises:
            ValueError: If `theta` is not float64.
            SolveFailed: If the loss at `theta` itself is not finite.
        """
        if theta.dtype != torch.float64:
            raise ValueError(f"LevenbergMarquardt: theta is {theta.dtype}; J'J needs float64, convert the network")
        theta = theta.detach()
        enough = objective.count >= len(theta)
        model = NormalEquations.at(objective, theta) if enough else Kernel.at(objective, theta)
        loss = float(model.residuals @ model.residuals)
        if not math.isfinite(loss):
            raise SolveFailed(f"LevenbergMarquardt: the loss at the given parameters is {loss}; start elsewhere")
        scalars = {"gradient": float(torch.linalg.vector_norm(model.gradient))}
        damping = max(state.damping, model.smallest_damping)
        for rejected in range(self.tries):
            found = self._try(objective, theta, model, damping)
            if found is not None and found[1] < loss:
                step, trial, predicted = found
                ratio = (loss - trial) / predicted
                scalars |= {"loss": trial, "damping": damping, "ratio": ratio, "rejected": float(rejected)}
                new = LevenbergMarquardtState(next_damping(damping, ratio), state.taken + 1, 0)
                return theta + step, new, scalars
            damping *= 4
        scalars |= {"loss": loss, "damping": damping / 4, "ratio": 0.0, "rejected": float(self.tries)}
        return theta.clone(), LevenbergMarquardtState(damping, state.taken + 1, state.stalls + 1), scalars

    def _try(
        self, objective: LeastSquares, theta: Tensor, model: LocalModel, damping: float
    ) -> tuple[Tensor, float, float] | None:
        """Step, loss after it, and the decrease predicted; None if the step cannot be had or trusted."""
        factor = model.factor(damping)
        if factor is None:
            return None
        straight = -model.damped_inverse(factor, model.residuals)
        predicted = model.predicted_decrease(straight, damping)
        step = self.correction(objective, theta, model, factor, straight)
        if step is None or not predicted > 0:
            return None
        with torch.no_grad():
            trial = float(torch.square(objective.residuals(theta + step)).sum())
        return step, trial, predicted

    def finished(self, state: LevenbergMarquardtState) -> bool:  # noqa: D102
        return state.taken >= self.steps or state.stalls >= self.patience


def next_damping(damping: float, ratio: float) -> float:
    """The damping after an accepted step: a third above 3/4, twice below 1/4, else unchanged."""
    if ratio > 0.75:
        return damping / 3
    return 2 * damping if ratio < 0.25 else damping
