"""Levenberg-Marquardt: Gauss-Newton steps of a length that the last steps' success decides."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.training.objective import LeastSquares, gram_matrix
from pinnlab.training.optimizer import Optimizer, require_positive


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
    d = -J' (JJ' + damping I)^{-1} r.  It is taken if the loss falls.  With

        rho = (loss(theta) - loss(theta + d)) / (damping |d|^2 - d . J'r),

    the denominator being the decrease of |r + J d|^2, the next damping is a third if rho > 3/4 and the
    double if rho < 1/4; a rejected step (a non-finite loss is a rejection) is tried again with four
    times the damping.
    Costs N P^2 + P^3 / 3 operations and P^2 numbers beside one chunk of J: for P up to a few thousand.

    Args:
        steps: Largest number of steps.
        damping: The first damping, in units of the squared singular values of J: with residuals scaled so
            that the loss is a mean square, 1e-3 is safe.
        tries: Largest number of step lengths tried in one step.
        patience: Steps in a row without a decrease after which `finished` says so.

    [1] K. Levenberg, Quart. Appl. Math. 2 (1944) 164-168.  [2] D. W. Marquardt, J. SIAM 11 (1963) 431-441.
    """

    steps: int = 1000
    damping: float = 1e-3
    tries: int = 12
    patience: int = 3

    def __post_init__(self) -> None:
        require_positive(
            self, steps=self.steps, damping=self.damping, tries=self.tries, patience=self.patience
        )

    def start(self, theta: Tensor) -> LevenbergMarquardtState:  # noqa: D102
        return LevenbergMarquardtState(self.damping, 0, 0)

    def step(
        self, objective: LeastSquares, theta: Tensor, state: LevenbergMarquardtState
    ) -> tuple[Tensor, LevenbergMarquardtState, dict[str, float]]:
        """One accepted step, or none if `tries` dampings were rejected.

        Scalars: "loss" at the returned parameters, "damping" used, "ratio" rho (nan if none was accepted),
        "gradient" |J'r|, "rejected" tries.

        Raises:
            ValueError: If `theta` is not float64, or the loss at `theta` itself is not finite.
        """
        if theta.dtype != torch.float64:
            raise ValueError(
                f"LevenbergMarquardt: theta is {theta.dtype}; J'J needs float64, convert the network"
            )
        model = (
            NormalEquations.at(objective, theta)
            if objective.count >= len(theta)
            else Kernel.at(objective, theta)
        )
        loss = model.loss
        if not math.isfinite(loss):
            raise ValueError(
                f"LevenbergMarquardt: the loss at the present parameters is {loss}; start elsewhere"
            )
        damping = max(state.damping, model.smallest_damping)
        for rejected in range(self.tries):
            candidate = model.minimiser(damping)
            if candidate is not None:
                step, predicted = candidate
                with torch.no_grad():
                    trial = float(torch.square(objective.residuals(theta + step)).sum())
                if trial < loss and predicted > 0:
                    ratio = (loss - trial) / predicted
                    scalars = self._scalars(trial, damping, ratio, model, rejected)
                    new = LevenbergMarquardtState(next_damping(damping, ratio), state.taken + 1, 0)
                    return theta + step, new, scalars
            damping *= 4
        stalled = LevenbergMarquardtState(damping, state.taken + 1, state.stalls + 1)
        return theta.clone(), stalled, self._scalars(loss, damping, math.nan, model, self.tries)

    def finished(self, state: LevenbergMarquardtState) -> bool:  # noqa: D102
        return state.taken >= self.steps or state.stalls >= self.patience

    @staticmethod
    def _scalars(
        loss: float, damping: float, ratio: float, model: LocalModel, rejected: int
    ) -> dict[str, float]:
        return {
            "loss": loss,
            "damping": damping,
            "ratio": ratio,
            "gradient": float(torch.linalg.vector_norm(model.gradient)),
            "rejected": float(rejected),
        }


def next_damping(damping: float, ratio: float) -> float:
    """The damping after an accepted step: a third above 3/4, twice below 1/4, else unchanged."""
    if ratio > 0.75:
        return damping / 3
    return 2 * damping if ratio < 0.25 else damping


@dataclass(frozen=True, eq=False)
class LocalModel(abc.ABC):
    """|r + J d|^2 near theta: its value and gradient at d = 0, and one of the Gram matrices J'J and JJ'."""

    loss: float
    gradient: Tensor
    gram: Tensor

    @abc.abstractmethod
    def solve(self, factor: Tensor) -> Tensor:
        """The step (P,), given the Cholesky factor of the damped Gram matrix."""

    @property
    def smallest_damping(self) -> float:
        """Below this the damping is lost in the rounding of the Gram matrix."""
        return max(torch.finfo(self.gram.dtype).eps * float(self.gram.diagonal().max()), 1e-300)

    def minimiser(self, damping: float) -> tuple[Tensor, float] | None:
        """The damped step (P,) and the decrease of |r + J d|^2 that it predicts; None without a factor."""
        shifted = self.gram.clone()
        shifted.diagonal().add_(damping)
        factor, failure = torch.linalg.cholesky_ex(shifted)
        if int(failure):
            return None
        step = self.solve(factor)
        return step, float(damping * (step @ step) - step @ self.gradient)


@dataclass(frozen=True, eq=False)
class NormalEquations(LocalModel):
    """(J'J + damping I) d = -J'r, for at least as many residuals as parameters."""

    @classmethod
    def at(cls, objective: LeastSquares, theta: Tensor) -> NormalEquations:
        """The model at `theta`; J itself is not kept."""
        residuals, gradient, gram = objective.normal_equations(theta)
        return cls(float(residuals @ residuals), gradient, gram)

    def solve(self, factor: Tensor) -> Tensor:  # noqa: D102
        return -torch.cholesky_solve(self.gradient[:, None], factor)[:, 0]


@dataclass(frozen=True, eq=False)
class Kernel(LocalModel):
    """d = -J' (JJ' + damping I)^{-1} r, for fewer residuals than parameters."""

    residuals: Tensor
    jacobian: Tensor

    @classmethod
    def at(cls, objective: LeastSquares, theta: Tensor) -> Kernel:
        """The model at `theta`."""
        r, jacobian = objective.jacobian(theta)
        return cls(float(r @ r), jacobian.T @ r, gram_matrix(jacobian.T), r, jacobian)

    def solve(self, factor: Tensor) -> Tensor:  # noqa: D102
        return -self.jacobian.T @ torch.cholesky_solve(self.residuals[:, None], factor)[:, 0]
