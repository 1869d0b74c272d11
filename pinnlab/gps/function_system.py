"""What the ways to condition a process in function space have in common."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinnlab.gps.representers import Linearisation, Representers
from pinnlab.gps.system import GpSystem
from pinnlab.numerics.derivative_gram import ProductKernel

# Rows of a block on the diagonal that are made at once; right of it nothing is.
STRIPE = 256


@dataclass(frozen=True, eq=False)
class FunctionSystem(GpSystem):
    """Coefficients are those of `Representers`: of covariance functions, whatever the problem is linearised at."""

    space: Representers

    def start(self) -> Tensor:
        """All zero."""
        return self.space.start()

    def residual(self, coefficients: Tensor) -> Tensor:
        """All residuals in units of their noise, the nugget taken about the prior mean."""
        return self.space.residual(coefficients) / self._first_noise

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
        return self._first_noise

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
