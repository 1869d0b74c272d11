"""Fine-tuning of a trained operator on the residual of one member."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_not_negative
from pinnlab.networks.operator import OperatorNetwork
from pinnlab.operators.grid_residual import GridResidual
from pinnlab.training.adam_w import AdamW, AdamWState
from pinnlab.training.flat_module import FlatModule
from pinnlab.training.relative_loss import relative_errors
from pinnlab.training.schedules import Cosine


@dataclass(frozen=True)
class FineTuning:
    """Steps of Adam on the weights of an operator that lower the residual of one member, as in test-time optimisation.

    The loss is that of `ResidualLoss` for the member alone, with its functions differentiated exactly and scales from
    the operator's first answer u₀, plus `anchor` |u − u₀| / |u₀|.  The answer with the least residual is kept.  It can
    be no better than the differences on the operator's own grid and frames: where its error is below theirs, as with
    few frames, fine-tuning makes it worse.

    Args:
        steps: How many.
        optimizer: Of them.
        weight: Of the conditions in the residual, from 0 on.
        anchor: Of the distance to the first answer, from 0 on.

    Raises:
        ValueError: If a number is out of range.

    Source: Z. Li, H. Zheng, N. Kovachki, D. Jin, H. Chen, B. Liu, K. Azizzadenesheli, A. Anandkumar, arXiv 2111.03794
    (2021), section 3.3, where the anchor is called operator loss.
    """

    steps: int = 200
    optimizer: AdamW = field(default_factory=lambda: AdamW(1e-3, 0.0, Cosine()))
    weight: float = 1.0
    anchor: float = 0.0

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps)
        require_not_negative(self, weight=self.weight, anchor=self.anchor)
        if not isinstance(self.optimizer, AdamW):
            raise ValueError(f"FineTuning: optimizer must be AdamW(…), got {self.optimizer!r}")


@dataclass(eq=False)
class TuningState:
    """Weights `(P,)`, moments of the optimiser, and the best answer so far.

    Attributes:
        theta: The weights.
        moments: Of the optimiser.
        first: The residual of the first answer.
        least: That of the best one.
        best: The best answer, `(1, frames, unknowns, *grid)`; empty before the first.
    """

    theta: Tensor
    moments: AdamWState
    first: float
    least: float
    best: Tensor


class MemberTuning:
    """The fine-tuning of an operator on one member.

    Args:
        settings: Of it.
        network: The operator's, which stays as it is.
        answer: From a network to the answer `(1, frames, unknowns, *grid)` to the member, with gradient.
        residual: Of the member, on the grid of the answer.
    """

    def __init__(
        self,
        settings: FineTuning,
        network: OperatorNetwork,
        answer: Callable[[OperatorNetwork], Tensor],
        residual: GridResidual,
    ) -> None:
        self.settings = settings
        self._network = copy.deepcopy(network).eval().requires_grad_(True)
        self._flat = FlatModule(self._network)
        self._buffers = self._flat.buffers()
        self._answer, self._residual = answer, residual
        self._theta = self._flat.vector.clone()
        self._from: tuple[Tensor, Tensor] | None = None

    def init(self) -> TuningState:
        """The state before the first step, with no answer yet."""
        moments = self.settings.optimizer.start(self._theta)
        none = torch.empty(0, dtype=self._theta.dtype, device=self._theta.device)
        return TuningState(self._theta.clone(), moments, float("inf"), float("inf"), none)

    def step(self, state: TuningState, number: int) -> tuple[TuningState, dict[str, float]]:
        """Judge the answer of the state's weights, keep it if it is the best, and take step `number`, from 0 on.

        The given state stays as it is.
        """
        begun, scales = self._begun()
        self._flat.load(state.theta, self._buffers)
        self._flat.gradient.zero_()
        frames = self._answer(self._network)
        none = frames.new_zeros((1, 0, *frames.shape[3:]))
        values = self._residual.values(frames, none)
        residual = self._residual.relative(values, none, scales, self.settings.weight).sum()
        loss = residual
        if self.settings.anchor:
            loss = loss + self.settings.anchor * relative_errors(frames.double(), begun.double()).sum()
        loss.backward()
        found = float(residual.detach())
        moments, theta = state.moments.copied(), state.theta.clone()
        factor = self.settings.optimizer.schedule.factor(min(number, self.settings.steps), self.settings.steps)
        self.settings.optimizer.advance(theta, self._flat.gradient, moments, factor)
        better = not found >= state.least
        least, best = (found, frames.detach().clone()) if better else (state.least, state.best)
        first = found if number == 0 else state.first
        return TuningState(theta, moments, first, least, best), {"residual": found}

    def _begun(self) -> tuple[Tensor, Tensor]:
        """The operator's own answer, and the scales that follow from it."""
        if self._from is None:
            self._flat.load(self._theta, self._buffers)
            with torch.no_grad():
                frames = self._answer(self._network)
                none = frames.new_zeros((1, 0, *frames.shape[3:]))
                values = self._residual.values(frames, none)
                self._from = frames, self._residual.scales(values, none)
        return self._from
