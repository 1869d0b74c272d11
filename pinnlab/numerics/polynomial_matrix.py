"""Matrices of polynomials in several complex variables: values, roots, and the exponential polynomials they annul."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

# Newton steps that polish the eigenvalues of companion matrices.
POLISHING = 3
# Singular values under this share of the size of the terms of a matrix count as zero.
ZERO = 1e-7
# A leading coefficient under this share of the largest one counts as zero.
LOST = 1e-14


@dataclass(frozen=True, eq=False)
class PolynomialMatrix:
    """P(z) = sum_a C_a z^a.

    Attributes:
        powers: The exponents a, each (dim,).
        coefficients: The matrices C_a, real (terms, rows, columns).
    """

    powers: tuple[tuple[int, ...], ...]
    coefficients: Tensor

    @classmethod
    def of(
        cls, terms: Mapping[tuple[int, ...], Sequence[Sequence[float]]], device: torch.device | None = None
    ) -> PolynomialMatrix:
        """From the matrix of coefficients of each power."""
        return cls(tuple(terms), torch.tensor([*terms.values()], dtype=torch.float64, device=device))

    def __call__(self, z: Tensor) -> Tensor:
        """The values `(n, rows, columns)` at `z (n, dim)`."""
        return torch.einsum("nt,trc->nrc", self._monomials(z), self.coefficients.to(z.dtype))

    def magnitude(self, z: Tensor) -> Tensor:
        """The sum of the sizes of all terms, real `(n, rows, columns)`, to which rounding errors compare."""
        return PolynomialMatrix(self.powers, self.coefficients.abs())(z.abs())

    def degree(self, axis: int) -> int:
        """The degree in one variable."""
        return max(a[axis] for a in self.powers)

    def taylor(self, axis: int, order: int) -> PolynomialMatrix:
        """The order-th derivative by one variable, divided by order!."""
        if (axis, order) not in self._parts:
            kept = [i for i, a in enumerate(self.powers) if a[axis] >= order]
            factors = [math.comb(self.powers[i][axis], order) for i in kept]
            self._parts[axis, order] = self._of(kept, factors, axis, order)
        return self._parts[axis, order]

    def coefficients_by(self, axis: int, z: Tensor) -> Tensor:
        """The coefficients `(n, degree + 1, rows, columns)` of P as a polynomial in one variable of `z (n, dim)`."""
        for k in range(self.degree(axis) + 1):
            if (axis, -1 - k) not in self._parts:
                kept = [i for i, a in enumerate(self.powers) if a[axis] == k]
                self._parts[axis, -1 - k] = self._of(kept, [1] * len(kept), axis, k)
        return torch.stack([self._parts[axis, -1 - k](z) for k in range(self.degree(axis) + 1)], dim=1)

    @cached_property
    def _parts(self) -> dict[tuple[int, int], PolynomialMatrix]:
        """Taylor coefficients, and under negative numbers coefficients, that were asked for."""
        return {}

    def _of(self, kept: Sequence[int], factors: Sequence[int], axis: int, by: int) -> PolynomialMatrix:
        """Some of the terms, with factors and lower powers of one variable; zero if there are none."""
        if not kept:
            return PolynomialMatrix(((0,) * len(self.powers[0]),), torch.zeros_like(self.coefficients[:1]))
        powers = tuple(_lowered(self.powers[i], axis, by) for i in kept)
        scaled = self.coefficients[list(kept)] * self.coefficients.new_tensor(factors)[:, None, None]
        return PolynomialMatrix(powers, scaled)

    def _monomials(self, z: Tensor) -> Tensor:
        """The powers `(n, terms)`, by products, so that derivatives at zero are finite."""
        tables = []
        for i in range(z.shape[1]):
            table = [torch.ones_like(z[:, i])]
            for _ in range(self.degree(i)):
                table.append(table[-1] * z[:, i])
            tables.append(table)
        columns = []
        for a in self.powers:
            column = torch.ones_like(z[:, 0])
            for table, n in zip(tables, a, strict=True):
                if n:
                    column = column * table[n]
            columns.append(column)
        return torch.stack(columns, dim=1)


def _lowered(powers: tuple[int, ...], axis: int, by: int) -> tuple[int, ...]:
    return tuple(n - by if i == axis else n for i, n in enumerate(powers))


def roots(polynomial: PolynomialMatrix, z: Tensor, axis: int) -> Tensor:
    """All points of q(z) = 0 over given other variables, `(n, degree, dim)`, differentiable by them.

    The eigenvalues of the companion matrix, polished by Newton's method; derivatives are those of the implicit
    function.

    Args:
        polynomial: q, of one row and one column.
        z: Points (n, dim), whose variable `axis` is ignored.
        axis: The variable that is solved for.

    Raises:
        ValueError: If the degree falls at some point, so that a root goes to infinity.
    """
    degree = polynomial.degree(axis)
    rows = polynomial.coefficients_by(axis, z)[:, :, 0, 0]
    fixed = rows.detach()
    if bool((fixed[:, -1].abs() <= LOST * fixed.abs().amax(dim=1)).any()):
        raise ValueError(f"the polynomial loses its highest power of variable {axis} at a frequency; shift frequencies")
    companion = fixed.new_zeros(len(z), degree, degree)
    companion[:, 1:, :-1] = torch.eye(degree - 1, dtype=z.dtype, device=z.device)
    companion[:, :, -1] = -fixed[:, :-1] / fixed[:, -1:]
    found = torch.linalg.eigvals(companion)
    slopes = fixed[:, 1:] * torch.arange(1, degree + 1, device=z.device)
    for _ in range(POLISHING):
        # Near a double root the quotient is of two rounding errors, and no better.
        step = _divided(_horner(fixed, found), _horner(slopes, found))
        found = torch.where(step.abs() <= 1e-3 * (1 + found.abs()), found - step, found)
    if z.requires_grad:
        shift = _horner(rows, found)
        found = found - _divided(shift - shift.detach(), _horner(slopes, found))
    columns = [found if i == axis else z[:, i : i + 1].expand_as(found) for i in range(z.shape[1])]
    return torch.stack(columns, dim=2)


def _horner(coefficients: Tensor, at: Tensor) -> Tensor:
    """Polynomials `(n, degree + 1)`, lowest power first, at `(n, k)`."""
    value = torch.zeros_like(at)
    for c in coefficients.flip(1).unbind(1):
        value = value * at + c[:, None]
    return value


def _divided(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(b.abs() > 0, a / torch.where(b.abs() > 0, b, torch.ones_like(b)), torch.zeros_like(a))


def multipliers(
    matrix: PolynomialMatrix, z: Tensor, axis: int, length: int, unit: float, count: int | None = None
) -> Tensor:
    """All w such that e^(z.x) sum_k w_k (x_axis / unit)^k / k! is annulled by P(D), `(n, count, length, columns)`.

    The null space of the block Toeplitz matrix of the Taylor coefficients of P, P(z + D) applied to the polynomial; an
    orthonormal basis.  Derivatives by z are those of the basis that turns as little as possible.

    Args:
        matrix: P.
        z: Points (n, dim) on the variety.
        axis: The coordinate of which the factors are polynomials.
        length: Number of their coefficients: 1 for constants.
        unit: Of the coordinate.
        count: Dimension of the null space; found from the singular values if not given, the same at all points.
    """
    full = _toeplitz(matrix, z, axis, length, unit)
    if full.shape[2] == count:
        # A scalar equation: every polynomial of that length.
        return torch.eye(count, dtype=z.dtype, device=z.device).reshape(1, count, length, -1).expand(len(z), -1, -1, -1)
    fixed = full.detach()
    _, sizes, right = torch.linalg.svd(fixed, full_matrices=True)
    if count is None:
        width = fixed.shape[2]
        largest = sizes.amax(dim=1, keepdim=True).clamp(min=ZERO)
        count = width - int((sizes > ZERO * largest).sum(dim=1).max())
    basis = right[:, right.shape[1] - count :].mH
    if full.requires_grad:
        inverse = torch.linalg.pinv(fixed, rtol=ZERO)
        basis = basis - inverse @ ((full - fixed) @ basis)
    return basis.mT.reshape(len(z), count, length, -1)


def _toeplitz(matrix: PolynomialMatrix, z: Tensor, axis: int, length: int, unit: float) -> Tensor:
    """The block matrix, with each row divided by the size of its terms."""
    _, rows, columns = matrix.coefficients.shape
    full = z.new_zeros(len(z), length * rows, length * columns)
    size = full.detach().abs()
    for j in range(length):
        part = matrix.taylor(axis, j)
        value, magnitude = part(z) / unit**j, part.magnitude(z.detach()) / unit**j
        for i in range(length - j):
            place = (slice(None), slice(i * rows, (i + 1) * rows), slice((i + j) * columns, (i + j + 1) * columns))
            full[place] = value
            size[place] = magnitude
    scale = size.sum(dim=2, keepdim=True).clamp(min=torch.finfo(size.dtype).tiny)
    return full / scale
