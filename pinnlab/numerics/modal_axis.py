"""Orthonormal functions of one coordinate, and those of their sums that meet homogeneous conditions at the ends."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre

from pinnlab.numerics.axes import FourierAxis
from pinnlab.numerics.axis_basis import EndFunctional

# Conditions at the ends are taken for the same one if a combination of them is this small.
DEPENDENT = 1e-10


@dataclass(frozen=True)
class ModalAxis(abc.ABC):
    """The first `count` functions of an orthonormal family on [lower, upper], and a quadrature for their products.

    Since they are orthonormal without a weight, the sum of the squares of coefficients is the integral of the square
    of the function (Parseval).

    Args:
        lower: Left end.
        upper: Right end, greater than `lower`.
        count: How many functions, at least 1.
        padding: Nodes per function, at least 1; with 3/2 products of two functions are projected without aliasing.
    """

    lower: float
    upper: float
    count: int
    padding: float = 1.5

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lower) and math.isfinite(self.upper) and self.lower < self.upper):
            raise ValueError(f"{type(self).__name__}: the interval [{self.lower}, {self.upper}] is empty or infinite")
        if self.count < 1 or not self.padding >= 1:
            raise ValueError(
                f"{type(self).__name__}: count = {self.count} and padding = {self.padding}; give both from 1 on"
            )

    @property
    @abc.abstractmethod
    def nodes(self) -> np.ndarray:
        """Quadrature nodes (n,), ascending."""

    @property
    @abc.abstractmethod
    def weights(self) -> np.ndarray:
        """Quadrature weights (n,)."""

    @abc.abstractmethod
    def functions(self, points: np.ndarray, order: int = 0) -> np.ndarray:
        """The order-th derivatives of the functions at points, `(m, count)` for points `(m,)`."""

    @abc.abstractmethod
    def differentiation(self, order: int) -> np.ndarray:
        """The matrix `(n, n)` from values at the nodes to those of the interpolant's derivative."""

    @abc.abstractmethod
    def interpolation(self, points: np.ndarray, order: int = 0) -> np.ndarray:
        """The matrix `(m, n)` from values at the nodes to the interpolant's derivative at points `(m,)`."""

    def projection(self, count: int | None = None) -> np.ndarray:
        """From values at the nodes to the coefficients of the first `count` functions, `(count, n)`; of all if None."""
        chosen = self.functions(self.nodes)[:, : self.count if count is None else count]
        return np.asarray(chosen.T * self.weights)


@dataclass(frozen=True)
class LegendreModes(ModalAxis):
    """Normalised Legendre polynomials sqrt((2k + 1) / l) P_k of degrees k < `count`, on Gauss nodes.

    They span the polynomials that Chebyshev's do, with coefficients that need no weight in Parseval's identity.
    """

    @property
    def nodes(self) -> np.ndarray:  # noqa: D102
        return self.lower + (self.upper - self.lower) * (self._rule[0] + 1) / 2

    @property
    def weights(self) -> np.ndarray:  # noqa: D102
        return np.asarray((self.upper - self.lower) / 2 * self._rule[1])

    def functions(self, points: np.ndarray, order: int = 0) -> np.ndarray:  # noqa: D102
        return self._polynomials(points, order, self.count)

    def differentiation(self, order: int) -> np.ndarray:  # noqa: D102
        return self.interpolation(self.nodes, order)

    def interpolation(self, points: np.ndarray, order: int = 0) -> np.ndarray:  # noqa: D102
        n = len(self.nodes)
        return self._polynomials(points, order, n) @ (self._polynomials(self.nodes, 0, n).T * self.weights)

    @cached_property
    def _rule(self) -> tuple[np.ndarray, np.ndarray]:
        nodes, weights = legendre.leggauss(math.ceil(self.padding * self.count))
        return np.asarray(nodes), np.asarray(weights)

    def _polynomials(self, points: np.ndarray, order: int, count: int) -> np.ndarray:
        length = self.upper - self.lower
        unit = (np.asarray(points, float) - self.lower) * 2 / length - 1
        normed = np.diag(np.sqrt((2 * np.arange(count) + 1) / length))
        series = legendre.legder(normed, order, scl=2 / length) if order else normed
        return np.asarray(legendre.legval(unit, series)).T


@dataclass(frozen=True)
class TrigonometricModes(ModalAxis):
    """The constant and the cosines and sines of frequencies up to (count - 1) / 2, on equispaced nodes.

    In the order 1, cos, sin, cos 2, sin 2, …, each normalised; `count` is odd.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count % 2 == 0:
            raise ValueError(
                f"TrigonometricModes: count = {self.count}; sines and cosines come in pairs, give an odd one"
            )

    @property
    def nodes(self) -> np.ndarray:  # noqa: D102
        return self._axis.nodes

    @property
    def weights(self) -> np.ndarray:  # noqa: D102
        return self._axis.weights

    @property
    def frequencies(self) -> np.ndarray:
        """Angular frequencies of the complex modes `(count,)`, ordered as 0, k, -k, 2k, -2k and so on."""
        j = np.arange(1, self.count)
        signed = (j + 1) // 2 * np.where(j % 2, 1, -1)
        return 2 * np.pi / (self.upper - self.lower) * np.concatenate([[0], signed])

    @property
    def to_complex(self) -> np.ndarray:
        """The unitary matrix `(count, count)` from coefficients to those of the complex modes exp(i k x)."""
        out = np.eye(self.count, dtype=complex)
        for i in range(1, self.count, 2):
            out[i : i + 2, i : i + 2] = np.array([[1, -1j], [1, 1j]]) / math.sqrt(2)
        return out

    def functions(self, points: np.ndarray, order: int = 0) -> np.ndarray:  # noqa: D102
        length = self.upper - self.lower
        k = np.abs(self.frequencies)
        # d/dx cos(k x) = k cos(k x + pi/2), and the sine is a cosine that lags by a quarter.
        lag = np.where(np.arange(self.count) % 2 == 0, -np.pi / 2, 0.0)
        lag[0] = 0.0
        angle = (np.asarray(points, float)[:, None] - self.lower) * k + lag + order * np.pi / 2
        size = np.where(k == 0, math.sqrt(1 / length), math.sqrt(2 / length))
        return np.asarray(size * k**order * np.cos(angle))

    def differentiation(self, order: int) -> np.ndarray:  # noqa: D102
        return np.asarray(self._axis.differentiation(order).toarray())

    def interpolation(self, points: np.ndarray, order: int = 0) -> np.ndarray:  # noqa: D102
        return self._axis.interpolation(points, order)

    @cached_property
    def _axis(self) -> FourierAxis:
        return FourierAxis(self.lower, self.upper, 2 * math.ceil(self.padding * self.count / 2))


@dataclass(frozen=True, eq=False)
class ConstrainedModes:
    """An orthonormal basis of those sums of the functions of an axis for which some functionals vanish.

    Attributes:
        axis: The functions.
        mixing: Coefficients of each basis function `(count, free)`, with orthonormal columns.
        lifts: Coefficients of polynomials of low degree `(count, b)`: functional i of lift j is 1 if i = j, else 0.
    """

    axis: ModalAxis
    mixing: np.ndarray
    lifts: np.ndarray

    @classmethod
    def of(cls, axis: ModalAxis, functionals: Sequence[EndFunctional]) -> ConstrainedModes:
        """The basis for given functionals.

        Raises:
            ValueError: If the functionals depend on one another, or there are as many as functions.
        """
        b = len(functionals)
        if b == 0:
            return cls(axis, np.eye(axis.count), np.zeros((axis.count, 0)))
        rows = np.stack([_row(axis, f) for f in functionals])
        if b >= axis.count:
            raise ValueError(f"{b} conditions at the ends of an axis with {axis.count} functions leave none; give more")
        _, sizes, right = np.linalg.svd(rows / np.linalg.norm(rows, axis=1, keepdims=True))
        if sizes[-1] < DEPENDENT:
            raise ValueError(
                f"the {b} conditions at the ends of an axis depend on one another; drop the one said twice"
            )
        return cls(axis, right[b:].T, _lifts(rows))

    @property
    def free(self) -> int:
        """How many functions are left."""
        return self.mixing.shape[1]

    def functions(self, points: np.ndarray, order: int = 0) -> np.ndarray:
        """The order-th derivatives of the basis functions at points, `(m, free)`."""
        return np.asarray(self.axis.functions(points, order) @ self.mixing)

    def lifting(self, points: np.ndarray) -> np.ndarray:
        """The lifts at points, `(m, b)`."""
        return np.asarray(self.axis.functions(points) @ self.lifts)

    def projection(self) -> np.ndarray:
        """From values at the nodes to coefficients `(free, n)`."""
        return np.asarray(self.mixing.T @ self.axis.projection())


def _row(axis: ModalAxis, functional: EndFunctional) -> np.ndarray:
    at = np.array([functional.x])
    terms = [c * axis.functions(at, p)[0] for p, c in enumerate(functional.coefficients)]
    return np.asarray(sum(terms[1:], terms[0]))


def _lifts(rows: np.ndarray) -> np.ndarray:
    """The least functions of the lowest degree on which the functionals are independent."""
    b, count = rows.shape
    for degree in range(b, count + 1):
        low = rows[:, :degree]
        sizes = np.linalg.svd(low / np.linalg.norm(rows, axis=1, keepdims=True), compute_uv=False)
        if sizes[-1] > DEPENDENT:
            break
    return np.concatenate([np.linalg.pinv(low), np.zeros((count - degree, b))])
