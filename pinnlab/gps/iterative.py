"""Gaussian processes in function space without their covariance matrix: conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive
from pinnlab.errors import SolveFailed
from pinnlab.gps.function_posterior import Told
from pinnlab.gps.function_system import FunctionSystem, gram
from pinnlab.gps.placement import Placement
from pinnlab.gps.representers import Linearisation, Representers
from pinnlab.gps.system import Algebra, Measurements
from pinnlab.numerics.gram_evidence import of_greatest_evidence
from pinnlab.numerics.pivoted_cholesky import PartialFactor
from pinnlab.training.nystrom import Nystrom
from pinnlab.training.refusals import require_memory


@dataclass(frozen=True)
class Iterative(Algebra):
    """Conjugate gradients, preconditioned by a partial Cholesky factor, with products that never store the matrix.

    For more measurements than `Dense` has memory for, with any kernel: memory is `rank` numbers for each, but a
    product evaluates the covariance of every pair, and with a small nugget hundreds of products are common.
    `SparseCholesky` is far faster with Matern kernels, `WeightSpace` and `Kronecker` where they apply.

    The mean is that of all measurements up to `tolerance`.  Standard deviations, samples and the amplitude where there
    are observations take only the `rank` measurements that the preconditioner picked: deviations are those of a
    process that was told less, so never smaller than those given all, and too large where many were left out.

    Args:
        rank: Measurements that the preconditioner holds exactly.
        tolerance: Norm of what the linear system misses by, relative to its right-hand side.
        iterations: The largest number of products for each linear problem.
        memory: Largest number of bytes.

    Source: J. Gardner, G. Pleiss, D. Bindel, K. Weinberger, A. Wilson, GPyTorch: Blackbox Matrix-Matrix Gaussian
    Process Inference, NeurIPS 2018 (arXiv:1809.11165), section 4.1 for the preconditioner.
    """

    rank: int = 500
    tolerance: float = 1e-6
    iterations: int = 1000
    memory: float = 8e9

    def __post_init__(self) -> None:
        require_counts(self, rank=self.rank, iterations=self.iterations)
        require_positive(self, tolerance=self.tolerance, memory=self.memory)

    @property
    def nugget(self) -> float:
        """Larger than that of `Dense`: smaller ones cost products."""
        return 1e-4

    def system(self, measurements: Measurements, placement: Placement, device: torch.device) -> IterativeSystem:
        """Nothing is computed yet.

        Raises:
            UnsupportedProblem: If sample paths lack derivatives that the problem asks for, or parameters are unknown.
            ValueError: If the preconditioner takes more memory than it may.
        """
        n = measurements.count
        what = f"a preconditioner of rank {self.rank} for {n} measurements"
        require_memory(self, what, 3.0 * n * min(self.rank, n), self.memory, "lower rank, or raise memory")
        return IterativeSystem(Representers.of(measurements, device), self)


@dataclass(frozen=True, eq=False)
class Solved:
    """A linearised problem that was solved.

    Attributes:
        linear: What is measured.
        dual: C^-1 values in the units of the measurements, as in `gram.Factorised` `(N,)`.
        told: The measurements that the preconditioner picked.
        products: How many the solution took.
        missed: The relative residual that was reached.
    """

    linear: Linearisation
    dual: Tensor
    told: Told
    products: int
    missed: float


@dataclass(frozen=True, eq=False)
class IterativeSystem(FunctionSystem[Solved]):
    """A solution by conjugate gradients for each linearisation."""

    settings: Iterative

    def scalars(self, coefficients: Tensor) -> Mapping[str, float]:
        """The products that the problem linearised there took, what it misses by, and the amplitude."""
        found = self._outcome(coefficients)
        return {"products": found.products, "missed": found.missed, "amplitude": found.told.amplitude}

    def _made(self, linear: Linearisation) -> Solved:
        nugget, sizes = self.space.measurements.nugget, linear.sizes
        rows, rank = self._rows(linear), self.settings.rank
        picked = _partial(rows, torch.full_like(sizes, nugget**2), torch.ones_like(sizes), rank)
        told = self._told(linear, picked.pivots.sort().values)
        noise = (linear.noise / (told.amplitude * sizes)).square() + nugget**2
        right = linear.values / sizes
        # Scaled to a diagonal of one, so that observations with much noise do not spoil the preconditioner.
        scale = (1 + noise).rsqrt()
        found = _partial(rows, noise, scale, rank)
        basis, singular, _ = torch.linalg.svd(found.factor, full_matrices=False)
        sketch = Nystrom(basis, singular.square())

        def product(v: Tensor) -> Tensor:
            return scale * self._product(linear, scale * v) + scale.square() * noise * v

        x, products, missed = self._conjugate_gradients(product, scale * right, lambda v: sketch.precondition(v, 0.0))
        white = scale * x
        if not self.space.measurements.is_noisy and bool(right.any()):
            told = replace(told, amplitude=float((right @ white / len(right)).clamp(min=0).sqrt()))
        return Solved(linear, white / sizes, told, products, missed)

    def _product(self, linear: Linearisation, vector: Tensor) -> Tensor:
        """The covariance matrix of measurements in units of their prior deviations, times a vector `(N,)`."""
        jets = self.space.derivatives(self.space.gather(linear, vector / linear.sizes))
        parts = []
        for row, (site, places) in zip(linear.rows, linear.seats, strict=True):
            terms = zip(places, row.terms, strict=True)
            parts.append(sum((t.coefficient * jets[site][i] for i, t in terms), torch.zeros_like(row.points[:, 0])))
        return torch.cat(parts) / linear.sizes

    def _rows(self, linear: Linearisation) -> Callable[[int], Tensor]:
        """A row of that matrix by its number."""
        kernel, sizes = self.space.kernel, linear.sizes

        def row(number: int) -> Tensor:
            k = next(k for k, part in enumerate(linear.parts) if number < part.stop)
            at = number - linear.parts[k].start
            one = linear.rows[k].part(slice(at, at + 1))
            return torch.cat([kernel.covariance(one, r)[0] for r in linear.rows]) / sizes / sizes[number]

        return row

    def _told(self, linear: Linearisation, picked: Tensor) -> Told:
        """Some of the measurements, with their Cholesky factor."""
        nugget = self.space.measurements.nugget
        some = linear.only(picked)
        matrix = gram(self.space.kernel, some)
        matrix.diagonal().add_(nugget**2)
        triangle, info = torch.linalg.cholesky_ex(matrix)
        if int(info):
            raise SolveFailed(
                f"SpectralGp with Iterative: the covariance matrix of {len(picked)} measurements is not positive "
                f"definite with a nugget of {nugget:g}; raise nugget, or lower rank"
            )
        scaled = of_greatest_evidence(triangle, some.values / some.sizes, some.noise / some.sizes)
        noise = (some.noise / (scaled.amplitude * some.sizes)).square() + nugget**2
        return Told(some.rows, some.sizes, scaled.triangle, noise.sqrt(), scaled.amplitude)

    def _conjugate_gradients(
        self, product: Callable[[Tensor], Tensor], right: Tensor, precondition: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, int, float]:
        """The solution, the products it took, and its relative residual."""
        x, residual = torch.zeros_like(right), right.clone()
        direction = z = precondition(residual)
        size, squared = float(right.norm()) or 1.0, residual @ z
        for k in range(self.settings.iterations):
            missed = float(residual.norm()) / size
            if missed <= self.settings.tolerance:
                return x, k, missed
            image = product(direction)
            step = squared / (direction @ image)
            x, residual = x + step * direction, residual - step * image
            z = precondition(residual)
            before, squared = squared, residual @ z
            direction = z + squared / before * direction
        missed = float(residual.norm()) / size
        if missed <= self.settings.tolerance:
            return x, self.settings.iterations, missed
        raise SolveFailed(
            f"SpectralGp with Iterative: {self.settings.iterations} products with the covariance matrix of "
            f"{len(right)} measurements leave a relative residual of {missed:.3g}, and tolerance is "
            f"{self.settings.tolerance:g}; raise rank (now {self.settings.rank}), iterations, nugget or tolerance"
        )


def _partial(rows: Callable[[int], Tensor], noise: Tensor, scale: Tensor, rank: int) -> PartialFactor:
    """Of the covariance matrix with some noise, its rows and columns scaled."""

    def row(number: int) -> Tensor:
        found = rows(number)
        found[number] += noise[number]
        return found * scale * scale[number]

    return PartialFactor.of((1 + noise) * scale.square(), row, rank, 0.0)
