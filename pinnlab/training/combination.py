"""Gradients of the terms of a loss, combined into one direction."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.training.objective import LeastSquares


class Combination(abc.ABC):
    """How the gradients of the loss's terms become the one that an optimiser follows; frozen settings."""

    @abc.abstractmethod
    def __call__(self, objective: LeastSquares, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The loss () at `theta (P,)` and the combined gradient (P,), both detached."""


@dataclass(frozen=True)
class Sum(Combination):
    """The gradient of the loss itself."""

    def __call__(self, objective: LeastSquares, theta: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        return objective.value_and_gradient(theta)


@dataclass(frozen=True)
class ConFig(Combination):
    """The conflict-free direction of [1], along which every term of the loss falls.

    It makes one angle with the gradients of all terms, whatever their lengths, so weights between the terms
    change its length alone.  The terms are the equations and the conditions, one by one; each costs a backward
    pass.  With a single term it is the plain gradient.

    [1] Q. Liu, M. Chu, N. Thuerey, ICLR 2025, arXiv:2408.11104, Eqs. 2-3.
    """

    def __call__(self, objective: LeastSquares, theta: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        losses, gradients = objective.losses_and_gradients(theta)
        return losses.sum(), conflict_free(gradients)


def conflict_free(gradients: Tensor) -> Tensor:
    """The direction (P,) with one positive cosine to each of the gradients (m, P), as long as they project on it.

        g = (sum_i g_i . u) u,    u = U(U_m^+ 1),    U(v) = v / |v|

    with U_m (m, P) the rows U(g_i) and + the pseudo-inverse.  Rows that are zero ask for nothing.  Where no
    direction agrees with all, as for two opposite gradients, u is the best one in the sense of least squares,
    and zero for opposite ones: the losses cannot both fall.
    """
    units = gradients / torch.linalg.vector_norm(gradients, dim=1, keepdim=True).clamp_min(_tiny(gradients))
    # Columns beyond m are not needed: u lies in the span of the rows, and so the small Gram matrix would do, but
    # it squares the condition of nearly parallel gradients.
    direction = torch.linalg.pinv(units) @ units.new_ones(len(units))
    length = torch.linalg.vector_norm(direction)
    # Opposite gradients leave a direction that is rounding.
    unit = direction / length if float(length) > 1e-10 else torch.zeros_like(direction)
    return (gradients @ unit).sum() * unit


def _tiny(tensor: Tensor) -> float:
    return float(torch.finfo(tensor.dtype).tiny)
