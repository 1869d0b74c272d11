"""Levenberg-Marquardt: Gauss-Newton steps of a length that the last steps' success decides."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive
from pinnlab.errors import SolveFailed
from pinnlab.training.local_model import Exact, Linearization, LocalModel
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.refusals import finite_norm, require_double, require_finite_loss


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
    """Levenberg-Marquardt [1, 2] for sums of squares, in float64.

    The step d solves (J'J + damping I) d = -J'r, or, with fewer residuals than parameters, the same d from
    d = -J' (JJ' + damping I)^{-1} r.  It is corrected by `correction` and taken if the loss falls.  With

        rho = (loss(theta) - loss(theta + d)) / (damping |d|^2 - d . J'r),

    the denominator being the decrease of |r + J d|^2 for the uncorrected d, the next damping is a third if
    rho > 3/4 and the double if rho < 1/4; a rejected step (a non-finite loss is a rejection) is tried again
    with four times the damping.
    `Exact()` costs N P^2 + P^3 / 3 operations and P^2 numbers beside one chunk of J: for P up to a few thousand;
    `Sketched()` takes more.

    Args:
        steps: Largest number of steps.
        damping: The first damping, in units of the squared singular values of J: with residuals scaled so
            that the loss is a mean square, 1e-3 is safe.
        correction: `GeodesicAcceleration()` or `NoCorrection()`.
        model: `Exact()`, or `Sketched(rows, columns)` beyond about 3,000 parameters.
        tries: Largest number of dampings tried in one step.
        patience: Steps in a row without a decrease after which `finished` says so.

    [1] K. Levenberg, Quart. Appl. Math. 2 (1944) 164-168.  [2] D. W. Marquardt, J. SIAM 11 (1963) 431-441.
    """

    steps: int = 1000
    damping: float = 1e-3
    correction: Correction = field(default_factory=GeodesicAcceleration)
    model: Linearization = field(default_factory=Exact)
    tries: int = 12
    patience: int = 3

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps, tries=self.tries, patience=self.patience)
        require_positive(self, damping=self.damping)

    def start(self, theta: Tensor) -> LevenbergMarquardtState:  # noqa: D102
        return LevenbergMarquardtState(self.damping, 0, 0)

    def step(
        self, objective: LeastSquares, theta: Tensor, state: LevenbergMarquardtState
    ) -> tuple[Tensor, LevenbergMarquardtState, dict[str, float]]:
        """One accepted step, or none if `tries` dampings were rejected.

        Scalars: "loss" at the returned parameters, "damping" tried last, "ratio" rho (0 if none was
        accepted), "gradient" |J'r|, "rejected" tries.

        Raises:
            ValueError: If `theta` is not float64, or the model takes more memory than it may.
            SolveFailed: If the loss at `theta` itself or its gradient is not finite, or if rounding leaves the
                Gram matrix indefinite for every damping tried.
        """
        require_double(self, theta)
        theta = theta.detach()
        model = self.model.at(objective, theta, state.taken)
        loss = float(model.residuals @ model.residuals)
        require_finite_loss(self, objective, theta, loss)
        scalars = {"gradient": finite_norm(self, model.gradient)}
        damping = max(state.damping, model.smallest_damping)
        singular = 0
        for rejected in range(self.tries):
            factor = model.factor(damping)
            singular += factor is None
            found = None if factor is None else self._try(objective, theta, model, factor, damping)
            if found is not None and found[1] < loss:
                step, trial, predicted = found
                ratio = (loss - trial) / predicted
                scalars |= {"loss": trial, "damping": damping, "ratio": ratio, "rejected": float(rejected)}
                new = LevenbergMarquardtState(next_damping(damping, ratio), state.taken + 1, 0)
                return theta + step, new, scalars
            damping *= 4
        if singular == self.tries:
            raise SolveFailed(
                f"LevenbergMarquardt: the Gram matrix plus damping is not positive definite for any damping up to "
                f"{damping / 4:.1e}; give a larger damping, fewer parameters or more points"
            )
        scalars |= {"loss": loss, "damping": damping / 4, "ratio": 0.0, "rejected": float(self.tries)}
        return theta.clone(), LevenbergMarquardtState(damping, state.taken + 1, state.stalls + 1), scalars

    def _try(
        self, objective: LeastSquares, theta: Tensor, model: LocalModel, factor: Tensor, damping: float
    ) -> tuple[Tensor, float, float] | None:
        """Step, loss after it, and the decrease predicted; None if the step cannot be trusted."""
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

    def require_fits(self, parameters: int, residuals: int) -> None:  # noqa: D102
        self.model.require_fits(parameters, residuals)

    def redrawn(self, state: LevenbergMarquardtState) -> LevenbergMarquardtState:  # noqa: D102
        # The tries that failed have raised the damping beyond any use.
        return LevenbergMarquardtState(self.damping, state.taken, 0) if state.stalls else state

    def verdict(self, state: LevenbergMarquardtState) -> str:  # noqa: D102
        if state.stalls < self.patience:
            return ""
        return (
            f"LevenbergMarquardt: {state.stalls} steps in a row found no smaller loss in {self.tries} tries each; on "
            "these points that is the end: redraw them (sampler with every > 0), take more points or a larger network"
        )


def next_damping(damping: float, ratio: float) -> float:
    """The damping after an accepted step: a third above 3/4, twice below 1/4, else unchanged."""
    if ratio > 0.75:
        return damping / 3
    return 2 * damping if ratio < 0.25 else damping
