"""What the ways to condition a process in function space have in common."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from pinnlab.gps.function_posterior import FunctionPosterior, Told
from pinnlab.gps.representers import Linearisation, Representers
from pinnlab.gps.system import GpSystem
from pinnlab.numerics.derivative_gram import ProductKernel

# Rows of a block on the diagonal that are made at once; right of it nothing is.
STRIPE = 256


class Outcome(Protocol):
    """A linearised problem that was solved."""

    @property
    def linear(self) -> Linearisation:
        """What is measured."""
        ...

    @property
    def dual(self) -> Tensor:
        """C^-1 values, in the units of the measurements `(N,)`."""
        ...

    @property
    def told(self) -> Told:
        """What deviations are made of."""
        ...


Solution = TypeVar("Solution", bound=Outcome)


@dataclass(frozen=True, eq=False)
class FunctionSystem(GpSystem, Generic[Solution]):
    """Coefficients are those of `Representers`: of covariance functions, whatever the problem is linearised at."""

    space: Representers

    def start(self) -> Tensor:
        """All zero."""
        return self.space.start()

    def residual(self, coefficients: Tensor) -> Tensor:
        """All residuals in units of their noise, the nugget taken about the prior mean."""
        return self.space.residual(coefficients) / self._first_noise

    @abc.abstractmethod
    def _made(self, linear: Linearisation) -> Solution:
        """The solution of a linearised problem."""

    def _outcome(self, coefficients: Tensor) -> Solution:
        """The problem linearised there, a linear one at zero, and solved; the last one is kept."""
        at = self.start() if self.space.measurements.is_linear else coefficients
        if not self._memory or not torch.equal(self._memory[0][0], at):
            self._memory.clear()  # room for the next one
            self._memory.append((at, self._made(self.space.linearised(at))))
        return self._memory[0][1]

    @cached_property
    def _memory(self) -> list[tuple[Tensor, Solution]]:
        return []

    def linearized(self, coefficients: Tensor) -> Tensor:
        """The posterior mean of the linearised problem."""
        found = self._outcome(coefficients)
        return self.space.gather(found.linear, found.dual)

    def field(self, coefficients: Tensor) -> FunctionPosterior:
        """The posterior; what its deviation takes is computed when it is asked for."""
        representers = self.space.functionals(coefficients)
        told = lambda: self._outcome(coefficients).told  # noqa: E731
        return FunctionPosterior(self.space.measurements.problem, self.space.kernel, representers, told)

    def merit(self, coefficients: Tensor) -> float:
        """The root of minus twice the logarithm of the posterior density, up to a constant and the prior's amplitude.

        Sum (residual / noise)^2 + |u|^2 in the norm of the prior, with the noise of the problem that was linearised
        last: a Gauss-Newton step, which minimises just this for the linear problem, is a direction of descent of it.
        """
        noise = self._last_noise
        misfit = (self.space.residual(coefficients) / noise).square().sum()
        # |u|^2 = sum c_j c_k cov(j, k), and what c_j is multiplied by is the derivative j of u.
        jets = torch.cat([j.reshape(-1) for j in self.space.jets(coefficients)])
        return float((misfit + (coefficients @ jets).clamp(min=0)).sqrt())

    @property
    def _last_noise(self) -> Tensor:
        """Standard deviations of all errors, for the prior's amplitude, of the problem that was linearised last."""
        if not self._memory:
            return self._first_noise
        linear, told = self._memory[0][1].linear, self._memory[0][1].told
        nugget = self.space.measurements.nugget * linear.sizes
        return torch.where(linear.noise > 0, linear.noise / told.amplitude, nugget)

    @cached_property
    def _first_noise(self) -> Tensor:
        first = self.space.linearised(self.start())
        return torch.where(first.noise > 0, first.noise, self.space.measurements.nugget * first.sizes)


def gram(kernel: ProductKernel, linear: Linearisation) -> Tensor:
    """The lower triangle of the covariance matrix of all measurements in units of their prior standard deviations."""
    out = torch.empty(len(linear.values), len(linear.values), dtype=torch.float64, device=linear.values.device)
    for i, (row, left) in enumerate(zip(linear.rows, linear.parts, strict=True)):
        for other, right in zip(linear.rows[:i], linear.parts[:i], strict=True):
            out[left, right] = kernel.covariance(row, other)
        for start in range(0, len(row), STRIPE):
            stripe = slice(start, start + STRIPE)
            out[left, left][stripe, : stripe.stop] = kernel.covariance(
                row.part(stripe), row.part(slice(0, stripe.stop))
            )
    out.div_(linear.sizes[:, None]).div_(linear.sizes)
    return out.tril_()
