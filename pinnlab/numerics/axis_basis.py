"""Functions of one coordinate from a line spectrum: some that lift conditions at the ends, others that meet them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnlab.numerics.line_spectrum import LineSpectrum

# Singular values under this share of the largest one belong to combinations of features that cannot be told from zero.
TOLERANCE = 1e-13
# A function may be so many times larger between the nodes than on them; digits are lost in proportion.
HIDDEN = 1e7
# Conditions at the ends are taken for the same one if a combination of them is this small.
DEPENDENT = 1e-10


@dataclass(frozen=True)
class EndFunctional:
    """The linear functional sum_p coefficients[p] u^(p)(x) of a function of one coordinate."""

    x: float
    coefficients: tuple[float, ...]


@dataclass(frozen=True)
class Segment:
    """An interval of one coordinate with a quadrature of positive weights; closed to a circle if it is periodic."""

    low: float
    high: float
    periodic: bool = False

    @property
    def length(self) -> float:
        """Of the interval, or the period."""
        return self.high - self.low

    def nodes(self, n: int) -> Tensor:
        """The zeros of the n-th Chebyshev polynomial, or n even nodes on a circle, `(n,)`."""
        k = torch.arange(n, dtype=torch.float64)
        share = k / n if self.periodic else (1 - torch.cos(math.pi * (k + 0.5) / n)) / 2
        return self.low + self.length * share

    def weights(self, n: int) -> Tensor:
        """Weights of these nodes `(n,)`: equal ones on a circle, else those of Fejér's first rule.

        w_k = (length / n) (1 - 2 sum_j cos(2 j theta_k) / (4 j^2 - 1)), theta_k = (k + 1/2) pi / n, j = 1 ... n/2,
        exact for polynomials of degree n - 1 (J. Waldvogel, BIT Numer. Math. 46 (2006) 195-202).
        """
        if self.periodic:
            return torch.full((n,), self.length / n, dtype=torch.float64)
        theta = math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n
        j = torch.arange(1, n // 2 + 1, dtype=torch.float64)
        return self.length / n * (1 - 2 * (torch.cos(2 * theta[:, None] * j) / (4 * j**2 - 1)).sum(dim=1))

    def with_ends(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """The nodes and both ends, and weights in which an end counts as much as the mean node, so that it is met."""
        weights = self.weights(len(nodes)).to(nodes)
        if self.periodic:
            return nodes, weights
        end = weights.mean().reshape(1)
        return torch.cat([nodes.new_tensor([self.low]), nodes, nodes.new_tensor([self.high])]), torch.cat(
            [end, weights, end]
        )


@dataclass(frozen=True, eq=False)
class AxisBasis:
    """Sums of the features of a spectrum, in coordinates that keep all digits.

    With the functionals B of conditions at the ends, the first b functions l_i have B l_i = e_i and the smallest
    weights (the Gaussian process of one coordinate given that B u = e_i), and the other r have B q = 0 and are
    orthonormal on the nodes.  They come from a singular value decomposition of D q for all sums q of features with
    B q = 0, where D is d^b/dx^b for odd b and d^b/dx^b + (-1)^(b/2) (pi/length)^b for even b: what differs by rounding
    only is left out, and the left singular vectors, the D q, are the test functions.  In the right coordinates D is
    then the identity, and lower derivatives are projections of integral operators: negative definite where they come
    from a self-adjoint problem such as u'' = f, u = 0 at the ends, and with a real part of one sign from an initial
    value problem u' = f.

    Attributes:
        spectrum: The prior along the coordinate.
        segment: The interval.
        nodes: `(n,)`.
        mixing: The weights of each function `(M, b + r)`.
        lifts: b.
        tests: From values at the nodes to products with the test functions `(r, n)`.
        triangle: Upper triangular `(r, r)`: D of the q times it are the test functions.
    """

    spectrum: LineSpectrum
    segment: Segment
    nodes: Tensor
    mixing: Tensor
    lifts: int
    tests: Tensor
    triangle: Tensor

    @classmethod
    def of(
        cls,
        spectrum: LineSpectrum,
        segment: Segment,
        nodes: Tensor,
        functionals: Sequence[EndFunctional],
    ) -> AxisBasis:
        """The basis for given conditions.

        Args:
            spectrum: The prior along the coordinate.
            segment: The interval.
            nodes: Those of its quadrature `(n,)`.
            functionals: The conditions, linearly independent.

        Raises:
            ValueError: If the functionals depend on one another, or there are too few nodes for the spectrum.
        """
        lifting, kernel = _split(spectrum, functionals, nodes)
        b, shift = len(functionals), _shift(len(functionals), segment.length)
        highest = lambda x: (spectrum.features(x, b) + (shift * spectrum.features(x) if shift else 0)) @ kernel  # noqa: E731
        root = segment.weights(len(nodes)).to(nodes).sqrt()[:, None]
        left, sizes, right = torch.linalg.svd(root * highest(nodes), full_matrices=False)
        r = int((sizes > TOLERANCE * sizes[0]).sum())
        dense = max(len(nodes), nodes_for(spectrum, segment))
        x, between = segment.nodes(dense).to(nodes), segment.weights(dense).to(nodes).sqrt()[:, None]
        growth = torch.linalg.vector_norm(between * (highest(x) @ right[:r].T), dim=0) / sizes[:r]
        if r == len(nodes) < kernel.shape[1] or float(growth.max()) > HIDDEN:
            raise ValueError(
                f"{len(nodes)} nodes are too few for frequencies up to {float(spectrum.frequencies.max()):.4g}, which "
                f"hide between them; give {nodes_for(spectrum, segment)} nodes or more, or a smaller largest frequency"
            )
        meeting = kernel @ (right[:r].T / sizes[:r])
        _, triangle = torch.linalg.qr(root * (spectrum.features(nodes) @ meeting))
        meeting = torch.linalg.solve_triangular(triangle, meeting, upper=True, left=False)
        mixing, tests = torch.cat([lifting, meeting], dim=1), (root * left[:, :r]).T
        return cls(spectrum, segment, nodes, mixing, b, tests, triangle)

    @property
    def count(self) -> int:
        """All functions, b + r."""
        return self.mixing.shape[1]

    def on(self, device: torch.device) -> AxisBasis:
        """The same on a device; it is best made on the CPU, whose small singular values are the most accurate."""
        moved = (v.to(device) for v in (self.nodes, self.mixing, self.tests, self.triangle))
        nodes, mixing, tests, triangle = moved
        return replace(self, nodes=nodes, mixing=mixing, tests=tests, triangle=triangle)

    def functions(self, x: Tensor, order: int = 0) -> Tensor:
        """The derivatives of all functions at points, `(n, b + r)` for x `(n,)`."""
        return self.spectrum.features(x, order) @ self.mixing

    def fitting(self, x: Tensor, weights: Tensor) -> Tensor:
        """From values at points to the coefficients of the function closest to them, `(b + r, n)`.

        Args:
            x: `(n,)`.
            weights: Of the squares of misfits `(n,)`.
        """
        root = weights.sqrt()[:, None]
        return torch.linalg.pinv(root * self.functions(x), rtol=TOLERANCE * len(x)) * root.T


def nodes_for(spectrum: LineSpectrum, segment: Segment) -> int:
    """As many nodes as tell all functions of a spectrum apart, and integrate their squares to some digits."""
    return math.ceil(0.55 * float(spectrum.frequencies.max()) * segment.length) + 30


def _shift(b: int, length: float) -> float:
    """What is added to d^b/dx^b, so that it has a one-sided real part and takes no function to zero.

    Without it, functions such as constants with the slope 0 at both ends would be lost.
    """
    return (-1) ** (b // 2) * (math.pi / length) ** b if b and b % 2 == 0 else 0.0


def _split(spectrum: LineSpectrum, functionals: Sequence[EndFunctional], like: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the smallest functions with one functional equal to one, and of all with none."""
    if not functionals:
        return like.new_zeros(len(spectrum.line), 0), torch.eye(len(spectrum.line)).to(like)
    at = [like.new_tensor([f.x]) for f in functionals]
    values = [
        [c * spectrum.features(x, p)[0] for p, c in enumerate(f.coefficients)]
        for f, x in zip(functionals, at, strict=True)
    ]
    rows = torch.stack([torch.stack(terms).sum(dim=0) for terms in values])
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    matrix = rows / norms
    left, sizes, right = torch.linalg.svd(matrix, full_matrices=True)
    b = len(functionals)
    if b > matrix.shape[1] or float(sizes[b - 1]) < DEPENDENT:
        raise ValueError(f"the {b} conditions at the ends depend on one another; drop the one that is said twice")
    lifting = right[:b].T @ (left / sizes).T
    return lifting / norms.T, right[b:].T
