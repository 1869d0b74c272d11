"""What the ways to condition a Gaussian process have in common, for damped Gauss-Newton."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.field import Field
from pinnlab.forms.boundary import classify
from pinnlab.forms.linearized import Linearized
from pinnlab.forms.pointwise import Pointwise
from pinnlab.gps.placement import Placement
from pinnlab.gps.prior import Prior
from pinnlab.gps.uncertain import Uncertain, deviation_on
from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.observations import Observations
from pinnlab.problem import Problem
from pinnlab.row_system import Cloud
from pinnlab.symbols import Expr, Parameter


@dataclass(frozen=True, eq=False)
class Measurements:
    """All that a process is told: equations and conditions at points, and observed values.

    Attributes:
        problem: What is solved.
        prior: Of its unknowns.
        clouds: Residuals that vanish up to the nugget, at points: the equations first, then each condition.
        nugget: Standard deviation of these residuals, in units of the standard deviation that the linearised residual
            has under the prior.
        observations: Values with noise of their own.
        deviations: For each cloud the standard deviation of its data, in their units; 0 where they are exact, and
            () where no conditions are uncertain or left out.
    """

    problem: Problem
    prior: Prior
    clouds: tuple[Cloud, ...]
    nugget: float
    observations: tuple[Observations, ...] = ()
    deviations: tuple[float, ...] = ()

    @property
    def is_noisy(self) -> bool:
        """Whether some noise has a size of its own, so that the amplitude of the prior matters to the mean."""
        return bool(self.observations or self.deviations)

    @property
    def noisy_count(self) -> int:
        """The number of residuals whose noise has a size of its own."""
        noisy = sum(c.count for k, c in enumerate(self.clouds) if self.deviation(k) > 0)
        return noisy + sum(o.count for o in self.observations)

    def deviation(self, cloud: int) -> float:
        """Of the data of a cloud; 0 where they are exact."""
        return self.deviations[cloud] if self.deviations else 0.0

    @property
    def count(self) -> int:
        """The number of all residuals."""
        return sum(c.count for c in self.clouds) + sum(o.count for o in self.observations)

    @property
    def is_linear(self) -> bool:
        """Whether one Gauss-Newton step solves the problem."""
        return all(r.is_linear for c in self.clouds for r in c.rows)


def told(
    problem: Problem,
    prior: Prior,
    placement: Placement,
    nugget: float,
    observations: Sequence[Observations],
    uncertain: Sequence[Uncertain],
    seed: int,
    device: torch.device,
) -> Measurements:
    """The equations at the inner points of a placement, conditions at points of their pieces, and observations."""
    clouds, pieces = clouds_of(problem, placement, seed, device), ["", *(r.piece for r in classify(problem))]
    deviations = [deviation_on(uncertain, p) for p in pieces]
    kept = [k for k, d in enumerate(deviations) if d < math.inf]
    return Measurements(
        problem,
        prior,
        tuple(clouds[k] for k in kept),
        nugget,
        tuple(observations),
        tuple(deviations[k] for k in kept) if uncertain else (),
    )


def clouds_of(problem: Problem, placement: Placement, seed: int, device: torch.device) -> tuple[Cloud, ...]:
    """The equations at the inner points and the conditions at points of their pieces, in the order of `classify`."""
    rng = np.random.default_rng(seed)
    unknown = tuple(p for p in problem.parameters if p.is_unknown)
    equations = tuple(_linearized(r, problem, unknown) for r in Pointwise.of(problem).residuals)
    inside = placement.inside(problem, rng)
    clouds = [_cloud("equation", equations, inside, np.zeros_like(inside), problem, device)]
    for row in classify(problem):
        points, normals = placement.on_piece(problem, row.piece, rng)
        rows = (_linearized(row.residual, problem, unknown),)
        clouds.append(_cloud(f"condition on {row.piece!r}", rows, points, normals, problem, device))
    return tuple(clouds)


class GpSystem(abc.ABC):
    """A Gaussian process and what it is told, ready for Gauss-Newton; coefficients are one tensor of any shape."""

    @abc.abstractmethod
    def start(self) -> Tensor:
        """The coefficients of the prior mean."""

    @abc.abstractmethod
    def residual(self, coefficients: Tensor) -> Tensor:
        """All residuals, each divided by its noise `(rows,)`."""

    def merit(self, coefficients: Tensor) -> float:
        """What Gauss-Newton minimises and its line search wants to fall: the norm of the residuals, or more."""
        return float(torch.linalg.vector_norm(self.residual(coefficients)))

    def merits(self, coefficients: Tensor) -> tuple[float, ...]:
        """`merit` in one scaling of the residuals or in several: a step is good if one of them falls."""
        return (self.merit(coefficients),)

    @abc.abstractmethod
    def linearized(self, coefficients: Tensor) -> Tensor:
        """The coefficients of the posterior mean, for the problem linearised at given ones.

        Raises:
            SolveFailed: If the covariance matrix of the measurements stays indefinite, or a residual is not finite.
        """

    @abc.abstractmethod
    def field(self, coefficients: Tensor) -> Field:
        """The posterior, for the problem linearised at the coefficients: mean, derivatives, `.deviation`."""

    def mean(self, coefficients: Tensor) -> Field:
        """The mean alone, where its distribution would cost time."""
        return self.field(coefficients)

    def scalars(self, coefficients: Tensor) -> Mapping[str, float]:
        """What the history is to hold beside the residual, such as the evidence."""
        return {}

    def carried(self, previous: GpSystem, coefficients: Tensor) -> Tensor:
        """What a system with another prior has found, in coefficients of this one; the prior mean if not possible."""
        return self.start()

    def most_evident(self, coefficients: Tensor, spectra: Sequence[tuple[LineSpectrum, ...]]) -> int | None:
        """Which of some spectra, of the same lines, has the greatest evidence; None where it is not worked out."""
        return None

    def more_evident(self, coefficients: Tensor) -> tuple[tuple[LineSpectrum, ...], tuple[float, ...]] | None:
        """Spectra along coordinates and amplitudes of greater evidence; None where it is not worked out."""
        return None


class Algebra(abc.ABC):
    """How the linear problems are solved; a frozen dataclass of settings."""

    @property
    def nugget(self) -> float:
        """The nugget where none is given: what rounding in the factorisation asks for."""
        return 1e-8

    def require_prior(self, problem: Problem, prior: Prior) -> None:
        """Refuse what the prior alone makes impossible, before points are made.

        Raises:
            UnsupportedProblem: If it cannot represent the prior.
        """
        return

    @abc.abstractmethod
    def system(self, measurements: Measurements, placement: Placement, device: torch.device) -> GpSystem:
        """What is solved for given measurements, which were made at the points of a placement.

        Raises:
            UnsupportedProblem: If it cannot represent the problem or the prior.
            ValueError: If it would need more memory than there is; the text says how much.
        """


def _linearized(residual: Expr, problem: Problem, unknown: tuple[Parameter, ...]) -> Linearized:
    return Linearized(residual, problem.coordinates, problem.space, unknown)


def _cloud(
    name: str,
    rows: Sequence[Linearized],
    points: np.ndarray,
    normals: np.ndarray,
    problem: Problem,
    device: torch.device,
) -> Cloud:
    x = torch.as_tensor(points, dtype=torch.float64, device=device)
    skip = 0 if problem.time is None else 1
    n = torch.as_tensor(normals[:, skip:], dtype=torch.float64, device=device)
    return Cloud(name, tuple(rows), x, n, x.new_zeros(len(x)))


def require_finite(cloud: Cloud, residual: Tensor, partials: Sequence[Tensor]) -> None:
    """Refuse residuals, or derivatives of them by the unknowns, that are no numbers.

    Raises:
        SolveFailed: If there is one; the text names the place.
    """
    for value in (residual, *partials):
        bad = torch.nonzero(~torch.isfinite(value))[:, 0]
        if len(bad):
            place = ", ".join(f"{float(v):.6g}" for v in cloud.points[bad[0]])
            raise SolveFailed(
                f"SpectralGp: the {cloud.name}, or its derivative by an unknown, is {float(value[bad[0]])} at "
                f"({place}); check its data there, or write the equation for a shifted unknown if u = 0 is singular"
            )
