"""Gaussian processes at many scattered points, by sparse inverse Cholesky factors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from scipy.sparse import block_diag, csr_array, vstack
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive
from pinnlab.domain.box import Box
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.gps.placement import Placement
from pinnlab.gps.sparse_field import ScatteredField, ScatteredValues, Spread
from pinnlab.gps.sparse_points import KnownValues, Station, Told, distinct, known_values
from pinnlab.gps.system import Algebra, GpSystem, Measurements
from pinnlab.numerics.coarse_to_fine import coarse_to_fine, earlier_neighbours
from pinnlab.numerics.sparse_cholesky import ProductCovariance, inverse_factor
from pinnlab.numerics.sparse_least_squares import Found, least_squares, normal_factor
from pinnlab.training.refusals import require_memory

# Neighbours in the sparser problem that preconditions, in units of those asked for, and the least number.
COARSE, FEWEST = 0.4, 12
# Entries of a row of a factor of the sparser problem for N points in d dimensions: this times N^(1 - 1/d).
FILL = 4.0
# The factor made at the prior mean serves as long as it takes no more iterations than this.
PATIENCE = 200
# Of the functions that are drawn for the standard deviation.
SEED = 0


@dataclass(frozen=True)
class SparseCholesky(Algebra):
    """Many thousands of scattered points, at a cost that grows nearly like their number.

    The unknowns are values at all points.  Their prior has a sparse inverse Cholesky factor: in an order from coarse
    to fine each value depends on the `neighbours` nearest earlier ones only [1, 2].  Derivatives follow all values
    and are conditioned on the nearest of them, as in [3] but at all levels at once; what is left of them is taken to
    be independent from point to point.  An equation linearised at a point then is a sparse row of values with a known
    variance, values prescribed on the boundary are eliminated, and the posterior mean minimises a sparse sum of
    squares.  Conjugate gradients do that, with the same problem for fewer neighbours, factored, as preconditioner.

    The one knob of accuracy is `neighbours`: the answers for 40 and 60 tell how much it matters.  For Matern kernels
    of smoothness 2.5 to 4.5 and a length of about that of the features of the answer or longer; correlations of
    neighbours get 1e-14 on their diagonals, and up to 1e-8 where they are indefinite.  The factor of the
    preconditioner has about N^(2 - 1/d) entries in d dimensions, which limits N in three.  `WeightSpace` keeps more
    digits where it fits.  The answer has a standard deviation, but is no `Posterior`: no functions are drawn from it as
    a whole, and no integrals are told to it.

    Args:
        neighbours: Values that a value, or a derivative, depends on.
        tolerance: Of the gradient of the sum of squares in conjugate gradients, relative to that at zero.
        iterations: Most of these.
        draws: Functions drawn for the standard deviation, each at the cost of one more solution when it is asked for;
            it is uncertain by the share (2 draws)^(-1/2) of itself.
        memory: Largest number of bytes.

    [1] F. Schäfer, M. Katzfuss, H. Owhadi, SIAM J. Sci. Comput. 43 (2021) A2019-A2046.
    [2] A. V. Vecchia, J. R. Stat. Soc. B 50 (1988) 297-312.
    [3] Y. Chen, H. Owhadi, F. Schäfer, Math. Comp. (2025), arXiv:2304.01294.
    """

    neighbours: int = 50
    tolerance: float = 1e-10
    iterations: int = 2000
    draws: int = 16
    memory: float = 8e9

    def __post_init__(self) -> None:
        require_counts(self, neighbours=self.neighbours, iterations=self.iterations, draws=self.draws)
        require_positive(self, tolerance=self.tolerance, memory=self.memory)
        if self.neighbours < FEWEST:
            raise ValueError(
                f"SparseCholesky: neighbours = {self.neighbours} determine no second derivatives; give {FEWEST} to 100"
            )

    def system(self, measurements: Measurements, placement: Placement, device: torch.device) -> SparseSystem:
        """All points in order, and nothing factored yet.

        Raises:
            UnsupportedProblem: If an axis is periodic, or a parameter is unknown.
            ValueError: If it would take more than `memory`; the text says how much.
        """
        problem = measurements.problem
        who = f"SparseCholesky on {problem.name!r}"
        if isinstance(problem.region, Box) and problem.region.periodic:
            raise UnsupportedProblem(
                f"{who}: {', '.join(map(str, problem.region.periodic))} is periodic, and neighbours are sought in "
                "plain space; take algebra=Kronecker() or WeightSpace()"
            )
        if any(p.is_unknown for p in problem.parameters):
            raise UnsupportedProblem(f"{who}: it finds no unknown parameters; take algebra=WeightSpace()")
        if any(measurements.deviations):
            raise UnsupportedProblem(
                f"SparseCholesky on {measurements.problem.name!r}: conditions known up to an error are for "
                "WeightSpace() and Dense(); give Uncertain(piece) without a deviation, and Observations on it"
            )
        for cloud in measurements.clouds:
            for row in cloud.rows:
                measurements.prior.require_derivatives(problem, row.jets)
        self._require_room(measurements)
        points, places = distinct(measurements)
        covariance = ProductCovariance(measurements.prior.kernels)
        order = coarse_to_fine(points / covariance.lengths())
        rank = np.empty(len(order), int)
        rank[order] = np.arange(len(order))
        x = torch.as_tensor(points[order], dtype=torch.float64, device=device)
        values = ScatteredValues(x, covariance, self.neighbours)
        return SparseSystem(self, measurements, values, tuple(rank[p] for p in places))

    def _require_room(self, measurements: Measurements) -> None:
        """Refuse what would not fit, in numbers."""
        unknowns, dim = len(measurements.problem.unknowns), len(measurements.problem.coordinates)
        count = sum(len(c.points) for c in measurements.clouds) + sum(len(o.points) for o in measurements.observations)
        wide, narrow = self.neighbours + 1, self.coarse + 1
        jets = sum(len(c.points) * len(c.orders) for c in measurements.clouds)
        # Entries of sparse matrices are a number and its column, and transposes are kept as well.
        rows = 2 * 1.5 * (unknowns * count + unknowns * measurements.count) * (wide + narrow)
        normal = 1.5 * unknowns**2 * count * 5 * narrow
        factor = 2 * 1.5 * unknowns**2 * count * FILL * count ** (1 - 1 / dim)
        require_memory(
            self,
            f"{measurements.problem.name!r} with {count:,} points",
            jets * (wide + narrow) + rows + normal + factor,
            self.memory,
            "give fewer points or neighbours, or raise memory",
        )

    @property
    def coarse(self) -> int:
        """Neighbours in the sparser problem."""
        return max(FEWEST, round(COARSE * self.neighbours))


@dataclass(frozen=True, eq=False)
class Linear:
    """A sum of squares |matrix x - right|^2 of values x in units of their amplitudes: the prior, then what is told.

    Attributes:
        matrix: `(k, unknowns N)`.
        right: `(k,)`.
        told: The rows of each station.
    """

    matrix: csr_array
    right: np.ndarray
    told: list[Told]


@dataclass(frozen=True, eq=False)
class SparseSystem(GpSystem):
    """Values at all points and derivatives where equations need them; coefficients are all of these in one row.

    Attributes:
        algebra: Settings.
        measurements: What the process is told.
        values: The points, from coarse to fine.
        places: Where the points of each cloud, then of each set of observations, are among these.
    """

    algebra: SparseCholesky
    measurements: Measurements
    values: ScatteredValues
    places: tuple[np.ndarray, ...]

    def start(self) -> Tensor:
        """All zero."""
        k = len(self._amplitudes)
        return self.values.points.new_zeros(k * (self._count + sum(s.size for s in self._stations)))

    def residual(self, coefficients: Tensor) -> Tensor:
        """All residuals in units of their noise, the nugget taken about the prior mean."""
        values, jets = self._parts(coefficients)
        parts = [s.residuals(values, j) for s, j in zip(self._stations, jets, strict=True)]
        known = self._known.values - values[self._known.which]
        observed = [(v[u, p] - d) / noise for v, (u, p, d, noise) in ((values, o) for o in self._observed)]
        scaled = [(r / n).ravel() for r, n in zip(parts, self._noise, strict=True)]
        sizes = np.asarray(self._amplitudes)[self._known.which[0]] * self._nugget
        joined = np.concatenate([*scaled, known / sizes, *observed])
        return torch.as_tensor(joined, dtype=torch.float64, device=self.values.points.device)

    def linearized(self, coefficients: Tensor) -> Tensor:
        """The posterior means of all values and derivatives."""
        linear = self._linear(coefficients, coarse=False)
        found = self._solved(linear, coefficients)
        return self._coefficients(linear, found.minimiser)

    def field(self, coefficients: Tensor) -> ScatteredField:
        """The posterior; the standard deviation is for the amplitude of greatest evidence."""
        problem = self.measurements.problem
        values, _ = self._parts(coefficients)
        spread = partial(self.spread, coefficients)
        return ScatteredField(problem, self.values, values, spread, (0,) * len(problem.coordinates))

    def spread(self, coefficients: Tensor) -> Spread:
        """Functions drawn from the posterior of the problem linearised there, less the mean.

        With noise of variance one added to its right-hand side, the minimiser of a sum of squares is distributed like
        the posterior (G. Papandreou, A. Yuille, NIPS 23 (2010) 1858-1866).  What the noise changes is the minimiser
        for the noise alone, and is found as such, so that a small deviation keeps its digits.
        """
        if self._memory and torch.equal(self._memory[0][0], coefficients):
            return self._memory[0][1]
        linear, k = self._linear(coefficients, coarse=False), len(self._amplitudes)
        mean = self._solved(linear, coefficients)
        # With observations the noise is absolute, and so is the prior.
        data = linear.matrix.shape[0] - int(self._free.sum())
        size = 1.0 if self.measurements.observations else mean.misfit / np.sqrt(data)
        rng, drawn, zero = np.random.default_rng(SEED), [], np.zeros(int(self._free.sum()))
        for _ in range(self.algebra.draws):
            noise = rng.standard_normal(len(linear.right))
            one = np.zeros(k * self._count)
            one[self._free] = self._minimiser(linear, noise, zero, coefficients).minimiser
            drawn.append(one.reshape(k, -1) * size * np.asarray(self._amplitudes)[:, None])
        found = Spread(np.stack(drawn), size * np.asarray(self._amplitudes))
        self._memory[:] = [(coefficients, found)]
        return found

    @cached_property
    def _memory(self) -> list[tuple[Tensor, Spread]]:
        return []

    def factor(self) -> None:
        """Work out now what does not depend on coefficients: the factor of the prior, and all conditionals."""
        _ = self._prior_rows, self._stations

    def precondition(self) -> None:
        """Work out now the preconditioner made at the prior mean."""
        _ = self._first_factor

    # -- layout --------------------------------------------------------------------------------------------

    @property
    def _count(self) -> int:
        return len(self.values.points)

    @property
    def _amplitudes(self) -> tuple[float, ...]:
        return self.measurements.prior.amplitudes

    @property
    def _nugget(self) -> float:
        return self.measurements.nugget

    @cached_property
    def _known(self) -> KnownValues:
        """Values that conditions prescribe."""
        return known_values(self.measurements, self.places)

    @cached_property
    def _stations(self) -> tuple[Station, ...]:
        """All other residuals, with the derivatives that they need."""
        named = zip(self.measurements.clouds, self.places, strict=False)
        names = self.measurements.problem.names
        return tuple(
            Station.of(c, rows, p, self.values, names, self.algebra.coarse)
            for (c, p), rows in zip(named, self._known.left, strict=True)
            if rows
        )

    @cached_property
    def _observed(self) -> list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Unknown, places, values and noise of each column of the observations."""
        sets = self.measurements.observations
        return [
            (u, place, np.asarray(o.values)[:, i], np.asarray(o.noise)[:, i])
            for o, place in zip(sets, self.places[len(self.measurements.clouds) :], strict=True)
            for i, u in enumerate(o.columns(self.measurements.problem))
        ]

    @cached_property
    def _free(self) -> np.ndarray:
        """Which values `(unknowns * N,)` are to be found."""
        free = np.ones((len(self._amplitudes), self._count), bool)
        free[self._known.which] = False
        return free.ravel()

    def _parts(self, coefficients: Tensor) -> tuple[np.ndarray, list[np.ndarray]]:
        """Values `(unknowns, N)`, and the derivatives `(unknowns, J, n)` at each station."""
        flat, k = coefficients.detach().cpu().numpy(), len(self._amplitudes)
        values, at = flat[: k * self._count].reshape(k, -1), k * self._count
        jets = []
        for s in self._stations:
            jets.append(flat[at : at + k * s.size].reshape(k, len(s.orders), -1))
            at += k * s.size
        return values, jets

    # -- the linear problem --------------------------------------------------------------------------------

    @cached_property
    def _noise(self) -> list[np.ndarray]:
        """The nugget `(E, n)` of the residuals of each station, linearised at the prior mean."""
        values, jets = self._parts(self.start())
        pairs = zip(self._stations, jets, strict=True)
        return [s.nugget(s.linearized(values, j)[0], self._amplitudes, self._nugget) for s, j in pairs]

    @cached_property
    def _prior_rows(self) -> csr_array:
        """U' for values in units of their amplitudes."""
        return self._prior(self.algebra.neighbours)

    def _prior(self, neighbours: int) -> csr_array:
        scaled = self.values.points.cpu().numpy() / self.values.covariance.lengths()
        earlier = earlier_neighbours(scaled, min(neighbours, max(1, self._count - 1)))
        one = inverse_factor(self.values.points, earlier, self.values.covariance)
        return csr_array(block_diag([one] * len(self._amplitudes), format="csr"))

    def _linear(self, coefficients: Tensor, coarse: bool) -> Linear:
        """All rows of the problem linearised at some coefficients."""
        values, jets = self._parts(coefficients)
        prior = self._prior(self.algebra.coarse) if coarse else self._prior_rows
        rows, right, told = [prior], [np.zeros(prior.shape[0])], []
        for s, j in zip(self._stations, jets, strict=True):
            linear = s.linearized(values, j)
            nugget = s.nugget(linear[0], self._amplitudes, self._nugget)
            one = s.told(s.coarse if coarse else s.fine, linear, nugget, self._amplitudes, self._count)
            told.append(one)
            rows.append(one.matrix)
            right.append(one.right)
        for u, place, data, noise in self._observed:
            at = np.arange(len(place))
            entries = self._amplitudes[u] / noise
            rows.append(csr_array((entries, (at, u * self._count + place)), shape=(len(at), prior.shape[1])))
            right.append(data / noise)
        return Linear(csr_array(vstack(rows, format="csr")), np.concatenate(right), told)

    @cached_property
    def _fixed(self) -> np.ndarray:
        """Values in units of their amplitudes `(unknowns * N,)`: those prescribed, and zeros."""
        fixed = np.zeros((len(self._amplitudes), self._count))
        fixed[self._known.which] = self._known.values / np.asarray(self._amplitudes)[self._known.which[0]]
        return fixed.ravel()

    def _factor(self, coefficients: Tensor) -> Callable[[np.ndarray], np.ndarray]:
        """The sparser problem linearised at some coefficients, factored."""
        return normal_factor(csr_array(self._linear(coefficients, coarse=True).matrix[:, self._free]))

    @cached_property
    def _first_factor(self) -> Callable[[np.ndarray], np.ndarray]:
        return self._factor(self.start())

    def _solved(self, linear: Linear, coefficients: Tensor) -> Found:
        """The posterior mean, with the factor made at the prior mean, or one made here if that takes too long."""
        values, _ = self._parts(coefficients)
        start = (values / np.asarray(self._amplitudes)[:, None]).ravel()[self._free]
        return self._minimiser(linear, linear.right - linear.matrix @ self._fixed, start, coefficients)

    def _minimiser(self, linear: Linear, right: np.ndarray, start: np.ndarray, coefficients: Tensor) -> Found:
        """The free values that minimise the sum of squares with another right-hand side."""
        rows = csr_array(linear.matrix[:, self._free])
        first = min(PATIENCE, self.algebra.iterations)
        found = least_squares(rows, right, start, self._first_factor, self.algebra.tolerance, first)
        if found is None:
            again = self._factor(coefficients)
            found = least_squares(rows, right, start, again, self.algebra.tolerance, self.algebra.iterations)
        if found is None:
            raise SolveFailed(
                f"SparseCholesky: conjugate gradients did not reach tolerance={self.algebra.tolerance:g} in "
                f"{self.algebra.iterations} iterations; take a Matern kernel of lower smoothness, more neighbours, "
                "or raise nugget"
            )
        return found

    def _coefficients(self, linear: Linear, free: np.ndarray) -> Tensor:
        """Values, and the derivatives that meet the linearised equations."""
        scaled = self._fixed.copy()
        scaled[self._free] = free
        values = scaled.reshape(len(self._amplitudes), -1) * np.asarray(self._amplitudes)[:, None]
        parts = [values.ravel()]
        for station, told in zip(self._stations, linear.told, strict=True):
            parts.append(station.jets(values, told, told.right - told.matrix @ scaled, self._amplitudes).ravel())
        joined = np.concatenate(parts)
        if not np.isfinite(joined).all():
            raise SolveFailed("SparseCholesky: the posterior mean is not finite; raise nugget or lower smoothness")
        return torch.as_tensor(joined, dtype=torch.float64, device=self.values.points.device)
