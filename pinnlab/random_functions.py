"""Distributions of functions: Gaussian random fields as truncated series, and sums of random sines."""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from pinnlab.admissible import is_whole, require_counts, require_not_negative, require_numbers, require_positive
from pinnlab.known import known
from pinnlab.symbols import Expr

# Points are taken to lie on a tensor grid if that grid has at most this many times as many nodes.
GRID_SHARE = 4
# Coordinates that differ by less than this share of the box, as rounding makes them, are one.
SAME = 2.0**-42
# Numbers in one block of basis values at scattered points: 32 MB.
BLOCK = 2**22


class Basis(abc.ABC):
    """Eigenfunctions of -d²/dx² on an interval, orthonormal in L2."""

    lower: float
    upper: float

    @abc.abstractmethod
    def frequencies(self, modes: int) -> np.ndarray:
        """The square roots of the eigenvalues of the functions with up to `modes` waves."""

    @abc.abstractmethod
    def values(self, x: np.ndarray, modes: int, order: int) -> np.ndarray:
        """Their derivatives of one order at x `(n,)`: `(n, len(frequencies(modes)))`."""

    @property
    def length(self) -> float:
        """Of the interval."""
        return self.upper - self.lower


@dataclass(frozen=True)
class Waves(Basis):
    """1, √2 cos(2πkx/L), √2 sin(2πkx/L), … over √L: functions of period L."""

    lower: float
    upper: float

    def frequencies(self, modes: int) -> np.ndarray:
        """0, and each 2πk/L twice."""
        return 2 * math.pi / self.length * np.repeat(np.arange(modes + 1), 2)[1:]

    def values(self, x: np.ndarray, modes: int, order: int) -> np.ndarray:
        """As `Basis.values`."""
        k = self.frequencies(modes)[2::2]
        phase = np.outer(x - self.lower, k) + order * math.pi / 2
        out = np.empty((len(x), 2 * modes + 1))
        out[:, 0] = order == 0
        out[:, 1::2] = math.sqrt(2) * np.cos(phase) * k**order
        out[:, 2::2] = math.sqrt(2) * np.sin(phase) * k**order
        return out / math.sqrt(self.length)


@dataclass(frozen=True)
class Cosines(Basis):
    """1, √2 cos(πkx/L), … over √L: functions with vanishing slope at both ends."""

    lower: float
    upper: float

    def frequencies(self, modes: int) -> np.ndarray:
        """Each πk/L."""
        return math.pi / self.length * np.arange(modes + 1)

    def values(self, x: np.ndarray, modes: int, order: int) -> np.ndarray:
        """As `Basis.values`."""
        k = self.frequencies(modes)
        out = math.sqrt(2) * np.cos(np.outer(x - self.lower, k) + order * math.pi / 2) * k**order
        out[:, 0] = order == 0
        return out / math.sqrt(self.length)


@dataclass(frozen=True, eq=False)
class Series:
    """Σ c_j φ_{j_1}(x_1) … φ_{j_d}(x_d), differentiated exactly.

    Attributes:
        bases: φ for each coordinate.
        coefficients: c `(m_1, …, m_d)`, or of many functions `(batch, m_1, …, m_d)` in `on_grid`.
    """

    bases: tuple[Basis, ...]
    coefficients: np.ndarray

    def derivative(self, orders: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
        """The partial derivative of these orders: points `(n, dim)` to values `(n, 1)`.

        Points on a tensor grid, or a good part of one, cost as much as one matrix product per axis.
        """
        return functools.partial(self._at, tuple(orders))

    def on_grid(self, axes: Sequence[np.ndarray], orders: Sequence[int] | None = None) -> np.ndarray:
        """Values, or derivatives of some orders, on the grid of these nodes: `(*batch, *grid)`."""
        found = self.coefficients
        for basis, nodes, order in zip(self.bases, axes, orders or (0,) * len(axes), strict=True):
            # Each contraction takes the first axis of the basis away and puts the nodes behind the last.
            place = found.ndim - len(self.bases)
            found = np.tensordot(found, self._values(basis, nodes, order, found.shape[place]), axes=(place, 1))
        return found

    def _values(self, basis: Basis, nodes: np.ndarray, order: int, count: int) -> np.ndarray:
        modes = count // 2 if isinstance(basis, Waves) else count - 1
        return basis.values(np.asarray(nodes, float), modes, order)

    def _at(self, orders: tuple[int, ...], points: np.ndarray) -> np.ndarray:
        unique = [_distinct(column, basis.length) for column, basis in zip(points.T, self.bases, strict=True)]
        if math.prod(len(nodes) for nodes, _ in unique) <= GRID_SHARE * len(points):
            grid = self.on_grid([nodes for nodes, _ in unique], orders)
            return grid[tuple(place for _, place in unique)][:, None]
        size = max(1, BLOCK // max(1, math.prod(self.coefficients.shape[1:])))
        parts = [self._scattered(orders, points[i : i + size]) for i in range(0, len(points), size)]
        return np.concatenate(parts)[:, None]

    def _scattered(self, orders: tuple[int, ...], points: np.ndarray) -> np.ndarray:
        counts = self.coefficients.shape
        rows = []
        for basis, column, order, count in zip(self.bases, points.T, orders, counts, strict=True):
            nodes, place = _distinct(column, basis.length)
            rows.append(self._values(basis, nodes, order, count)[place])
        found = rows[0] @ self.coefficients.reshape(counts[0], -1)
        for row, count in zip(rows[1:], counts[1:], strict=True):
            found = (row[:, None] @ found.reshape(len(points), count, -1))[:, 0]
        return found.reshape(len(points))


@dataclass(frozen=True)
class GaussianField(abc.ABC):
    """A Gaussian random field N(0, σ² (-Δ + τ²)^(-α)) on a box, as the series of its first eigenfunctions.

    Its coefficients in the orthonormal eigenfunctions of -Δ are independent, that of eigenvalue λ has the variance
    σ² (λ + τ²)^(-α).  The variance at a point is that of the modes kept.  Samples are in H^s for s < α - d/2.

    Args:
        box: Coordinate → (lower, upper).
        alpha: Smoothness α, over d/2 for the variance to be finite as modes are added.
        tau: Inverse length τ, positive.
        sigma: Scale σ; None stands for τ^(α - d/2), which keeps the variance from depending on τ for large τ.
        modes: Waves kept along each coordinate, from 1 on: of periodic fields those with |k| ≤ modes.
        mean: Standard deviation of the mean in units of its share in the formula: 0, as in the data sets cited, leaves
            the mean out, 1 is the formula as it stands.

    Raises:
        ValueError: If an argument is out of range.
    """

    box: Mapping[sp.Symbol, tuple[float, float]]
    alpha: float
    tau: float
    sigma: float | None = None
    modes: int = 64
    mean: float = 0.0
    name: str = field(default="a", kw_only=True)

    def __post_init__(self) -> None:
        who = type(self).__name__
        if not self.box or not all(math.isfinite(a) and math.isfinite(b) and a < b for a, b in self.box.values()):
            raise ValueError(f"{who}: box {self.box}; give (lower, upper) for each coordinate, finite and increasing")
        require_numbers(self, alpha=self.alpha)
        require_positive(self, tau=self.tau)
        if self.sigma is not None:
            require_positive(self, sigma=self.sigma)
        require_counts(self, modes=self.modes)
        require_not_negative(self, mean=self.mean)
        if not len(self.box) / 2 < self.alpha < math.inf:
            raise ValueError(
                f"{who}: alpha = {self.alpha}; in {len(self.box)} dimensions it must be over {len(self.box) / 2:g}, or "
                "the variance grows without bound with the modes"
            )

    @property
    @abc.abstractmethod
    def bases(self) -> tuple[Basis, ...]:
        """The eigenfunctions along each coordinate."""

    def deviations(self) -> np.ndarray:
        """Standard deviations of the coefficients, `(m_1, …, m_d)`."""
        frequencies = np.meshgrid(*(b.frequencies(self.modes) for b in self.bases), indexing="ij")
        scale = self.tau ** (self.alpha - len(self.box) / 2) if self.sigma is None else self.sigma
        out = scale * (sum(k**2 for k in frequencies) + self.tau**2) ** (-self.alpha / 2)
        out[(0,) * len(self.box)] *= self.mean
        return out

    def variance(self, points: np.ndarray) -> np.ndarray:
        """Of the truncated field at points `(n, dim)`: `(n,)`."""
        found = self.deviations() ** 2
        out = np.zeros(len(points))
        rows = [b.values(p, self.modes, 0) ** 2 for b, p in zip(self.bases, points.T, strict=True)]
        for i in range(len(points)):
            inner = found
            for row in rows:
                inner = np.tensordot(row[i], inner, axes=(0, 0))
            out[i] = inner
        return out

    def rvs(self, *, random_state: np.random.Generator) -> Expr:
        """One draw: an expression of the coordinates, differentiated exactly."""
        coefficients = self.deviations() * random_state.standard_normal(self._shape)
        return known(self.name, Series(self.bases, coefficients), 0, *self.box)

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(len(b.frequencies(self.modes)) for b in self.bases)


@dataclass(frozen=True)
class PeriodicField(GaussianField):
    """A Gaussian random field N(0, σ² (-Δ + τ²)^(-α)) with the period of a box in every coordinate.

    The initial values of [1], Burgers: `PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=25, modes=512)`;
    Navier-Stokes vorticity, with the σ of the programs published with it:
    `PeriodicField({x: (0, 1), y: (0, 1)}, alpha=2.5, tau=7, modes=128)`.

    [1] Z. Li, N. Kovachki, K. Azizzadenesheli, B. Liu, K. Bhattacharya, A. Stuart, A. Anandkumar, ICLR 2021,
        arXiv 2010.08895, section A.3.
    """

    @property
    def bases(self) -> tuple[Basis, ...]:
        """Sines and cosines."""
        return tuple(Waves(float(a), float(b)) for a, b in self.box.values())


@dataclass(frozen=True)
class NeumannField(GaussianField):
    """A Gaussian random field N(0, σ² (-Δ + τ²)^(-α)), Δ with homogeneous Neumann conditions on a box.

    The logarithm, or with `TwoPhase` the phases, of the permeabilities of [1]:
    `NeumannField({x: (0, 1), y: (0, 1)}, alpha=2, tau=3, modes=64)`.

    [1] Z. Li, N. Kovachki, K. Azizzadenesheli, B. Liu, K. Bhattacharya, A. Stuart, A. Anandkumar, ICLR 2021,
        arXiv 2010.08895, section A.3.
    """

    @property
    def bases(self) -> tuple[Basis, ...]:
        """Cosines."""
        return tuple(Cosines(float(a), float(b)) for a, b in self.box.values())


@dataclass(frozen=True)
class TwoPhase:
    """A piecewise constant function: one value where a random field is not negative, another elsewhere.

    The permeabilities of Darcy flow in the programs published with [1] are 12 and 4 with the field
    `NeumannField(box, alpha=2, tau=3)`.

    Args:
        field: The distribution of the field.
        upper: The value where it is not negative.
        lower: The value where it is negative.

    [1] Z. Li, N. Kovachki, K. Azizzadenesheli, B. Liu, K. Bhattacharya, A. Stuart, A. Anandkumar, ICLR 2021,
        arXiv 2010.08895, section A.3.
    """

    field: GaussianField
    upper: float = 12.0
    lower: float = 4.0

    def __post_init__(self) -> None:
        require_numbers(self, upper=self.upper, lower=self.lower)
        if not (math.isfinite(self.upper) and math.isfinite(self.lower)) or self.upper == self.lower:
            raise ValueError(f"TwoPhase: upper = {self.upper}, lower = {self.lower}; give two different finite numbers")

    def rvs(self, *, random_state: np.random.Generator) -> Expr:
        """One draw."""
        drawn = self.field.rvs(random_state=random_state)
        return sp.Piecewise((sp.Float(self.upper), drawn >= 0), (sp.Float(self.lower), True))


@dataclass(frozen=True)
class TravellingSines:
    """Σ_j A_j sin(ω_j t + 2π l_j x/L + φ_j) with everything but L random: forcing and initial value of [1].

    Amplitudes, frequencies and phases are uniform, wave numbers equally likely.  As an initial value it is taken at
    the initial time.  The defaults are those of the cases E1, E2 and E3 of [1], on (0, 16).

    Args:
        time: The coordinate t.
        space: {x: (lower, upper)}; L is the difference.
        terms: How many sines, from 1 on.
        amplitudes: Between these A_j.
        frequencies: Between these ω_j.
        wave_numbers: Of these l_j.

    Raises:
        ValueError: If an argument is out of range.

    [1] J. Brandstetter, D. Worrall, M. Welling, ICLR 2022, arXiv 2202.03376, equation 15.
    """

    time: sp.Symbol
    space: Mapping[sp.Symbol, tuple[float, float]]
    terms: int = 5
    amplitudes: tuple[float, float] = (-0.5, 0.5)
    frequencies: tuple[float, float] = (-0.4, 0.4)
    wave_numbers: tuple[int, ...] = (1, 2)

    def __post_init__(self) -> None:
        _require_line(self, self.space)
        require_counts(self, terms=self.terms)
        if (
            not isinstance(self.wave_numbers, tuple)
            or not self.wave_numbers
            or not all(map(is_whole, self.wave_numbers))
        ):
            raise ValueError(f"TravellingSines: wave_numbers = {self.wave_numbers!r}; give a tuple of whole numbers")
        for name in ("amplitudes", "frequencies"):
            lower, upper = getattr(self, name)
            if not lower <= upper:
                raise ValueError(f"TravellingSines: {name} = {getattr(self, name)}; give (lower, upper)")

    def rvs(self, *, random_state: np.random.Generator) -> Expr:
        """One draw."""
        ((x, (lower, upper)),) = self.space.items()
        amplitudes = random_state.uniform(*self.amplitudes, self.terms)
        frequencies = random_state.uniform(*self.frequencies, self.terms)
        phases = random_state.uniform(0, 2 * math.pi, self.terms)
        waves = random_state.choice(self.wave_numbers, self.terms)
        rows = zip(amplitudes, frequencies, waves, phases, strict=True)
        unit = 2 * sp.pi / (sp.sympify(upper) - sp.sympify(lower))
        return sp.Add(
            *(sp.Float(a) * _sine(sp.Float(w) * self.time + unit * int(n) * x + sp.Float(p)) for a, w, n, p in rows)
        )


@dataclass(frozen=True)
class WindowedSines:
    """Σ_j A_j sin(2π l_j (x - a)/L + φ_j), now and then its absolute value, or zero outside a window: [1].

    Amplitudes are uniform on (0, 1), phases on (0, 2π), wave numbers equally likely.  With the probability `rare` it
    is replaced by plus or minus its absolute value, and, independently, cut off outside of a window whose ends are
    uniform on the shares (0.1, 0.45) and (0.55, 0.9) of the interval.

    Args:
        space: {x: (lower, upper)}.
        terms: How many sines, from 1 on.
        largest: The greatest wave number.
        rare: The probability of absolute value and of window, each.

    Raises:
        ValueError: If an argument is out of range.

    [1] M. Takamoto, T. Praditia, R. Leiteritz, D. MacKinlay, F. Alesiani, D. Pflüger, M. Niepert, NeurIPS 2022 Datasets
        and Benchmarks, arXiv 2210.07182, appendix D.1.  It leaves the ends of the window open; these are a choice.
    """

    space: Mapping[sp.Symbol, tuple[float, float]]
    terms: int = 2
    largest: int = 8
    rare: float = 0.1

    def __post_init__(self) -> None:
        _require_line(self, self.space)
        require_counts(self, terms=self.terms, largest=self.largest)
        require_numbers(self, rare=self.rare)
        if not 0 <= self.rare <= 1:
            raise ValueError(f"WindowedSines: rare = {self.rare}; give a probability")

    def rvs(self, *, random_state: np.random.Generator) -> Expr:
        """One draw."""
        ((x, (lower, upper)),) = self.space.items()
        length = upper - lower
        amplitudes, phases = random_state.uniform(size=self.terms), random_state.uniform(0, 2 * math.pi, self.terms)
        waves = random_state.integers(1, self.largest, self.terms, endpoint=True)
        folded, cut = random_state.uniform(size=2) < self.rare
        sign = 1 if random_state.uniform() < 0.5 else -1
        ends = lower + length * random_state.uniform((0.1, 0.55), (0.45, 0.9))
        rows = zip(amplitudes, waves, phases, strict=True)
        unit = 2 * sp.pi / sp.sympify(length)
        found = sp.Add(*(sp.Float(a) * _sine(unit * int(n) * (x - lower) + sp.Float(p)) for a, n, p in rows))
        found = sign * sp.Abs(found) if folded else found
        inside = sp.And(x >= sp.Float(ends[0]), x <= sp.Float(ends[1]))
        return sp.Piecewise((found, inside), (sp.Float(0), True)) if cut else found


def _sine(angle: Expr) -> Expr:
    # To look for a simpler form, which an angle with a random phase does not have, takes sympy forty times as long.
    return sp.sin(angle, evaluate=False)


def _distinct(x: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes, and for each of x the number of its node."""
    # Shifted by an odd amount, so that round numbers do not lie where rounding divides them.
    _, first, place = np.unique(np.floor(x / (SAME * length) + 0.37), return_index=True, return_inverse=True)
    return x[first], place


def _require_line(owner: object, space: Mapping[sp.Symbol, tuple[float, float]]) -> None:
    if len(space) != 1 or not all(math.isfinite(a) and math.isfinite(b) and a < b for a, b in space.values()):
        raise ValueError(f"{type(owner).__name__}: space {space}; give one coordinate, as {{x: (0, 1)}}")
