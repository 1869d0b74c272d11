"""Gaussian processes with finitely many spectral lines, conditioned in the space of their weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pinnlab.admissible import require_counts, require_positive
from pinnlab.domain.even_points import bounding_box
from pinnlab.errors import UnsupportedProblem
from pinnlab.gps.placement import Placement, closed_axes
from pinnlab.gps.prior import Prior
from pinnlab.gps.spectral_features import SpectralFeatures
from pinnlab.gps.system import Algebra, Measurements
from pinnlab.gps.weight_system import WeightSystem
from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.problem import Problem
from pinnlab.training.refusals import require_memory

# Share of the variance of a kernel that its lines may leave out.
TOLERANCE = 1e-14


@dataclass(frozen=True)
class WeightSpace(Algebra):
    """Sines and cosines with Gaussian weights, found by one QR factorisation for each linear problem.

    For priors with a finite spectrum, or a smooth one that a few lines represent; any points, boxes and shapes.  The
    time is that of a least-squares problem with as many columns as there are weights: the product over coordinates of
    about 0.5 L k, with L the length and k the largest angular frequency.  It keeps about twice the digits of `Dense`.

    Args:
        most: The largest number of weights.
        memory: Largest number of bytes.
    """

    most: int = 3000
    memory: float = 8e9

    def __post_init__(self) -> None:
        require_counts(self, most=self.most)
        require_positive(self, memory=self.memory)

    @property
    def nugget(self) -> float:
        """Near rounding: nothing is squared."""
        return 1e-12

    def lines(self, problem: Problem, prior: Prior) -> tuple[LineSpectrum, ...]:
        """The spectrum along each coordinate.

        Raises:
            UnsupportedProblem: If a kernel is too rough to be represented by lines.
        """
        low, high = bounding_box(problem.spacetime)
        closed = closed_axes(problem)
        kernels = zip(prior.kernels, low, high, closed, strict=True)
        try:
            return tuple(LineSpectrum.of(k, float(a), float(b - a), TOLERANCE, c) for k, a, b, c in kernels)
        except ValueError as error:
            raise UnsupportedProblem(f"WeightSpace on {problem.name!r}: {error}") from None

    def features(self, problem: Problem, prior: Prior) -> SpectralFeatures:
        """The functions that the weights belong to.

        Raises:
            UnsupportedProblem: If a kernel is too rough, or there are more weights than allowed.
        """
        parameters = len([p for p in problem.parameters if p.is_unknown])
        features = SpectralFeatures(problem, self.lines(problem, prior), prior.amplitudes, parameters)
        if features.count > self.most:
            raise UnsupportedProblem(
                f"WeightSpace on {problem.name!r}: {features.count} weights, more than {self.most}; raise "
                "most, give a longer kernel, cut time with windows=, take algebra=Kronecker() on a box of two "
                "coordinates, or SparseCholesky() with a Matern kernel"
            )
        return features

    def require_prior(self, problem: Problem, prior: Prior) -> None:
        """Refuse rough kernels and too many weights.

        Raises:
            UnsupportedProblem: If there are.
        """
        self.features(problem, prior)

    def system(self, measurements: Measurements, placement: Placement, device: torch.device) -> WeightSystem:
        """Features at all points.

        Raises:
            UnsupportedProblem: If a kernel is too rough, or there are more weights than allowed.
            ValueError: If it takes more memory than it may.
        """
        features = self.features(measurements.problem, measurements.prior)
        derivatives = sum(len(c.points) * len(c.orders) for c in measurements.clouds) * features.block
        # The matrix, its scaled and sorted copies, and what its factorisation works in.
        rows = 5 * (measurements.count + features.count) * features.count
        require_memory(self, "a least-squares problem", derivatives + rows, self.memory, "take fewer points")
        return WeightSystem(measurements, features, device)
