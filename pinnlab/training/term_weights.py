"""One weight for each term of the loss, from the gradients or the Jacobians of the terms."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_numbers
from pinnlab.training.pointwise import Group, Kind, PointwiseLeastSquares
from pinnlab.training.row_jacobian import PerPoint, RowJacobian
from pinnlab.training.weighting import Weighting


@dataclass(frozen=True, eq=False)
class TermState:
    """Weights (G,), one for each row kind of each group, and updates asked for."""

    weights: Tensor
    asked: int


class TermWeights(Weighting[TermState]):
    """Weights that start at 1 and follow targets: w <- keep * w + (1 - keep) * target.

    A term whose target is not a positive number, as where its gradient vanishes, keeps its weight.  The weights
    outlive a redraw of the points.
    """

    every: int
    """Steps of the solver between updates."""

    keep: float
    """The share of the old weights in the new ones, in [0, 1)."""

    @abc.abstractmethod
    def targets(self, groups: Sequence[Group], theta: Tensor) -> Tensor:
        """What the weights (G,) should be at `theta (P,)`."""

    def start(self, groups: Sequence[Group]) -> TermState:  # noqa: D102
        return TermState(groups[0].scale.new_ones(sum(group.terms for group in groups)), 0)

    def update(self, groups: Sequence[Group], theta: Tensor, state: TermState) -> TermState:  # noqa: D102
        if state.asked % self.every:
            return TermState(state.weights, state.asked + 1)
        targets = self.targets(groups, theta)
        followed = self.keep * state.weights + (1 - self.keep) * targets
        usable = torch.isfinite(targets) & (targets > 0)
        return TermState(torch.where(usable, followed, state.weights), state.asked + 1)

    def multipliers(self, groups: Sequence[Group], state: TermState) -> list[Tensor]:  # noqa: D102
        return [w[None] for w in state.weights.split([group.terms for group in groups])]


def _require_settings(owner: TermWeights) -> None:
    require_counts(owner, every=owner.every)
    require_numbers(owner, keep=owner.keep)
    if not 0 <= owner.keep < 1:
        raise ValueError(f"{type(owner).__name__}: keep = {owner.keep}; give the share of the old weights, in [0, 1)")


@dataclass(frozen=True)
class GradientNorm(TermWeights):
    """Weights that give the gradients of all terms one length [1, Algorithm 1].

        target_i = sum_j |grad L_j| / |grad L_i|

    The sum of squares changes with every update: it suits `Adam` better than optimisers with a memory of curvature.

    Args:
        every: Steps of the solver between updates; one step of `Adam` is `per_step` iterations.
        keep: Share of the old weights.

    [1] S. Wang, S. Sankaran, H. Wang, P. Perdikaris, arXiv:2308.08468 (2023), section 5.1.
    """

    every: int = 50
    keep: float = 0.9

    def __post_init__(self) -> None:
        _require_settings(self)

    def targets(self, groups: Sequence[Group], theta: Tensor) -> Tensor:
        """Ratios of norms."""
        _, gradients = PointwiseLeastSquares(tuple(groups)).losses_and_gradients(theta)
        lengths = torch.linalg.vector_norm(gradients, dim=1)
        return lengths.sum() / lengths


@dataclass(frozen=True)
class LearningRateAnnealing(TermWeights):
    """Weights that lift the gradients of the conditions to those of the equations [1, Algorithm 1].

        target_i = max |grad L_equations| / mean |grad L_i|    for each condition, 1 for each equation,

    with the largest and the mean over the parameters, and L_equations the sum over all equations.  One large
    entry of a gradient makes the conditions count very much; `GradientNorm` is steadier.

    Args:
        every: Steps of the solver between updates; one step of `Adam` is `per_step` iterations.
        keep: Share of the old weights.

    [1] S. Wang, Y. Teng, P. Perdikaris, SIAM J. Sci. Comput. 43 (2021) A3055-A3081.
    """

    every: int = 1
    keep: float = 0.9

    def __post_init__(self) -> None:
        _require_settings(self)

    def targets(self, groups: Sequence[Group], theta: Tensor) -> Tensor:
        """Ratios of the largest entry to means."""
        _, gradients = PointwiseLeastSquares(tuple(groups)).losses_and_gradients(theta)
        is_equation = [group.kind is Kind.EQUATION for group in groups for _ in range(group.terms)]
        equations = torch.tensor(is_equation, device=theta.device)
        largest = gradients[equations].sum(0).abs().max()
        return torch.where(equations, torch.ones_like(largest), largest / gradients.abs().mean(1))


@dataclass(frozen=True)
class NeuralTangentKernel(TermWeights):
    """Weights that let all terms converge at one mean rate, read off the neural tangent kernel [1, Algorithm 1].

        target_i = sum_j tr K_j / tr K_i,    tr K_i = mean over the points of |d row_i / d theta|^2

    The traces are means and not sums, since the terms of the loss are: with equally many points everywhere that
    is the formula of the paper.  An update costs one Jacobian of all residuals.

    Args:
        every: Steps of the solver between updates; one step of `Adam` is `per_step` iterations.
        keep: Share of the old weights; 0 in the paper.
        differentiation: How Jacobians by the parameters are computed; `LayerOuterProducts()` is faster where the
            solver takes it.

    [1] S. Wang, X. Yu, P. Perdikaris, J. Comput. Phys. 449 (2022) 110768.
    """

    every: int = 50
    keep: float = 0.0
    differentiation: RowJacobian = field(default_factory=PerPoint)

    def __post_init__(self) -> None:
        _require_settings(self)
        if not isinstance(self.differentiation, RowJacobian):
            raise ValueError(
                f"NeuralTangentKernel: differentiation must be a RowJacobian, got {self.differentiation!r}"
            )

    def targets(self, groups: Sequence[Group], theta: Tensor) -> Tensor:
        """Ratios of traces."""
        traces = torch.cat([self._traces(group, theta) for group in groups])
        return traces.sum() / traces

    def _traces(self, group: Group, theta: Tensor) -> Tensor:
        """The squared norms of the scaled Jacobian's rows, summed for each row kind (k,)."""
        total = theta.new_zeros(group.terms)
        for piece in group.pieces(self.differentiation.chunk):
            matrix = theta.new_empty(len(piece), len(theta))
            piece.write_jacobian(self.differentiation, theta, matrix)
            total += torch.square(matrix).sum(1).unflatten(0, piece.scale.shape).sum(0)
        return total
