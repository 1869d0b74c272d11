"""Operator preconditioning: linear changes of the parameters that make the differential operator's Gram matrix even."""

from __future__ import annotations

import abc
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import require_positive
from pinnlab.training.adam import Adam
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.pointwise import Group, Kind, PointwiseLeastSquares
from pinnlab.training.refusals import require_memory
from pinnlab.training.row_jacobian import RowJacobian

# From here on a condition number in float64 is rounding.
SINGULAR = 1e14


def condition_number(objective: LeastSquares, theta: Tensor) -> float:
    """Largest over smallest eigenvalue of the Gram matrix A = J'J of the residuals' Jacobian at `theta (P,)`.

    For a network linear in theta, u = sum_i theta_i phi_i, A_ij is the mean of D phi_i D phi_j plus that of the
    conditions, D being the differential operator: gradient descent needs about as many iterations as A's condition
    number, by T. De Ryck, F. Bonnet, S. Mishra, E. de Bezenac, ICLR 2024, arXiv:2310.05801, Theorem 2.3.  Infinite
    where A is singular, as with fewer residuals than parameters; from 1e14 on the number is rounding.
    """
    _, _, gram = objective.normal_equations(theta)
    return _condition(gram)


def _condition(gram: Tensor) -> float:
    values = torch.linalg.eigvalsh(gram)
    return float(values[-1] / values[0]) if float(values[0]) > 0 else math.inf


def condition_weight(groups: Sequence[Group], theta: Tensor, differentiation: RowJacobian) -> float:
    """The weight of all conditions against the equations that makes the Gram matrix best conditioned at `theta (P,)`.

    It is the w of the smallest condition number of A_equations + w A_conditions, to within 5 %: the rescaling of
    the boundary term of the paper cited in `condition_number`.  That number falls and then rises with w, since the
    largest eigenvalue is convex in w and the smallest concave.  Made for models linear in theta, for `FixedWeights`;
    most networks have a singular Gram matrix whatever the weight.

    Args:
        groups: Equations and conditions, each with the plain scale 1 / sqrt(n).
        theta: (P,).
        differentiation: How Jacobians are computed.

    Raises:
        ValueError: If there are no conditions, or the matrix is singular for every weight.
    """
    parts = [[g for g in groups if g.kind is kind] for kind in (Kind.EQUATION, Kind.CONDITION)]
    if not all(parts):
        raise ValueError("condition_weight: there is nothing to weigh; give both equations and conditions")
    grams = [PointwiseLeastSquares(tuple(p), differentiation).normal_equations(theta)[2] for p in parts]
    scale = float(grams[0].diagonal().max() / grams[1].diagonal().max())
    best = (math.inf, 0.0)
    for reach, points in ((8.0, 33), (0.5, 51)):
        for e in np.linspace(best[1] - reach, best[1] + reach, points).tolist():
            best = min(best, (_condition(grams[0] + scale * 10**e * grams[1]), e))
    if not best[0] < SINGULAR:
        raise ValueError(
            "condition_weight: the Gram matrix is singular for every weight, so none is best; give more points than "
            "parameters, and a model that is linear in them"
        )
    return float(scale * 10 ** best[1])


class Preconditioner(abc.ABC):
    """A choice of P in theta = P z, from the Gram matrix A: the matrix of the new problem is P'AP."""

    @abc.abstractmethod
    def matrix(self, gram: Tensor) -> Tensor:
        """P, as a diagonal (P,) or a symmetric matrix (P, P)."""


@dataclass(frozen=True)
class ColumnScaling(Preconditioner):
    """Each parameter in the unit in which its column of the Jacobian has length one: P_ii = A_ii^(-1/2).

    For Fourier features A is diagonal and this is the preconditioner of [1, section 3.1], P_kk = 1 / |symbol of D
    at k|, such as 1 / k^2 for the Laplacian, after which the condition number is 1.  For a network it removes
    differences of scale between the parameters, and nothing else: the condition number may stay large.

    Args:
        floor: Smallest A_ii that is scaled, in units of the largest; columns below get the scale of the floor.

    [1] T. De Ryck, F. Bonnet, S. Mishra, E. de Bezenac, ICLR 2024, arXiv:2310.05801.
    """

    floor: float = 1e-14

    def __post_init__(self) -> None:
        require_positive(self, floor=self.floor)

    def matrix(self, gram: Tensor) -> Tensor:  # noqa: D102
        diagonal = gram.diagonal()
        largest = diagonal.max()
        return 1 / torch.sqrt(torch.clamp(diagonal / largest, min=self.floor) * largest)


@dataclass(frozen=True)
class GramInverseRoot(Preconditioner):
    """P = (A + ridge I)^(-1/2), which makes all eigenvalues of P'AP equal, up to those below the ridge.

    This is the matrix preconditioner of the paper cited in `ColumnScaling` for models linear in theta.  Its
    gradient step is a damped Gauss-Newton step with an outdated A: `LevenbergMarquardt` does that with a fresh
    one and a length that is checked, and is the better choice wherever this is affordable.

    Args:
        ridge: In units of the largest eigenvalue.
    """

    ridge: float = 1e-8

    def __post_init__(self) -> None:
        require_positive(self, ridge=self.ridge)

    def matrix(self, gram: Tensor) -> Tensor:  # noqa: D102
        values, vectors = torch.linalg.eigh(gram)
        damped = values.clamp_min(0) + self.ridge * values[-1]
        return (vectors / torch.sqrt(damped)) @ vectors.T


def _apply(matrix: Tensor, vector: Tensor) -> Tensor:
    """P vector, or P times each column of a matrix."""
    if matrix.ndim == 2:
        return matrix @ vector
    return matrix * vector if vector.ndim == 1 else matrix[:, None] * vector


@dataclass(frozen=True, eq=False)
class _Changed(LeastSquares):
    """The objective as a function of z, where theta = origin + P z."""

    objective: LeastSquares
    matrix: Tensor
    origin: Tensor

    def theta(self, z: Tensor) -> Tensor:
        return self.origin + _apply(self.matrix, z)

    @property
    def count(self) -> int:
        return self.objective.count

    @property
    def terms(self) -> int:
        return self.objective.terms

    def describe(self, index: int) -> str:
        return self.objective.describe(index)

    def residuals(self, theta: Tensor) -> Tensor:
        return self.objective.residuals(self.theta(theta))

    def blocks(self, theta: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for residuals, jacobian in self.objective.blocks(self.theta(theta)):
            yield residuals, _apply(self.matrix, jacobian.T).T

    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        residuals, jacobian = self.objective.jacobian(self.theta(theta))
        return residuals, _apply(self.matrix, jacobian.T).T

    def normal_equations(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        residuals, gradient, gram = self.objective.normal_equations(self.theta(theta))
        changed = _apply(self.matrix, _apply(self.matrix, gram).T)
        return residuals, _apply(self.matrix, gradient), (changed + changed.T) / 2

    def pullback(self, theta: Tensor, vector: Tensor) -> Tensor:
        return _apply(self.matrix, self.objective.pullback(self.theta(theta), vector))

    def value_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        loss, gradient = self.objective.value_and_gradient(self.theta(theta))
        return loss, _apply(self.matrix, gradient)

    def term_and_gradient(self, term: int, theta: Tensor) -> tuple[Tensor, Tensor]:
        loss, gradient = self.objective.term_and_gradient(term, self.theta(theta))
        return loss, _apply(self.matrix, gradient)

    def losses_and_gradients(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        losses, gradients = self.objective.losses_and_gradients(self.theta(theta))
        return losses, _apply(self.matrix, gradients.T).T


@dataclass(frozen=True, eq=False)
class PreconditionedState:
    """P (empty before the first step), the theta (P,) where z = 0, the z (P,) reached, and the inner state."""

    matrix: Tensor
    origin: Tensor
    z: Tensor
    inner: Any


@dataclass(frozen=True)
class Preconditioned(Optimizer[PreconditionedState]):
    """An optimiser that works on z, with theta = theta_0 + P z, and P chosen once from the Gram matrix at theta_0.

    The first step reports "condition_before" and "condition_after", the condition numbers of A and P'AP there, where
    they are finite.  P takes the weights of the conditions in, so the weights change both.  `Adam` is nearly
    invariant under `ColumnScaling`, and `LevenbergMarquardt` is not in need of it: it is made for `Lbfgs` and other
    methods of gradient descent.  Costs one Jacobian and P^3 operations, once.

    Args:
        optimizer: What trains z; its budget is the budget.
        preconditioner: `ColumnScaling()` or `GramInverseRoot()`.
        memory: Bytes that the Gram matrix and its copies may take; what would take more is refused at the start.
    """

    optimizer: Optimizer = field(default_factory=Adam)
    preconditioner: Preconditioner = field(default_factory=ColumnScaling)
    memory: float = 8e9

    def __post_init__(self) -> None:
        require_positive(self, memory=self.memory)
        if not isinstance(self.optimizer, Optimizer):
            raise ValueError(f"Preconditioned: optimizer must be an Optimizer, got {self.optimizer!r}")
        if not isinstance(self.preconditioner, Preconditioner):
            raise ValueError(f"Preconditioned: preconditioner must be a Preconditioner, got {self.preconditioner!r}")

    @property
    def steps(self) -> int:  # type: ignore[override]
        """The budget of the inner optimiser."""
        return self.optimizer.steps

    def start(self, theta: Tensor) -> PreconditionedState:
        """Where z = 0.

        Raises:
            ValueError: If the Gram matrix takes more than `memory`.
        """
        self._require_gram(len(theta))
        zero = torch.zeros_like(theta)
        return PreconditionedState(theta.new_zeros(0, 0), theta.detach().clone(), zero, self.optimizer.start(zero))

    def step(
        self, objective: LeastSquares, theta: Tensor, state: PreconditionedState
    ) -> tuple[Tensor, PreconditionedState, dict[str, float]]:
        """One step of the inner optimiser.

        Raises:
            ValueError: If `theta` is not where the state has come to.
        """
        reached = (
            _Changed(objective, state.matrix, state.origin).theta(state.z) if state.matrix.numel() else state.origin
        )
        # Rounding may be another on another machine.
        if not torch.allclose(theta, reached, rtol=1e-8, atol=1e-10, equal_nan=True):
            raise ValueError(
                "Preconditioned: theta is not where this state has come to; start the optimiser from the parameters "
                "that it steps from, by start(theta)"
            )
        matrix, told = state.matrix, {}
        if not matrix.numel():
            _, _, gram = objective.normal_equations(theta)
            matrix = self.preconditioner.matrix(gram)
            after = _apply(matrix, _apply(matrix, gram).T)
            told = {"condition_before": _condition(gram), "condition_after": _condition((after + after.T) / 2)}
        changed = _Changed(objective, matrix, state.origin)
        z, inner, scalars = self.optimizer.step(changed, state.z, state.inner)
        new = PreconditionedState(matrix, state.origin, z, inner)
        return changed.theta(z), new, scalars | {k: v for k, v in told.items() if math.isfinite(v)}

    def finished(self, state: PreconditionedState) -> bool:  # noqa: D102
        return self.optimizer.finished(state.inner)

    def require_fits(self, parameters: int, residuals: int) -> None:  # noqa: D102
        self._require_gram(parameters)
        self.optimizer.require_fits(parameters, residuals)

    def _require_gram(self, parameters: int) -> None:
        # A, its vectors or a copy that is decomposed, and P'AP with what it is made of.
        what = f"the Gram matrix of {parameters:,} parameters"
        remedy = "take the optimizer without Preconditioned or a smaller network, or raise memory"
        require_memory(self, what, 4.0 * parameters**2, self.memory, remedy)

    def redrawn(self, state: PreconditionedState) -> PreconditionedState:  # noqa: D102
        return replace(state, inner=self.optimizer.redrawn(state.inner))

    def verdict(self, state: PreconditionedState) -> str:  # noqa: D102
        return self.optimizer.verdict(state.inner)
