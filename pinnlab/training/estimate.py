"""What least squares tell about a few of the trained numbers: values, standard errors, intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.training.bounded import Bounded
from pinnlab.training.pointwise import PointwiseLeastSquares

CONFIDENCE = 0.95
# Beside the largest singular value, directions of the network with a smaller one than this are rounding.
RANK = 1e-12
# How files name the numbers of an estimate: value, standard error, ends of the interval, remaining.
PREFIX, PARTS = "parameter_", ("", "_standard_error", "_lower", "_upper", "_remaining")


@dataclass(frozen=True)
class Estimate:
    """What data tell about one unknown parameter.

    All but the value is nan where it was not worked out: of networks with more than 5,000 trained numbers, and of
    equations that are not finite at some points.

    Attributes:
        value: The estimate.
        standard_error: Its standard deviation over repetitions of the noise; inf where the data do not determine it.
        interval: 95 % confidence interval by Student's t, cut at the parameter's bounds.
        remaining: How far one more Gauss-Newton step without damping would move the value.  While this is not small
            beside the standard error, training has not converged and the interval need not hold the truth.
    """

    value: float
    standard_error: float
    interval: tuple[float, float]
    remaining: float

    @classmethod
    def of_normal(cls, mean: float, deviation: float, bounds: Sequence[float] = (-math.inf, math.inf)) -> Estimate:
        """The estimate of a normal posterior: its mean and standard deviation, and mean ± 1.96 deviations.

        The interval is then one of probability, given the prior.

        Args:
            mean: Of the posterior.
            deviation: Its standard deviation.
            bounds: Those of the parameter, at which the interval is cut.
        """
        return cls(mean, deviation, interval(mean, deviation, math.inf, bounds), 0.0)


@dataclass(frozen=True)
class Profile:
    """The linear model of a sum of squares, profiled over all trained numbers but the last few.

    With the Jacobian J = [A B] of residuals r, A for the network and B for the q numbers of interest, the least sum
    for given numbers is that of rows projected on the complement of A's range: with Q a basis of that range,

        information = B' (I - Q Q') B,      the Schur complement of A'A in J'J,

    by a QR factorisation and a singular value decomposition, which keep twice the digits that J'J would.  No damping
    enters: whatever a small step of the network can do counts as possible.  Training's own damping would count it as
    partly impossible and understate the errors.

    Attributes:
        information: (q, q).
        remaining: The undamped Gauss-Newton step of the numbers (q,).
        misfit: Sum of squares of the data's rows.
        freedom: Number of data less the effective number of parameters that they determine, tr J_d (J'J)^-1 J_d' [1].

    [1] T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning, 2nd ed. (2009), section 7.6.
    """

    information: Tensor
    remaining: Tensor
    misfit: float
    freedom: float

    @classmethod
    def of(cls, objective: PointwiseLeastSquares, data: PointwiseLeastSquares, theta: Tensor, q: int) -> Profile:
        """The profile at `theta (P,)`, whose last q numbers are of interest.

        Args:
            objective: All rows; the data's are among them.
            data: The rows of the data alone.
            theta: Where to linearise.
            q: How many numbers.

        Raises:
            SolveFailed: If a row or its derivative is not finite.
        """
        network = len(theta) - q
        r = triangular_factor(objective, theta)
        if not torch.isfinite(r).all():
            raise SolveFailed("the equations are not finite at some points, so that there are no standard errors")
        left, singular, _ = torch.linalg.svd(r[:, :network])
        basis = left[:, : int((singular > RANK * singular[0]).sum())]
        rest = r[:, network:] - basis @ (basis.T @ r[:, network:])
        size = torch.linalg.vector_norm(r[:, network:-1], dim=0)
        seen = torch.linalg.vector_norm(rest[:, :q], dim=0) > RANK * size
        numbers, residual = rest[:, :q] * seen, rest[:, q:]
        remaining = -torch.linalg.lstsq(numbers, residual, driver="gelsd").solution[:, 0]
        residuals, jacobian = data.jacobian(theta)
        return cls(
            information=numbers.T @ numbers,
            remaining=remaining,
            misfit=float(residuals @ residuals),
            freedom=data.count - _determined(r[:, :-1], jacobian),
        )

    @classmethod
    def unknown(cls, q: int) -> Profile:
        """The profile of what was not worked out: nan."""
        blank = torch.full((q, q), math.nan, dtype=torch.float64)
        return cls(blank, blank[0], math.nan, math.nan)

    @property
    def covariance(self) -> Tensor:
        """Of the numbers (q, q): misfit / freedom times the inverse information; inf where there is none.

        There is none for the numbers that a direction changes which no row sees; the others keep their errors.
        """
        q = len(self.information)
        if not torch.isfinite(self.information).all():
            return torch.full_like(self.information, math.nan)
        if self.freedom < 1:
            return torch.full((q, q), math.inf, dtype=self.information.dtype)
        # With a unit diagonal the units of the numbers do not decide on what is determined.
        size = torch.sqrt(self.information.diagonal())
        size = torch.where(size > 0, size, torch.ones_like(size))
        eigenvalues, directions = torch.linalg.eigh(self.information / torch.outer(size, size))
        seen = eigenvalues > RANK * eigenvalues[-1]
        kept = directions[:, seen]
        covariance = self.misfit / self.freedom * (kept / eigenvalues[seen]) @ kept.T / torch.outer(size, size)
        open_ = torch.square(directions[:, ~seen]).sum(dim=1) > RANK
        return torch.where(open_[:, None] | open_, torch.inf, covariance)


def estimates(profile: Profile, bounded: Bounded, free: Tensor) -> list[Estimate]:
    """The estimates of bounded numbers, from the profile of the free ones `(q,)` behind them."""
    values, slopes = bounded(free), bounded.slopes(free)
    errors = slopes.abs() * torch.sqrt(profile.covariance.diagonal().to(slopes))
    steps = slopes * profile.remaining.to(slopes)
    rows = zip(values, errors.tolist(), steps.tolist(), bounded.lower, bounded.upper, strict=True)
    return [
        Estimate(float(v), error, interval(float(v), error, profile.freedom, (low, high)), step)
        for v, error, step, low, high in rows
    ]


def numbers_of(found: Mapping[str, Estimate]) -> dict[str, float]:
    """Estimates as named numbers, for files: parameter_NAME, and with the endings of `PARTS`."""
    numbers: dict[str, float] = {}
    for name, e in found.items():
        values = (e.value, e.standard_error, *e.interval, e.remaining)
        numbers |= {f"{PREFIX}{name}{part}": value for part, value in zip(PARTS, values, strict=True)}
    return numbers


def estimates_of(numbers: Mapping[str, float]) -> dict[str, Estimate]:
    """The estimates among the numbers of a file, by the name of their parameter; nan for what is not there."""
    found = {}
    for key in numbers:
        if not (key.startswith(PREFIX) and key.endswith(PARTS[1])):
            continue
        name = key.removeprefix(PREFIX).removesuffix(PARTS[1])
        value, error, lower, upper, remaining = (numbers.get(f"{PREFIX}{name}{part}", math.nan) for part in PARTS)
        found[name] = Estimate(value, error, (lower, upper), remaining)
    return found


def interval(value: float, error: float, freedom: float, bounds: Sequence[float]) -> tuple[float, float]:
    """The interval value ± t error with Student's t of `freedom` degrees, cut at the bounds."""
    from scipy.stats import t

    if math.isnan(error):
        return math.nan, math.nan
    reach = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * error if math.isfinite(error) else math.inf
    return max(value - reach, bounds[0]), min(value + reach, bounds[1])


def triangular_factor(objective: PointwiseLeastSquares, theta: Tensor) -> Tensor:
    """R of a QR factorisation of [J r], at most (P + 1, P + 1), one piece of J in memory at a time."""
    factor = theta.new_zeros(0, len(theta) + 1)
    for residuals, block in objective.blocks(theta):
        rows = torch.cat([factor, torch.cat([block, residuals[:, None]], dim=1)])
        factor = torch.linalg.qr(rows, mode="r")[1]
    return factor


def _determined(factor: Tensor, data: Tensor) -> float:
    """Trace of D (J'J)^-1 D' for the data's rows D (n, P), given R of J."""
    _, singular, right = torch.linalg.svd(factor, full_matrices=False)
    kept = singular > RANK * singular[0]
    return float(torch.square((data @ right[kept].T) / singular[kept]).sum())
