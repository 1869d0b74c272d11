"""A few terms out of many that explain what a network learned: sparse regression on values at points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from pinnlab.errors import SolveFailed
from pinnlab.field import Field
from pinnlab.symbols import Expr

# Columns that depend on the others to this share of their size cannot be told apart.
DEPENDENT = 1e-10


@dataclass(frozen=True)
class SparseModel:
    """A target as a linear combination of a few terms.

    Attributes:
        target: What is explained.
        terms: The terms that were kept `(k,)`.
        coefficients: Their coefficients `(k,)`.
        standard_errors: Of the coefficients `(k,)`, for independent residuals of one size.  What a network learned has
            errors that depend on one another from point to point: take these as a lower bound.
        misfit: Norm of what is left over the norm of the target, at the points.
    """

    target: Expr
    terms: tuple[Expr, ...]
    coefficients: np.ndarray = field(repr=False)
    standard_errors: np.ndarray = field(repr=False)
    misfit: float

    @property
    def expression(self) -> Expr:
        """The sum of coefficients times terms; 0 if no term was kept."""
        return sp.Add(*(sp.Float(c) * t for c, t in zip(self.coefficients, self.terms, strict=True)))

    def __str__(self) -> str:
        rows = zip(self.coefficients, self.standard_errors, self.terms, strict=True)
        return f"{self.target} = " + (" + ".join(f"({c:.5g} ± {e:.1g}) {t}" for c, e, t in rows) or "0")


def sparse_regression(
    found: Field,
    target: Any,
    library: Sequence[Any],
    threshold: float,
    *,
    points: np.ndarray | int = 2000,
    seed: int = 0,
) -> SparseModel:
    """Explain an expression by a few terms of a library: sequentially thresholded least squares [1].

    The coefficients c of least |y - Theta c| are found, those below the threshold are set to zero, and the rest are
    found anew until nothing changes; y is the target and the columns of Theta the terms, at points of the domain.

    With `target` an `unknown_function` of the problem that `found` solves, this turns what the network learned into
    a formula; with D(u, t) it finds an equation from any field.  It is no test of significance: a term that matters
    only where the data do not reach is lost, and terms that resemble each other share their coefficients.  Choose the
    threshold below the smallest coefficient that would matter, and terms of comparable size, since it knows no units.

    Args:
        found: The field, as `solution.field`.
        target: An expression of unknowns, their derivatives and coordinates, or an unknown function.
        library: Candidate terms, expressions of the same kind; 1 for a constant.
        threshold: Coefficients below it are dropped, positive.
        points: Where `(n, dim)`, or how many points to draw uniformly.
        seed: Of that draw.

    Raises:
        ValueError: If the library is empty, its terms depend on one another at the points, or there are fewer points
            than terms, or the points are neither a whole number nor of shape (n, dim).
        SolveFailed: If a value is not finite.
        UnsupportedProblem: If the field does not know a function that occurs.

    [1] S. L. Brunton, J. L. Proctor, J. N. Kutz, PNAS 113 (2016) 3932-3937.
    """
    terms = [sp.sympify(t) for t in library]
    if not terms or not 0 < threshold < float("inf"):
        raise ValueError(f"sparse_regression: {len(terms)} terms and threshold {threshold}; give both, and positive")
    rng = np.random.default_rng(seed)
    x = (
        found.problem.spacetime.sample(int(points), rng)
        if isinstance(points, int | np.integer)
        else _checked(points, found)
    )
    if len(x) <= len(terms):
        raise ValueError(f"sparse_regression: {len(x)} points for {len(terms)} terms; give more points")
    values = found.evaluate([sp.sympify(target), *terms], x)
    for e, column in zip([target, *terms], values.T, strict=True):
        if not np.isfinite(column).all():
            raise SolveFailed(f"sparse_regression: {e} is not finite at some of the points; drop it or move them")
    y, matrix = values[:, 0], values[:, 1:]
    _require_independent(matrix, terms)
    kept = thresholded(matrix, y, threshold)
    coefficients, errors = _least_squares(matrix[:, kept], y)
    left = float(np.linalg.norm(y - matrix[:, kept] @ coefficients))
    size = float(np.linalg.norm(y))
    chosen = tuple(t for t, k in zip(terms, kept, strict=True) if k)
    return SparseModel(sp.sympify(target), chosen, coefficients, errors, left / size if size else 0.0)


def _checked(points: np.ndarray, found: Field) -> np.ndarray:
    coordinates = found.problem.coordinates
    shape = np.shape(points)
    if len(shape) != 2 or shape[1] != len(coordinates):
        told = f"an array of shape {shape}" if shape else repr(points)
        raise ValueError(
            f"sparse_regression: points are {told}; give a whole number, or an array (n, {len(coordinates)}) with the "
            f"columns {', '.join(map(str, coordinates))}"
        )
    return np.asarray(points, dtype=float)


def thresholded(matrix: np.ndarray, y: np.ndarray, threshold: float) -> np.ndarray:
    """Which columns `(k,)` of `matrix (n, k)` sequentially thresholded least squares for `y (n,)` keeps."""
    kept = np.ones(matrix.shape[1], dtype=bool)
    while kept.any():
        coefficients = np.zeros(len(kept))
        coefficients[kept] = np.linalg.lstsq(matrix[:, kept], y)[0]
        smaller = kept & (np.abs(coefficients) >= threshold)
        if (smaller == kept).all():
            break
        kept = smaller
    return kept


def _least_squares(matrix: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and their standard errors."""
    n, k = matrix.shape
    q, r = np.linalg.qr(matrix)
    coefficients = np.linalg.solve(r, q.T @ y)
    variance = float(np.sum((y - matrix @ coefficients) ** 2)) / (n - k)
    inverse = np.linalg.inv(r)
    return coefficients, np.sqrt(variance * np.sum(inverse**2, axis=1))


def _require_independent(matrix: np.ndarray, terms: Sequence[Expr]) -> None:
    sizes = np.linalg.norm(matrix, axis=0)
    zero = [str(t) for t, s in zip(terms, sizes, strict=True) if s == 0]
    if zero:
        raise ValueError(f"sparse_regression: {zero[0]} is 0 at all points; drop it from the library")
    _, singular, right = np.linalg.svd(matrix / sizes, full_matrices=False)
    if singular[-1] < DEPENDENT * singular[0]:
        involved = [str(t) for t, v in zip(terms, right[-1], strict=True) if abs(v) > 0.1]
        raise ValueError(
            f"sparse_regression: {', '.join(involved)} depend on one another at the points; drop one of them"
        )
