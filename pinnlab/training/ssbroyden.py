"""Self-scaled Broyden methods: quasi-Newton steps with a dense inverse Hessian."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive
from pinnlab.training.broyden_family import Broyden, Pair, Update, apply_update
from pinnlab.training.line_search import StrongWolfe, Trial
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.refusals import STALLED, finite_norm, require_double, require_finite_loss, require_memory


@dataclass(frozen=True, eq=False)
class SelfScaledBroydenState:
    """Iterations taken, whether the last call found no descent, and the inverse Hessian (P, P), (0, 0) before any."""

    taken: int
    stalled: bool
    inverse: Tensor


@dataclass(frozen=True)
class SelfScaledBroyden(Optimizer[SelfScaledBroydenState]):
    """Quasi-Newton steps p = -H g with a strong Wolfe line search and a dense self-scaled H [1, 2], in float64.

    The first step follows the gradient; H then starts as (y's / y'y) I.  H is kept from call to call, even where
    the points were redrawn, but no pair is formed of gradients of two calls.  Where the line search fails, H is
    forgotten once; where it fails along the gradient too, the method has stalled.
    One iteration costs one product with H, one symmetric update of it (6 P^2 operations) and usually one loss and
    gradient: many more iterations a second than `LevenbergMarquardt`, each of them less.  For up to about 10,000
    parameters; `Lbfgs` for more.

    Args:
        steps: Iterations in all.
        per_step: Iterations per call of `step`, each of which copies H once.
        update: `Broyden()`, `SelfScaledBfgs()` or `Bfgs()`.
        line_search: A strong Wolfe search, which keeps y's > 0.
        memory: Largest number of bytes for two copies of H.

    Raises:
        ValueError: If the two copies take more than `memory`.

    [1] J. F. Urbán, P. Stefanou, J. A. Pons, J. Comput. Phys. 523 (2025) 113656.
    [2] E. Kiyani et al., CMAME 446 (2025) 118308, arXiv:2501.16371.
    """

    steps: int = 20000
    per_step: int = 50
    update: Update = field(default_factory=Broyden)
    line_search: StrongWolfe = field(default_factory=StrongWolfe)
    memory: float = 8e9

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps, per_step=self.per_step)
        require_positive(self, memory=self.memory)

    def start(self, theta: Tensor) -> SelfScaledBroydenState:  # noqa: D102
        self.require_fits(len(theta), 0)
        return SelfScaledBroydenState(0, False, theta.new_zeros(0, 0))

    def step(
        self, objective: LeastSquares, theta: Tensor, state: SelfScaledBroydenState
    ) -> tuple[Tensor, SelfScaledBroydenState, dict[str, float]]:
        """`per_step` iterations, fewer at the budget's end or without descent.

        Scalars: "loss" of the result, "gradient" its norm, "evaluations", and "restarts" of H.

        Raises:
            ValueError: If `theta` is not float64.
            SolveFailed: If the loss at `theta` itself or its gradient is not finite.
        """
        require_double(self, theta)
        allowed = max(min(self.per_step, self.steps - state.taken), 1)
        run = _Run(objective, theta.detach(), state.inverse.clone(), self.update, self.line_search)
        require_finite_loss(self, objective, theta, run.loss)
        finite_norm(self, run.gradient)
        done, stalled = 0, False
        while done < allowed and not stalled:
            stalled = not run.iterate()
            done += 1
        scalars = {
            "loss": run.loss,
            "gradient": float(run.gradient.norm()),
            "evaluations": float(run.evaluations),
            "restarts": float(run.restarts),
        }
        return run.theta, SelfScaledBroydenState(state.taken + done, stalled, run.inverse), scalars

    def finished(self, state: SelfScaledBroydenState) -> bool:  # noqa: D102
        return state.taken >= self.steps or state.stalled

    def require_fits(self, parameters: int, residuals: int) -> None:  # noqa: D102
        what = f"two copies of the inverse Hessian of {parameters:,} parameters"
        require_memory(self, what, 2 * parameters**2, self.memory, "use Lbfgs or a smaller network, or raise memory")

    def redrawn(self, state: SelfScaledBroydenState) -> SelfScaledBroydenState:  # noqa: D102
        return replace(state, stalled=False)

    def verdict(self, state: SelfScaledBroydenState) -> str:  # noqa: D102
        return STALLED.format("SelfScaledBroyden") if state.stalled else ""


class _Run:
    """The iterations of one call, on one objective."""

    def __init__(
        self, objective: LeastSquares, theta: Tensor, inverse: Tensor, update: Update, line_search: StrongWolfe
    ) -> None:
        self.objective, self.update, self.line_search = objective, update, line_search
        self.theta, self.inverse = theta.clone(), inverse
        value, self.gradient = objective.value_and_gradient(theta)
        self.loss = float(value)
        self.evaluations, self.restarts = 1, 0
        self.direction = -(inverse @ self.gradient) if len(inverse) else -self.gradient

    def iterate(self) -> bool:
        """One step; False if there is no descent, or none that theta could show."""
        found = self._search()
        if found is None and len(self.inverse):
            self.restarts += 1
            self.inverse, self.direction = self.inverse.new_zeros(0, 0), -self.gradient
            found = self._search()
        if found is None:
            return False
        step = found.length * self.direction
        eps = torch.finfo(step.dtype).eps
        if not float(step.abs().max()) > eps * float(self.theta.abs().max()):
            return False
        self._learn(step, found)
        self.theta = self.theta + step
        self.loss, self.gradient = found.loss, found.gradient
        return True

    def _search(self) -> Trial | None:
        slope = float(self.gradient @ self.direction)
        if not slope < 0:
            return None
        # Along the gradient there is no scale yet: go where a loss that falls linearly would vanish.
        first = 1.0 if len(self.inverse) else self.loss / -slope
        start = Trial(0.0, self.loss, slope, self.gradient)
        found, used = self.line_search.search(self._evaluate, start, first)
        self.evaluations += used
        return found

    def _evaluate(self, length: float) -> Trial:
        value, gradient = self.objective.value_and_gradient(self.theta + length * self.direction)
        return Trial(length, float(value), float(gradient @ self.direction), gradient)

    def _learn(self, step: Tensor, found: Trial) -> None:
        """Update H by the pair of this step, and set the next direction."""
        change = found.gradient - self.gradient
        curvature = float(step @ change)
        eps = torch.finfo(step.dtype).eps
        if not curvature > eps * float(step.norm()) * float(change.norm()):
            self.direction = -(self.inverse @ found.gradient) if len(self.inverse) else -found.gradient
            return
        if len(self.inverse):
            # H g is known from the direction, so that one product with H serves the update and the next direction.
            ahead = self.inverse @ found.gradient
            pair = Pair(step, change, ahead + self.direction, -found.length * float(step @ self.gradient))
        else:
            scale = curvature / float(change @ change)
            self.inverse = torch.eye(len(step), dtype=step.dtype, device=step.device) * scale
            ahead = scale * found.gradient
            pair = Pair(step, change, scale * change, float(step @ step) / scale)
        self.direction = -apply_update(self.update, self.inverse, pair, found.gradient, ahead)
