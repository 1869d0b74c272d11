"""Updates of an inverse Hessian that make it satisfy the secant equation."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Pair:
    """A step s, the change y of the gradient, H y, and s'Bs with B the inverse of H; all in the old H."""

    s: Tensor
    y: Tensor
    hy: Tensor
    sbs: float

    @property
    def curvature(self) -> float:
        """y's; an update exists only where it is positive."""
        return float(self.y @ self.s)


class Update(abc.ABC):
    """A member of the self-scaled Broyden family.

    With v = sqrt(y'Hy) (s / y's - Hy / y'Hy), symmetric positive definite H and y's > 0,

        H+ = (H - Hy (Hy)' / y'Hy + phi v v') / tau + s s' / y's

    satisfies H+ y = s for any tau > 0 and phi, and is positive definite if 1 + phi a > 0 with a = b h - 1,
    b = s'Bs / y's, h = y'Hy / y's (a >= 0 by the inequality of Cauchy and Schwarz).
    """

    @abc.abstractmethod
    def factors(self, b: float, h: float, size: int) -> tuple[float, float]:
        """The factors tau > 0 and phi for b > 0, h > 0 and `size` parameters."""


@dataclass(frozen=True)
class Bfgs(Update):
    """tau = phi = 1: the update of Broyden, Fletcher, Goldfarb and Shanno."""

    def factors(self, b: float, h: float, size: int) -> tuple[float, float]:  # noqa: D102
        return 1.0, 1.0


@dataclass(frozen=True)
class SelfScaledBfgs(Update):
    """phi = 1 and tau = min(1, 1 / b): BFGS that first enlarges an H that promises too short steps [1].

    [1] M. Al-Baali, Comput. Optim. Appl. 9 (1998) 191-203.
    """

    def factors(self, b: float, h: float, size: int) -> tuple[float, float]:  # noqa: D102
        return min(1.0, 1 / b), 1.0


@dataclass(frozen=True)
class Broyden(Update):
    """The self-scaled Broyden update, best of the family for physics-informed networks [2, 3].

    With a = b h - 1, c = sqrt(a / (1 + a)) and n parameters,

        rho = min(1, h (1 - c)),   theta = max((rho - 1) / a, min(1 / rho, (1 - b) / b)),   sigma = 1 + a theta,
        tau = min(1, 1 / b) min(sigma^(-1 / (n - 1)), 1 / theta)            if theta > 0,
              min(min(1, 1 / b) sigma^(-1 / (n - 1)), sigma)                otherwise,
        phi = (1 - theta) / sigma.

    theta is the family's parameter for the Hessian, 0 for BFGS and 1 for DFP; sigma >= rho > 0.

    [1] M. Al-Baali, Comput. Optim. Appl. 9 (1998) 191-203.  [2] J. F. Urbán, P. Stefanou, J. A. Pons, J. Comput.
    Phys. 523 (2025) 113656.  [3] E. Kiyani et al., CMAME 446 (2025) 118308, arXiv:2501.16371.
    """

    def factors(self, b: float, h: float, size: int) -> tuple[float, float]:  # noqa: D102
        # In exact arithmetic a >= 0; where it vanishes v does too, and phi no longer matters.
        a = max(b * h - 1, 1e-15)
        rho = min(1.0, h * (1 - math.sqrt(a / (1 + a))))
        if not rho > 0:  # c rounds to 1 for a > 1e16
            return min(1.0, 1 / b), 1.0
        theta = max((rho - 1) / a, min(1 / rho, (1 - b) / b))
        sigma = 1 + a * theta
        scaled = min(1.0, 1 / b)
        power = sigma ** (-1 / max(size - 1, 1))
        tau = scaled * min(power, 1 / theta) if theta > 0 else min(scaled * power, sigma)
        return tau, (1 - theta) / sigma


def apply_update(update: Update, inverse: Tensor, pair: Pair, ahead: Tensor, h_ahead: Tensor) -> Tensor:
    """Update `inverse (P, P)` in place; returns the new matrix times `ahead (P,)`, given the old one times it."""
    ys, yhy = pair.curvature, float(pair.y @ pair.hy)
    tau, phi = update.factors(pair.sbs / ys, yhy / ys, len(inverse))
    v = math.sqrt(yhy) * (pair.s / ys - pair.hy / yhy)
    signs = torch.tensor([-1.0, math.copysign(1.0, phi), 1.0], dtype=inverse.dtype, device=inverse.device)
    columns = torch.stack(
        [pair.hy / math.sqrt(tau * yhy), v * math.sqrt(abs(phi) / tau), pair.s / math.sqrt(ys)], dim=1
    )
    inverse.addmm_(columns * signs, columns.T, beta=1 / tau)
    return h_ahead / tau + columns @ (signs * (columns.T @ ahead))
