"""Models of a sum of squares near one point, that Gauss-Newton steps minimise."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_positive
from pinnlab.training.objective import LeastSquares, gram_matrix
from pinnlab.training.refusals import require_memory


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

    @abc.abstractmethod
    def damped_inverse_after(self, factor: Tensor, step: Tensor) -> Tensor:
        """(J'J + damping I)^{-1} J' (r + J step) for step (P,), given `factor(damping)`."""

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
    """The model with J'J, for at least as many residuals as parameters."""

    pullback: Callable[[Tensor], Tensor]

    @classmethod
    def at(cls, objective: LeastSquares, theta: Tensor) -> NormalEquations:
        """The model at `theta`, of which J exists one chunk at a time."""
        return cls(*objective.normal_equations(theta), lambda vector: objective.pullback(theta, vector))

    @classmethod
    def keeping_jacobian(cls, objective: LeastSquares, theta: Tensor) -> NormalEquations:
        """The same with J (N, P) in memory, whose products cost far less than a reverse pass."""
        return cls(*objective.linearized(theta))

    def damped_inverse(self, factor: Tensor, vector: Tensor) -> Tensor:  # noqa: D102
        pulled = self.gradient if vector is self.residuals else self.pullback(vector)
        return torch.cholesky_solve(pulled[:, None], factor)[:, 0]

    def damped_inverse_after(self, factor: Tensor, step: Tensor) -> Tensor:  # noqa: D102
        return torch.cholesky_solve((self.gradient + self.gram @ step)[:, None], factor)[:, 0]


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

    def damped_inverse_after(self, factor: Tensor, step: Tensor) -> Tensor:  # noqa: D102
        return self.damped_inverse(factor, self.residuals + self.jacobian @ step)


class Linearization(abc.ABC):
    """Which model of |r|^2 is minimised in a step; a frozen dataclass of settings."""

    @abc.abstractmethod
    def at(self, objective: LeastSquares, theta: Tensor, taken: int) -> LocalModel:
        """The model at `theta`; `taken` counts the steps before, so that random models differ from step to step."""

    @abc.abstractmethod
    def require_fits(self, parameters: int, residuals: int) -> None:
        """Raise a ValueError if the model of so many parameters and residuals takes more memory than it may."""


@dataclass(frozen=True)
class Exact(Linearization):
    """|r + J d|^2, by J'J (P, P) where N >= P and by JJ' (N, N) else; J'J is made without J where memory is short.

    Args:
        memory: Largest number of bytes, beside one chunk of J.
    """

    memory: float = 8e9

    def __post_init__(self) -> None:
        require_positive(self, memory=self.memory)

    def at(self, objective: LeastSquares, theta: Tensor, taken: int) -> LocalModel:
        """The model.

        Raises:
            ValueError: If it takes more than `memory`.
        """
        n, p = objective.count, len(theta)
        self.require_fits(p, n)
        if n < p:
            return Kernel.at(objective, theta)
        fits = 8 * (_numbers(p, n) + n * p) <= self.memory
        return (NormalEquations.keeping_jacobian if fits else NormalEquations.at)(objective, theta)

    def require_fits(self, parameters: int, residuals: int) -> None:  # noqa: D102
        what = f"the Gram matrix of {parameters:,} parameters and {residuals:,} residuals"
        remedy = "use Sketched, Lbfgs, fewer points or a smaller network, or raise memory"
        require_memory(self, what, _numbers(parameters, residuals), self.memory, remedy)


def _numbers(p: int, n: int) -> float:
    """The Gram matrix, a copy that is shifted, its factor and a copy of a strip; JJ' needs J as well."""
    return 4.0 * p**2 if n >= p else 4.0 * n**2 + n * p
