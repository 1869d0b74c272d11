"""Gaussian processes conditioned exactly in function space: the covariance matrix of all measurements, factorised."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_positive
from pinnlab.errors import SolveFailed
from pinnlab.gps.function_posterior import Told
from pinnlab.gps.function_system import FunctionSystem, gram
from pinnlab.gps.placement import Placement
from pinnlab.gps.representers import Linearisation, Representers
from pinnlab.gps.system import Algebra, Measurements
from pinnlab.numerics.gram_evidence import Scaled, of_greatest_evidence
from pinnlab.training.refusals import require_memory

# Between two nuggets that are tried: ten times the variance.
RAISED = math.sqrt(10)


@dataclass(frozen=True)
class Dense(Algebra):
    """The covariance matrix of all measurements and its Cholesky factor: any kernel, any points, any problem.

    Time goes with the cube of the number of measurements, memory with its square: right up to some 5,000 of them on a
    processor.  For priors with few spectral lines `WeightSpace` is faster and keeps twice the digits.  A measurement
    that is made twice, such as a condition at a corner where two sides meet, is told apart by the nugget only: with a
    nugget of 1e-8 or more it counts as one with half the variance.

    Where the matrix is not positive definite in rounding, the nugget's square is raised tenfold until it is; history
    tells which one was used.

    Args:
        largest_nugget: The largest that is tried, in the units of `SpectralGp.nugget`.
        memory: Largest number of bytes.

    Source: Y. Chen, B. Hosseini, H. Owhadi, A. M. Stuart, Solving and learning nonlinear PDEs with Gaussian processes,
    J. Comput. Phys. 447 (2021) 110668 (arXiv:2103.12959), sections 3.2 to 3.4.
    """

    largest_nugget: float = 1e-3
    memory: float = 8e9

    def __post_init__(self) -> None:
        require_positive(self, largest_nugget=self.largest_nugget, memory=self.memory)

    @property
    def nugget(self) -> float:
        """Its square is some ten times the rounding in the eigenvalues of a matrix of a thousand measurements."""
        return 1e-6

    def system(self, measurements: Measurements, placement: Placement, device: torch.device) -> DenseSystem:
        """Nothing is computed yet.

        Raises:
            UnsupportedProblem: If sample paths lack derivatives that the problem asks for, or parameters are unknown.
            ValueError: If the matrix takes more memory than it may.
        """
        n, noisy = measurements.count, measurements.noisy_count
        remedy = "take fewer points, algebra=Iterative(), or SparseCholesky() with a Matern kernel; or raise memory"
        # The matrix and its factor; where some noise has a size of its own another copy, and the singular vectors.
        numbers = 2.0 * n * n + (n * n + 5.0 * noisy * noisy if noisy else 0.0)
        require_memory(self, f"the covariance matrix of {n} measurements with its factor", numbers, self.memory, remedy)
        return DenseSystem(Representers.of(measurements, device), self)


@dataclass(frozen=True, eq=False)
class Factorised:
    """A linearised problem, with the Cholesky factor of its covariance matrix.

    The matrix is that of measurements divided by their prior standard deviations d,
    C = cov(rows) / (d d') + nugget^2 + (noise / (amplitude d))^2, where the amplitude is in units of the prior's.

    Attributes:
        linear: What is measured.
        scaled: The factor of C, the amplitude of greatest evidence, and the evidence of values / d for it.
        nugget: The one that was used.
    """

    linear: Linearisation
    scaled: Scaled
    nugget: float

    @property
    def dual(self) -> Tensor:
        """C^-1 values, in the units of the measurements `(N,)`."""
        sizes = self.linear.sizes
        return torch.cholesky_solve((self.linear.values / sizes)[:, None], self.scaled.triangle)[:, 0] / sizes

    @property
    def log_evidence(self) -> float:
        """Of the values themselves."""
        return self.scaled.log_evidence - float(self.linear.sizes.log().sum())

    @property
    def told(self) -> Told:
        """The same, for deviations."""
        amplitude = self.scaled.amplitude
        noise = (self.linear.noise / (amplitude * self.linear.sizes)).square() + self.nugget**2
        return Told(self.linear.rows, self.linear.sizes, self.scaled.triangle, noise.sqrt(), amplitude)


@dataclass(frozen=True, eq=False)
class DenseSystem(FunctionSystem[Factorised]):
    """One Cholesky factorisation for each linearisation."""

    settings: Dense

    def scalars(self, coefficients: Tensor) -> Mapping[str, float]:
        """The nugget that was used, the amplitude and the evidence, of the problem linearised there."""
        found = self._outcome(coefficients)
        return {"nugget": found.nugget, "amplitude": found.scaled.amplitude, "log_evidence": found.log_evidence}

    def _made(self, linear: Linearisation) -> Factorised:
        triangle, nugget = self._cholesky(gram(self.space.kernel, linear))
        scaled = of_greatest_evidence(triangle, linear.values / linear.sizes, linear.noise / linear.sizes)
        return Factorised(linear, scaled, nugget)

    def _cholesky(self, matrix: Tensor) -> tuple[Tensor, float]:
        """The factor of a matrix, which is changed, with the nugget that made it possible."""
        tried: list[float] = []
        while not tried or tried[-1] * RAISED <= self.settings.largest_nugget * (1 + 1e-9):
            tried.append(tried[-1] * RAISED if tried else self.space.measurements.nugget)
            matrix.diagonal().fill_(1 + tried[-1] ** 2)
            triangle, info = torch.linalg.cholesky_ex(matrix)
            if not int(info):
                return triangle, tried[-1]
        raise SolveFailed(
            f"SpectralGp with Dense: the covariance matrix of {len(matrix)} measurements is not positive definite with "
            f"nuggets of {', '.join(f'{v:.3g}' for v in tried)}; raise largest_nugget, take fewer points or a shorter "
            "kernel, or drop points that nearly coincide"
        )
