"""One-dimensional node sets that know how to differentiate, interpolate and integrate what lives on them.

An axis is the pair of an interval and nodes on it.  Every operator is a matrix that acts on nodal values, so
that a product grid needs nothing else (see `pinnlab.numerics.tensor`).  Global bases (`FourierAxis`,
`ChebyshevAxis`) converge faster than any power of 1/n on smooth data and have full matrices; stencils
(`StencilAxis`, `PeriodicStencilAxis`) converge like h**accuracy, have sparse matrices, and are the better
choice beyond about 500 nodes or for steep data.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy  # its submodules load when they are first used
from scipy.sparse import coo_array, csr_array, eye_array

from pinnlab.numerics.stencils import even_widths, stencil_matrix, stencil_weights

_MARGIN = 1e-12


class Axis(abc.ABC):
    """Nodes on [lower, upper] with their differentiation, interpolation and quadrature matrices.

    Attributes:
        lower: Left end of the interval.
        upper: Right end, greater than `lower`.  Periodic axes identify it with `lower`: no node lies there.
    """

    lower: float
    upper: float

    @property
    @abc.abstractmethod
    def nodes(self) -> np.ndarray:
        """Ascending nodes (n,)."""

    @property
    @abc.abstractmethod
    def weights(self) -> np.ndarray:
        """Quadrature weights (n,): weights @ f(nodes) approximates the integral of f over [lower, upper]."""

    @abc.abstractmethod
    def differentiation(self, order: int) -> csr_array:
        """Return the matrix (n, n) from nodal values to nodal values of the derivative of that order.

        Order 0 is the identity.

        Raises:
            ValueError: The order is negative or too high for the number of nodes.
        """

    @abc.abstractmethod
    def interpolation(self, points: np.ndarray, order: int = 0) -> csr_array | np.ndarray:
        """Return the matrix (m, n) from nodal values to the interpolant's order-th derivative at points (m,).

        Global axes return a full array of m n numbers: hand over points in pieces where that is too large.
        Periodic axes wrap points from outside.

        Raises:
            ValueError: A point is not finite or outside of a non-periodic axis, or the order is negative or
                too high for the number of nodes.
        """


class _Periodic(Axis):
    """n equispaced nodes lower + (upper - lower) j / n."""

    n: int

    @property
    def nodes(self) -> np.ndarray:
        """Equispaced nodes (n,), the first at `lower`."""
        return self.lower + self._spacing * np.arange(self.n)

    @property
    def weights(self) -> np.ndarray:
        """Equal weights (n,) of the trapezoidal rule."""
        return np.full(self.n, self._spacing)

    @property
    def _spacing(self) -> float:
        return (self.upper - self.lower) / self.n

    def _wrapped(self, points: np.ndarray) -> np.ndarray:
        """Distances (m,) from `lower`, in [0, period]."""
        points = np.asarray(points, dtype=float)
        if not np.isfinite(points).all():
            raise ValueError(f"point {float(points[~np.isfinite(points)][0])!r} is not finite; give finite coordinates")
        return np.mod(points - self.lower, self.upper - self.lower)


class _Global(Axis):
    """A basis without locality: full matrices, and derivatives of the interpolant by way of the nodes."""

    n: int

    def differentiation(self, order: int) -> csr_array:
        """Return the full matrix (n, n) of the interpolant's derivative."""
        _check_order(order)
        return csr_array(self._full(order)) if order else eye_array(self.n, format="csr")

    def interpolation(self, points: np.ndarray, order: int = 0) -> np.ndarray:
        """Return the full matrix (m, n) to the interpolant's derivative at points (m,)."""
        _check_order(order)
        values = self._cardinal(points)
        return values @ self._full(order) if order else values

    @abc.abstractmethod
    def _full(self, order: int) -> np.ndarray: ...

    @abc.abstractmethod
    def _cardinal(self, points: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class FourierAxis(_Global, _Periodic):
    """Trigonometric interpolation on n equispaced nodes lower + (upper - lower) j / n of a periodic interval.

    The highest (Nyquist) mode is kept as a cosine, so that its derivatives of odd order vanish at every node
    and are set to zero everywhere.  Interpolation is barycentric [1], with weights (-1)**j cot(pi (x - x_j) /
    period).  Not for data that are not periodic: a jump between the ends costs all accuracy near it.

    [1] P. Henrici, Numer. Math. 33 (1979) 225-234.
    """

    lower: float
    upper: float
    n: int

    def __post_init__(self) -> None:
        _check_interval(self)
        if self.n < 2 or self.n % 2:
            raise ValueError(f"FourierAxis needs an even number of nodes n >= 2, got n = {self.n}")

    def _cardinal(self, points: np.ndarray) -> np.ndarray:
        turns = np.pi * (self._wrapped(points)[:, None] / self._spacing - np.arange(self.n)) / self.n
        return _barycentric(np.tan(turns), (-1.0) ** np.arange(self.n))

    def interpolation(self, points: np.ndarray, order: int = 0) -> np.ndarray:
        """Return the full matrix (m, n) to the interpolant's derivative at points (m,)."""
        _check_order(order)
        values = self._cardinal(points)
        if not order:
            return values
        # Times the circulant matrix of differentiation, by its eigenvalues: that matrix need not exist.
        modes = np.fft.rfft(values, axis=1) * np.conj(self._symbol(order))
        return np.fft.irfft(modes, self.n, axis=1)

    def _symbol(self, order: int) -> np.ndarray:
        """Eigenvalues (n // 2 + 1,) of differentiation."""
        symbol = (2j * np.pi / (self.upper - self.lower) * np.arange(self.n // 2 + 1)) ** order
        if order % 2:
            symbol[-1] = 0.0
        return symbol

    def _full(self, order: int) -> np.ndarray:
        column = np.fft.irfft(self._symbol(order), self.n)
        return column[np.subtract.outer(np.arange(self.n), np.arange(self.n)) % self.n]


@dataclass(frozen=True)
class ChebyshevAxis(_Global):
    """Polynomial interpolation on n ascending Gauss-Lobatto points, -cos(pi j / (n - 1)) on [-1, 1].

    Differences of nodes come from products of sines and diagonals from vanishing row sums, which keeps the
    matrices accurate to rounding [1]; higher orders follow from the recursion of Welfert [2],
    D(m)_ij = m (w_j / w_i D(m-1)_ii - D(m-1)_ij) / (x_i - x_j), which loses less than powers of D.
    Interpolation is barycentric [3], the weights are those of Clenshaw and Curtis.
    Rounding grows like eps n**(2 order): not for order 4 with hundreds of nodes.

    [1] R. Baltensperger and M. R. Trummer, SIAM J. Sci. Comput. 24 (2003) 1465-1487.
    [2] B. D. Welfert, SIAM J. Numer. Anal. 34 (1997) 1640-1657.
    [3] J.-P. Berrut and L. N. Trefethen, SIAM Rev. 46 (2004) 501-517.
    """

    lower: float
    upper: float
    n: int

    def __post_init__(self) -> None:
        _check_interval(self)
        if self.n < 2:
            raise ValueError(f"ChebyshevAxis needs n >= 2 nodes, got n = {self.n}")

    @property
    def nodes(self) -> np.ndarray:
        """Gauss-Lobatto points (n,), both ends included."""
        last = self.n - 1
        unit = np.sin(np.pi * np.arange(-last, last + 1, 2) / (2 * last))
        inside = 0.5 * (self.lower + self.upper) + 0.5 * (self.upper - self.lower) * unit
        inside[0], inside[-1] = self.lower, self.upper
        return inside

    @property
    def weights(self) -> np.ndarray:
        """Weights (n,) of Clenshaw and Curtis, exact for polynomials of degree n - 1."""
        last = self.n - 1
        moments = np.zeros(self.n)
        moments[::2] = 2.0 / (1.0 - np.arange(0, self.n, 2) ** 2)
        weights = scipy.fft.dct(moments, type=1) / last
        weights[[0, -1]] /= 2
        return 0.5 * (self.upper - self.lower) * weights

    def _cardinal(self, points: np.ndarray) -> np.ndarray:
        return _barycentric(_inside(self, points)[:, None] - self.nodes, self._barycentric_weights())

    def _barycentric_weights(self) -> np.ndarray:
        weights = (-1.0) ** np.arange(self.n)
        weights[[0, -1]] /= 2
        return weights

    def _full(self, order: int) -> np.ndarray:
        last = self.n - 1
        index = np.arange(self.n)
        total = np.add.outer(index, index)
        sines = np.sin(np.pi * np.minimum(total, 2 * last - total) / (2 * last))
        gaps = 2 * sines * np.sin(np.pi * np.subtract.outer(index, index) / (2 * last))
        np.fill_diagonal(gaps, 1.0)
        weights = self._barycentric_weights()
        ratio = weights / weights[:, None]
        matrix = np.eye(self.n)
        for k in range(1, order + 1):
            matrix = k / gaps * (ratio * np.diagonal(matrix)[:, None] - matrix)
            np.fill_diagonal(matrix, 0.0)
            np.fill_diagonal(matrix, -matrix.sum(axis=1))
        return matrix * (2 / (self.upper - self.lower)) ** order


@dataclass(frozen=True)
class StencilAxis(Axis):
    """Finite differences of even order `accuracy` on any ascending nodes, up to and including both ends.

    Weights are Fornberg's [1].  A derivative uses accuracy + order nodes: centred for odd orders, one-sided
    near the ends.  For even orders a centred stencil has one node less where the nodes lie symmetrically (the
    classical formulae) and one more where they do not; the error is O(h**accuracy) at every node.
    Interpolation is local, of degree accuracy + 1 or more; quadrature integrates that interpolant.

    Args:
        points: Strictly ascending nodes, at least accuracy + 2.  An array is turned into a tuple.
        accuracy: Even order of accuracy, at least 2.

    [1] B. Fornberg, SIAM Rev. 40 (1998) 685-691.
    """

    points: Sequence[float] | np.ndarray
    accuracy: int = 4
    lower: float = field(init=False)
    upper: float = field(init=False)

    def __post_init__(self) -> None:
        nodes = np.asarray(self.points, dtype=float)
        if nodes.ndim != 1 or len(nodes) < 2 or not np.all(np.diff(nodes) > 0) or not np.isfinite(nodes).all():
            raise ValueError("StencilAxis needs finite, strictly ascending points (n,); sort them and drop repeats")
        _check_accuracy(self.accuracy, len(nodes))
        object.__setattr__(self, "points", tuple(nodes.tolist()))
        object.__setattr__(self, "lower", float(nodes[0]))
        object.__setattr__(self, "upper", float(nodes[-1]))

    @property
    def nodes(self) -> np.ndarray:
        """The given points (n,)."""
        return np.array(self.points)

    @property
    def weights(self) -> np.ndarray:
        """Weights (n,) that integrate the local interpolant, with an error O(h**(accuracy + 2))."""
        nodes = self.nodes
        abscissae, gauss = np.polynomial.legendre.leggauss(self.accuracy // 2 + 1)
        centres, halves = 0.5 * (nodes[1:] + nodes[:-1]), 0.5 * np.diff(nodes)
        points = centres[:, None] + halves[:, None] * abscissae
        return (halves[:, None] * gauss).ravel() @ self.interpolation(points.ravel())

    def differentiation(self, order: int) -> csr_array:
        """Return the sparse matrix (n, n), one-sided near both ends."""
        nodes = self.nodes
        n, width = len(nodes), self.accuracy + order
        _check_order(order)
        if order == 0:
            return eye_array(n, format="csr")
        _check_width(width, n, order, self.accuracy)
        widths = np.full(n, width) if order % 2 else even_widths(nodes, width)
        blocks = []
        for size in np.unique(widths):
            rows = np.flatnonzero(widths == size)
            columns = np.clip(rows - size // 2, 0, n - size)[:, None] + np.arange(size)
            entries = stencil_weights(nodes[columns], nodes[rows], order)[order]
            blocks.append((entries.ravel(), np.repeat(rows, size), columns.ravel()))
        values, rows, columns = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return coo_array((values, (rows, columns)), shape=(n, n)).tocsr()

    def interpolation(self, points: np.ndarray, order: int = 0) -> csr_array:
        """Return the sparse matrix (m, n) to the derivative of the local interpolant at points (m,)."""
        nodes, inside = self.nodes, _inside(self, points)
        n, width = len(nodes), _interpolation_width(self.accuracy, order, len(nodes))
        left = np.searchsorted(nodes, inside, side="right") - 1
        columns = np.clip(left - width // 2 + 1, 0, n - width)[:, None] + np.arange(width)
        return stencil_matrix(stencil_weights(nodes[columns], inside, order)[order], columns, n)


def uniform(lower: float, upper: float, n: int, accuracy: int = 4) -> StencilAxis:
    """Return finite differences on n equispaced nodes from lower to upper, both included."""
    return StencilAxis(np.linspace(lower, upper, n), accuracy)


@dataclass(frozen=True)
class PeriodicStencilAxis(_Periodic):
    """Central differences of even order `accuracy` on n equispaced nodes of a periodic interval.

    Matrices are circulant and, like the derivative, symmetric or antisymmetric.  Interpolation is local, of
    degree accuracy + 1 or more.  For smooth data on few nodes `FourierAxis` is far more accurate.

    Weights: B. Fornberg, SIAM Rev. 40 (1998) 685-691.
    """

    lower: float
    upper: float
    n: int
    accuracy: int = 4

    def __post_init__(self) -> None:
        _check_interval(self)
        _check_accuracy(self.accuracy, self.n)

    def differentiation(self, order: int) -> csr_array:
        """Return the circulant sparse matrix (n, n) of central differences."""
        _check_order(order)
        if order == 0:
            return eye_array(self.n, format="csr")
        reach = self.accuracy // 2 + (order - 1) // 2
        _check_width(2 * reach + 1, self.n, order, self.accuracy)
        offsets = np.arange(-reach, reach + 1)
        entries = stencil_weights(offsets[None, :].astype(float), np.zeros(1), order)[order]
        entries = 0.5 * (entries + (-1) ** order * entries[:, ::-1]) / self._spacing**order
        columns = (np.arange(self.n)[:, None] + offsets) % self.n
        return stencil_matrix(np.broadcast_to(entries, columns.shape), columns, self.n)

    def interpolation(self, points: np.ndarray, order: int = 0) -> csr_array:
        """Return the sparse matrix (m, n) to the derivative of the local interpolant at points (m,)."""
        width = _interpolation_width(self.accuracy, order, self.n)
        scaled = self._wrapped(points) / self._spacing
        left = np.floor(scaled)
        offsets = np.arange(1 - width // 2, width // 2 + 1)
        stencil = np.broadcast_to(offsets.astype(float), (len(scaled), width))
        entries = stencil_weights(stencil, scaled - left, order)[order] / self._spacing**order
        return stencil_matrix(entries, (left.astype(np.int64)[:, None] + offsets) % self.n, self.n)


def _interpolation_width(accuracy: int, order: int, n: int) -> int:
    _check_order(order)
    width = accuracy + max(2, order + order % 2)
    _check_width(width, n, order, accuracy)
    return width


def _barycentric(differences: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rows weights / differences, scaled to sum one; where a difference is zero the row picks that node."""
    hit = differences == 0
    rows = weights / np.where(hit, 1.0, differences)
    found = hit.any(axis=1)
    rows[found] = hit[found]
    return rows / rows.sum(axis=1, keepdims=True)


def _inside(axis: Axis, points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, dtype=float)
    margin = _MARGIN * (axis.upper - axis.lower + max(abs(axis.lower), abs(axis.upper)))
    outside = ~((points >= axis.lower - margin) & (points <= axis.upper + margin))
    if outside.any():
        raise ValueError(
            f"point {float(points[outside][0])!r} is not in [{axis.lower!r}, {axis.upper!r}] "
            f"({outside.sum()} of {points.size} points are outside); evaluate inside or build a longer axis"
        )
    return points


def _check_interval(axis: Axis) -> None:
    if not (np.isfinite(axis.lower) and np.isfinite(axis.upper) and axis.lower < axis.upper):
        raise ValueError(f"{type(axis).__name__} needs finite lower < upper, got [{axis.lower!r}, {axis.upper!r}]")


def _check_accuracy(accuracy: int, n: int) -> None:
    if accuracy < 2 or accuracy % 2:
        raise ValueError(f"accuracy must be an even number >= 2, got {accuracy}")
    _check_width(accuracy + 2, n, 0, accuracy)


def _check_order(order: int) -> None:
    if order < 0:
        raise ValueError(f"the order of a derivative must be >= 0, got {order}")


def _check_width(width: int, n: int, order: int, accuracy: int) -> None:
    if width > n:
        raise ValueError(
            f"accuracy {accuracy} for derivatives of order {order} needs {width} nodes, but the axis has "
            f"{n}; add nodes or lower the accuracy"
        )
