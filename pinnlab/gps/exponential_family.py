"""The exponential solutions of a problem's equations that belong to real frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.domain.even_points import bounding_box
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.characteristic_variety import CharacteristicVariety
from pinnlab.numerics.exponential_solutions import ExponentialSolutions
from pinnlab.numerics.polynomial_matrix import PolynomialMatrix, multipliers, roots
from pinnlab.problem import Problem
from pinnlab.symbols import Expr

# Where the number of independent multipliers is counted: a point that is special for no equation.
PROBE = (0.7310, 1.1930, 0.8770, 1.4210, 0.6170)


@dataclass(frozen=True, eq=False)
class Chart:
    """One component of the variety, solved for one coordinate: z_axis from imaginary values of all others.

    Attributes:
        polynomial: q, whose zeros are the component.
        axis: The coordinate that depends on the others.
        length: Coefficients of the polynomials that multiply the exponentials.
        vectors: Independent multipliers at each point.
    """

    polynomial: PolynomialMatrix
    axis: int
    length: int
    vectors: int

    @property
    def per_frequency(self) -> int:
        """Exponential functions for each frequency."""
        return self.polynomial.degree(self.axis) * self.vectors


@dataclass(frozen=True, eq=False)
class ExponentialFamily:
    """All charts of a problem, on the box around its domain.

    A component is solved for time where time occurs in it, and for each coordinate in turn where not, so that
    functions that decay away from any side of the box are among the solutions.

    Attributes:
        matrix: The operator.
        charts: Parts of its variety.
        lower, upper: Corners of the box (dim,).
    """

    matrix: PolynomialMatrix
    charts: tuple[Chart, ...]
    lower: Tensor
    upper: Tensor

    @classmethod
    def of(cls, problem: Problem, device: torch.device, constraints: Sequence[Expr] = ()) -> ExponentialFamily:
        """The family of a problem, and of further equations that hold.

        Raises:
            UnsupportedProblem: If its equations are not linear, homogeneous and with constant coefficients.
        """
        variety = CharacteristicVariety.of(problem, constraints)
        matrix = PolynomialMatrix.of(variety.terms, device)
        corners = [torch.as_tensor(c, dtype=torch.float64, device=device) for c in bounding_box(problem.spacetime)]
        charts = []
        for component in variety.components:
            axes = [i for i in range(len(corners[0])) if component.degree(i)]
            if problem.time is not None and 0 in axes:
                axes = [0]
            q = PolynomialMatrix.of(component.terms, device)
            for axis in axes:
                half = float(corners[1][axis] - corners[0][axis]) / 2
                length, vectors = _multipliers_of(matrix, q, axis, component.multiplicity, half)
                if vectors:
                    charts.append(Chart(q, axis, length, vectors))
        if not charts:
            raise UnsupportedProblem(f"EhrenpreisGp on {problem.name!r}: no exponential solves all equations")
        return cls(matrix, tuple(charts), *corners)

    @property
    def free(self) -> int:
        """The number of real frequencies of an exponential."""
        return len(self.lower) - 1

    def size(self, counts: Sequence[int]) -> int:
        """The number of real functions for some frequencies in each chart."""
        return sum(2 * n * c.per_frequency for n, c in zip(counts, self.charts, strict=True))

    def solutions(self, frequencies: Sequence[Tensor]) -> ExponentialSolutions:
        """The functions of given frequencies.

        Args:
            frequencies: For each chart (m, dim - 1), in units of one radian across the box.

        Raises:
            ValueError: If a root goes to infinity at one of them.
        """
        parts = [self._of_chart(c, f) for c, f in zip(self.charts, frequencies, strict=True)]
        z, w, axes = zip(*parts, strict=True)
        length = max(p.shape[1] for p in w)
        padded = [torch.nn.functional.pad(p, (0, 0, 0, length - p.shape[1])) for p in w]
        return ExponentialSolutions(torch.cat(z), torch.cat(padded), torch.cat(axes), self.lower, self.upper)

    def deviations(self, scales: Sequence[Tensor]) -> Tensor:
        """The standard deviations of all weights, where `scales (m,)` of each chart are those at its frequencies.

        Both real functions of an exponential stand for a frequency and its negative; the variance is shared by the
        roots, the multipliers and the charts.
        """
        parts = [
            (s / (c.per_frequency * len(self.charts)) ** 0.5).repeat_interleave(c.per_frequency)
            for c, s in zip(self.charts, scales, strict=True)
        ]
        return torch.cat(parts).repeat(2)

    def _of_chart(self, chart: Chart, frequencies: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        extent = self.upper - self.lower
        others = [i for i in range(len(extent)) if i != chart.axis]
        fixed = torch.complex(torch.zeros_like(frequencies), frequencies / extent[others])
        zero = torch.zeros(len(frequencies), 1, dtype=fixed.dtype, device=fixed.device)
        start = torch.cat([fixed[:, : chart.axis], zero, fixed[:, chart.axis :]], dim=1)
        z = roots(chart.polynomial, start, chart.axis).flatten(0, 1)
        half = float(extent[chart.axis]) / 2
        w = multipliers(self.matrix, z, chart.axis, chart.length, half, chart.vectors)
        z = z.repeat_interleave(chart.vectors, dim=0)
        return z, w.flatten(0, 1), torch.full((len(z),), chart.axis, device=z.device)


def _multipliers_of(
    matrix: PolynomialMatrix, q: PolynomialMatrix, axis: int, multiplicity: int, half: float
) -> tuple[int, int]:
    """The length of the polynomials and the number of independent multipliers, at a point like any other.

    A multiple root may bring several vectors instead of polynomials, as the polarisations of light.
    """
    dim = len(q.powers[0])
    values = [PROBE[i % len(PROBE)] * (1 + i // len(PROBE)) for i in range(dim)]
    z = torch.tensor([[complex(0.0, v) for v in values]], dtype=torch.complex128, device=q.coefficients.device)
    at = roots(q, z, axis).flatten(0, 1)
    counts = [multipliers(matrix, at, axis, k, half).shape[1] for k in range(1, multiplicity + 1)]
    return counts.index(max(counts)) + 1, max(counts)
