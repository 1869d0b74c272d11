"""Energy natural gradient descent: the Gram matrix gives the direction, a line search the length."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_numbers, require_positive
from pinnlab.errors import SolveFailed
from pinnlab.training.local_model import Exact, Linearization, LocalModel
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.refusals import finite_norm, require_double, require_finite_loss


class Momentum(abc.ABC):
    """What of the last direction goes on in the next."""

    @abc.abstractmethod
    def direction(self, model: LocalModel, factor: Tensor, last: Tensor) -> Tensor:
        """The direction (P,), given the last direction (P,) and the Gram matrix's damped factor."""


@dataclass(frozen=True)
class NoMomentum(Momentum):
    """Nothing: d = -(J'J + damping I)^{-1} J'r."""

    def direction(self, model: LocalModel, factor: Tensor, last: Tensor) -> Tensor:  # noqa: D102
        return -model.damped_inverse(factor, model.residuals)


@dataclass(frozen=True)
class Spring(Momentum):
    """The last direction, corrected where the residuals say so [1]: for few, often redrawn points.

        d = argmin |r + J d|^2 + damping |d - decay d_last|^2
          = decay d_last - (J'J + damping I)^{-1} J' (r + decay J d_last)

    Args:
        decay: In (0, 1); 0.9 to 0.99.

    [1] G. Goldshlager, N. Abrahamsen, L. Lin, J. Comput. Phys. 516 (2024) 113351, arXiv:2401.10190.
    """

    decay: float = 0.9

    def __post_init__(self) -> None:
        require_numbers(self, decay=self.decay)
        if not 0 < self.decay < 1:
            raise ValueError(f"Spring: decay = {self.decay}; give a number between 0 and 1, or use NoMomentum()")

    def direction(self, model: LocalModel, factor: Tensor, last: Tensor) -> Tensor:  # noqa: D102
        kept = self.decay * last
        return kept - model.damped_inverse_after(factor, kept)


@dataclass(frozen=True, eq=False)
class EnergyNaturalGradientState:
    """Steps taken, how many in a row found no decrease, and the last direction (P,).

    The direction is the whole one, whatever part of it was gone; zeros if no part lowered the loss.
    """

    taken: int
    stalls: int
    last: Tensor


@dataclass(frozen=True)
class EnergyNaturalGradient(Optimizer[EnergyNaturalGradientState]):
    """Energy natural gradient descent [1] for sums of squares, in float64.

    The Gram matrix of the tangent space in the energy's inner product is J'J for a sum of squares, and the step is
    theta + t d with d = -(J'J + damping loss I)^{-1} J'r and t in {1, 1/2, 1/4, ..., 2^-halvings}, walked down from 1
    and left at the first rise of the loss after a decrease.  With fewer residuals than parameters the same d is had
    from JJ' [2].  A damping proportional to the loss keeps the convergence quadratic where the loss vanishes [3];
    without any, as in [1], steps far from a minimum are too long by many halvings.

    It costs one factorisation a step.  Where `LevenbergMarquardt` turns a step that fails by more damping, this only
    shortens it.

    Args:
        steps: Largest number of steps.
        damping: In units of the loss.
        momentum: `NoMomentum()` or `Spring(decay)`, which [2] found the better for many dimensions.
        halvings: Most halvings of a step.
        model: `Exact()`, or `Sketched(rows, columns)` beyond about 3,000 parameters.
        patience: Steps in a row without a decrease after which `finished` says so.

    [1] J. Müller, M. Zeinhofer, ICML 2023, arXiv:2302.13163, Algorithm 1.
    [2] A. Guzmán-Cordero et al., arXiv:2505.12149 (2025).
    [3] J. Fan, Y. Yuan, Computing 74 (2005) 23-39.
    """

    steps: int = 2000
    damping: float = 0.1
    momentum: Momentum = field(default_factory=NoMomentum)
    halvings: int = 30
    model: Linearization = field(default_factory=Exact)
    patience: int = 3

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps, halvings=self.halvings, patience=self.patience)
        require_positive(self, damping=self.damping)

    def start(self, theta: Tensor) -> EnergyNaturalGradientState:  # noqa: D102
        return EnergyNaturalGradientState(0, 0, torch.zeros_like(theta))

    def step(
        self, objective: LeastSquares, theta: Tensor, state: EnergyNaturalGradientState
    ) -> tuple[Tensor, EnergyNaturalGradientState, dict[str, float]]:
        """One step, or none if no length lowers the loss; momentum is then forgotten.

        Scalars: "loss" at the returned parameters, "length" t (0 for no step), "gradient" |J'r|, "damping".

        Raises:
            ValueError: If `theta` is not float64, or the model takes more memory than it may.
            SolveFailed: If the loss at `theta` or its gradient is not finite, or the Gram matrix is singular.
        """
        require_double(self, theta)
        theta = theta.detach()
        model = self.model.at(objective, theta, state.taken)
        loss = float(model.residuals @ model.residuals)
        require_finite_loss(self, objective, theta, loss)
        slope = finite_norm(self, model.gradient)
        damping = max(self.damping * loss, model.smallest_damping)
        factor = model.factor(damping)
        if factor is None:
            raise SolveFailed(
                f"EnergyNaturalGradient: the Gram matrix is singular with damping {damping:.1e}; give a larger one "
                f"than damping = {self.damping}, or use LevenbergMarquardt, which finds one"
            )
        direction = self.momentum.direction(model, factor, state.last)
        length, trial = self._search(objective, theta, direction, loss)
        scalars = {"loss": trial, "length": length, "gradient": slope, "damping": damping}
        if not length:
            forgotten = torch.zeros_like(theta)
            return theta, EnergyNaturalGradientState(state.taken + 1, state.stalls + 1, forgotten), scalars
        return theta + length * direction, EnergyNaturalGradientState(state.taken + 1, 0, direction), scalars

    def _search(self, objective: LeastSquares, theta: Tensor, direction: Tensor, loss: float) -> tuple[float, float]:
        """The length walked down to and the loss there; 0 if none is lower."""
        best = (0.0, loss)
        for i in range(self.halvings + 1):
            with torch.no_grad():
                trial = float(torch.square(objective.residuals(theta + 0.5**i * direction)).sum())
            if trial < best[1]:
                best = (0.5**i, trial)
            elif best[0]:
                break
        return best

    def finished(self, state: EnergyNaturalGradientState) -> bool:  # noqa: D102
        return state.taken >= self.steps or state.stalls >= self.patience

    def require_fits(self, parameters: int, residuals: int) -> None:  # noqa: D102
        self.model.require_fits(parameters, residuals)

    def redrawn(self, state: EnergyNaturalGradientState) -> EnergyNaturalGradientState:  # noqa: D102
        return replace(state, stalls=0)

    def verdict(self, state: EnergyNaturalGradientState) -> str:  # noqa: D102
        if state.stalls < self.patience:
            return ""
        return (
            f"EnergyNaturalGradient: {state.stalls} steps in a row found no smaller loss; give a larger damping, "
            "follow with LevenbergMarquardt, or redraw the points (sampler with every > 0)"
        )
