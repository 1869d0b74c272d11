"""L-BFGS: quasi-Newton steps from the last gradient differences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pinnlab.admissible import require_counts
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.refusals import STALLED

_LOSS_UNIT = 2.0**40
"""torch.optim.LBFGS ignores pairs with s.y <= 1e-10, an absolute bound that small losses fall under; in these
units it is 1e-22.  The method itself does not depend on the unit, and a power of two rounds nothing."""


@dataclass(frozen=True, eq=False)
class LbfgsState:
    """Iterations taken, whether the last call found no descent, and the pairs kept.

    `moves[i]` and `changes[i]` (P,) are a step and its change of gradient, `inverses[i]` is
    1 / (moves . changes); `scale` is the initial inverse Hessian.  Gradients are in units of 2^40.
    """

    taken: int
    stalled: bool
    scale: float
    moves: list[Tensor]
    changes: list[Tensor]
    inverses: list[float]


@dataclass(frozen=True)
class Lbfgs(Optimizer[LbfgsState]):
    """Limited-memory BFGS [1] of torch.optim with a strong Wolfe line search.

    The pair that would span two calls of `step` is dropped, since the objective may have changed in
    between; one pair in `per_step` is the price.

    Args:
        steps: Iterations in all.
        per_step: Iterations per call of `step`, at least 2.
        history: Pairs kept.

    [1] D. C. Liu, J. Nocedal, Math. Program. 45 (1989) 503-528.
    """

    steps: int = 5000
    per_step: int = 20
    history: int = 100

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps, per_step=self.per_step, history=self.history)
        if self.per_step < 2:
            raise ValueError(f"Lbfgs: per_step = {self.per_step}; give at least 2, or no curvature is ever seen")

    def start(self, theta: Tensor) -> LbfgsState:  # noqa: D102
        return LbfgsState(0, False, 1.0, [], [], [])

    def step(
        self, objective: LeastSquares, theta: Tensor, state: LbfgsState
    ) -> tuple[Tensor, LbfgsState, dict[str, float]]:
        """`per_step` iterations, fewer at the budget's end or without descent; "loss" is the result's."""
        point = theta.detach().clone().requires_grad_(True)
        allowed = max(min(self.per_step, self.steps - state.taken), 1)
        inner = torch.optim.LBFGS(
            [point],
            max_iter=allowed,
            max_eval=25 * allowed,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            history_size=self.history,
            line_search_fn="strong_wolfe",
        )
        if state.taken:
            inner.state[point] = _to_torch(state, theta)

        def closure() -> Tensor:
            loss, gradient = objective.value_and_gradient(point.detach())
            point.grad = gradient * _LOSS_UNIT
            return loss * _LOSS_UNIT

        inner.step(closure)
        found = inner.state[point]
        taken = found["n_iter"] - state.taken
        scalars = {"loss": float(closure()) / _LOSS_UNIT, "evaluations": float(found["func_evals"] + 1)}
        return point.detach(), _from_torch(found, state.taken + max(taken, 1), taken < allowed), scalars

    def finished(self, state: LbfgsState) -> bool:  # noqa: D102
        return state.taken >= self.steps or state.stalled

    def redrawn(self, state: LbfgsState) -> LbfgsState:  # noqa: D102
        return replace(state, stalled=False)

    def verdict(self, state: LbfgsState) -> str:  # noqa: D102
        return STALLED.format("Lbfgs") if state.stalled else ""


def _to_torch(state: LbfgsState, theta: Tensor) -> dict[str, Any]:
    """The state as torch.optim.LBFGS keeps it; a last step of length 0 makes it skip the pair in between."""
    return {
        "func_evals": 0,
        "n_iter": state.taken,
        "d": torch.zeros_like(theta),
        "t": 0.0,
        "old_stps": list(state.moves),
        "old_dirs": list(state.changes),
        "ro": [theta.new_tensor(r) for r in state.inverses],
        "H_diag": state.scale,
        "prev_flat_grad": torch.zeros_like(theta),
        "prev_loss": 0.0,
    }


def _from_torch(found: dict[str, Any], taken: int, stalled: bool) -> LbfgsState:
    if "old_dirs" not in found:
        return LbfgsState(taken, True, 1.0, [], [], [])
    inverses = [float(r) for r in found["ro"]]
    return LbfgsState(
        taken, stalled, float(found["H_diag"]), list(found["old_stps"]), list(found["old_dirs"]), inverses
    )
