"""Answers with a probability distribution: mean, standard deviation, samples, and conditioning on integrals."""

from __future__ import annotations

import abc
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import UnsupportedProblem
from pinnlab.field import Field, checked_points
from pinnlab.integral import Integral
from pinnlab.numerics.exact_conditioning import MISFIT, Contradiction, given_exactly
from pinnlab.numerics.gaussian_weights import GaussianWeights
from pinnlab.problem import Problem
from pinnlab.training.estimate import Estimate

# Numbers of a matrix of features that are in memory at once: 128 MiB.
CHUNK = 1 << 24
# A value that is more standard deviations away than this is told of: of normal numbers one in a billion is.
SURPRISE = 6.0


class Posterior(Field):
    """A Gaussian distribution over functions; as a field it is the mean."""

    @property
    def deviation(self) -> Field:
        """The standard deviation as a field; of a derivative, the one of that derivative."""
        return Deviation(self.problem, self)

    @abc.abstractmethod
    def derivative(self, orders: Sequence[int]) -> Posterior:
        """The distribution of a partial derivative, with one order of differentiation per coordinate."""

    @abc.abstractmethod
    def deviations(self, points: np.ndarray) -> np.ndarray:
        """The standard deviations `(n, unknowns)` at `points (n, dim)`."""

    @abc.abstractmethod
    def samples(self, points: np.ndarray, count: int, seed: int) -> np.ndarray:
        """Draw `count` functions; their values `(count, n, unknowns)` at `points (n, dim)`.

        One seed draws the same functions at whatever points they are asked for.

        Raises:
            ValueError: If the count is not positive.
        """

    @abc.abstractmethod
    def given(self, functionals: Sequence[Integral]) -> Posterior:
        """The distribution given the values of integrals, exact where their deviations are zero.

        With the functionals G, their values b and deviations s the mean becomes
        m - S G' (s^2 + G S G')^-1 (G m - b), and the covariance S likewise (D. Hansen, D. C. Maddix, S. Alizadeh,
        G. Gupta, M. W. Mahoney, Learning Physical Models that Can Respect Conservation Laws, ICML 2023).  A value that
        is far out of the reach of what is known moves the answer as far as it asks for, wherever it is free to go.

        Raises:
            ValueError: If it is told no sequence of integrals, or one of another problem, or one that contradicts what
                is known already without doubt.
        """


def listed(problem: Problem, functionals: Sequence[Integral]) -> list[Integral]:
    """What `given` is told, as a list.

    Raises:
        ValueError: If it is no sequence of integrals, as a single one.
    """
    if isinstance(functionals, Integral) or not isinstance(functionals, Iterable):
        raise ValueError(f"given of {problem.name!r}: {functionals!r} is no sequence; give a list of integrals, [one]")
    found = list(functionals)
    for one in found:
        if not isinstance(one, Integral):
            raise ValueError(f"given of {problem.name!r}: {one!r} is no integral; give such as Integral.over_space(…)")
    return found


class Spread(Protocol):
    """An answer that knows its standard deviation."""

    def deviations(self, points: np.ndarray) -> np.ndarray:
        """The standard deviations `(n, unknowns)` at `points (n, dim)`."""
        ...


@dataclass(frozen=True, eq=False)
class Deviation(Field):
    """The standard deviation of an answer.

    Attributes:
        posterior: The answer.
    """

    problem: Problem
    posterior: Spread = field(repr=False)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The standard deviations `(n, unknowns)` at `points (n, dim)`."""
        return self.posterior.deviations(points)

    def derivative(self, orders: Sequence[int]) -> Field:
        """Refused: it has a kink wherever it is zero.

        Raises:
            UnsupportedProblem: Always.
        """
        raise UnsupportedProblem(
            f"the standard deviation of {self.problem.name!r} is not differentiated; the one of a derivative is "
            "field.derivative(orders).deviation"
        )


class Features(Protocol):
    """Functions whose weighted sums are the unknowns."""

    def rows(self, points: Tensor, orders: Sequence[int]) -> Tensor:
        """The partial derivatives `(unknowns, n, M)` of all M functions at `points (n, dim)`.

        Args:
            points: Columns as in `problem.coordinates`.
            orders: The order of differentiation by each coordinate.
        """
        ...


@dataclass(frozen=True, eq=False)
class WeightPosterior(Posterior):
    """Unknowns that are linear in Gaussian weights: u(x) = features(x) w.

    Attributes:
        problem: Whose unknowns these are.
        weights: The distribution of w (M,).
        features: Their functions.
        orders: Orders of the partial derivative that it stands for; none for the unknowns themselves.
        learned: What was learned about unknown parameters.
    """

    problem: Problem
    weights: GaussianWeights = field(repr=False)
    features: Features = field(repr=False)
    orders: tuple[int, ...] = ()
    learned: Mapping[str, Estimate] = field(default_factory=dict, repr=False)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The mean `(n, unknowns)` at `points (n, dim)`."""
        return self._mapped(points, lambda rows: (rows @ self.weights.mean).T)

    @property
    def parameters(self) -> Mapping[str, Estimate]:
        """What was learned about each unknown parameter, by name."""
        return self.learned

    def derivative(self, orders: Sequence[int]) -> WeightPosterior:
        """The distribution of the exact partial derivative."""
        return replace(self, orders=tuple(a + b for a, b in zip(orders, self._orders, strict=True)))

    def deviations(self, points: np.ndarray) -> np.ndarray:
        """The standard deviations `(n, unknowns)` at `points (n, dim)`."""
        return self._mapped(points, lambda rows: torch.stack([self.weights.deviation(r) for r in rows], dim=1))

    def samples(self, points: np.ndarray, count: int, seed: int) -> np.ndarray:
        """Draw `count` functions; their values `(count, n, unknowns)` at `points (n, dim)`."""
        if count < 1:
            raise ValueError(f"samples of {self.problem.name!r}: count = {count}; draw at least one")
        drawn = self.weights.samples(count, torch.Generator().manual_seed(seed))
        return self._mapped(points, lambda rows: (rows @ drawn.T).permute(1, 2, 0)).transpose(1, 0, 2)

    def given(self, functionals: Sequence[Integral]) -> WeightPosterior:
        """The distribution given the values of integrals of what it stands for."""
        functionals = listed(self.problem, functionals)
        if not functionals:
            return self
        rows = torch.stack([self._row(f) for f in functionals])
        weights = weights_given(self.problem.name, self.weights, functionals, rows)
        return replace(self, weights=weights)

    @property
    def _orders(self) -> tuple[int, ...]:
        return self.orders or (0,) * len(self.problem.coordinates)

    def _row(self, functional: Integral) -> Tensor:
        """The functional of each of the functions, `(M,)`."""
        if functional.unknown not in self.problem.names:
            raise ValueError(
                f"given of {self.problem.name!r}: the integral is of {functional.unknown!r}, which is none of its "
                f"unknowns {', '.join(self.problem.names)}"
            )
        unknown = self.problem.names.index(functional.unknown)
        total, at = torch.zeros_like(self.weights.mean), 0
        for rows in self._rows(functional.points):
            weights = functional.weights[at : at + rows.shape[1]]
            total, at = total + torch.as_tensor(weights).to(total) @ rows[unknown], at + rows.shape[1]
        return total

    def _mapped(self, points: np.ndarray, function: Callable[[Tensor], Tensor]) -> np.ndarray:
        """A function of features that puts points first, of all points."""
        return torch.cat([function(rows) for rows in self._rows(points)]).cpu().numpy()

    def _rows(self, points: np.ndarray) -> Iterator[Tensor]:
        """The features at some points after the other, `(unknowns, n_i, M)`."""
        where = torch.as_tensor(np.array(checked_points(self.problem, points))).to(self.weights.mean)
        together = max(1, CHUNK // (len(self.problem.unknowns) * len(self.weights.mean)))
        for part in where.split(together):
            yield self.features.rows(part, self._orders)


def weights_given(
    name: str, weights: GaussianWeights, functionals: Sequence[Integral], rows: Tensor
) -> GaussianWeights:
    """Weights given the values of integrals, exact where their deviations are zero; warns of values out of reach.

    Args:
        name: Of the problem.
        weights: Before.
        functionals: The integrals.
        rows: Each integral of the functions whose weights these are `(n, M)`.

    Raises:
        ValueError: If an integral contradicts what is known already without doubt.
    """
    values, noise = rows.new_tensor([[f.value, f.deviation] for f in functionals]).T
    terms = rows.abs() @ weights.mean.abs()
    warn_of_surprises(name, functionals, rows @ weights.mean, weights.deviation(rows), terms)
    doubtful = noise > 0
    if bool(doubtful.any()):
        weights = weights.given(rows[doubtful], values[doubtful], noise[doubtful]).weights
    # The exact ones last, so that nothing after them adds its rounding.
    if not bool(doubtful.all()):
        try:
            weights = given_exactly(weights, rows[~doubtful], values[~doubtful])
        except Contradiction as error:
            raise ValueError(
                f"given of {name!r}: the integrals cannot all be exact: each other or what is known without doubt, "
                f"such as conditions, keep them {error.misfit:.3g} away; give them a deviation"
            ) from error
    return weights


def warn_of_surprises(
    name: str, functionals: Sequence[Integral], expected: Tensor, spread: Tensor, terms: Tensor
) -> None:
    """Tell of values that are out of the reach of what is known: the answer moves as far as they ask for.

    Args:
        name: Of the problem.
        functionals: The integrals with their values.
        expected: What is known of each before, its mean `(n,)`.
        spread: Its standard deviation `(n,)`.
        terms: The size of what its mean is the sum of `(n,)`, for rounding.
    """
    values, noise = expected.new_tensor([[f.value, f.deviation] for f in functionals]).T
    reach, misfit = torch.hypot(spread, noise), (values - expected).abs()
    rounding = MISFIT * (terms + values.abs())
    for i in torch.nonzero((misfit > SURPRISE * reach) & (misfit > rounding) & (reach > 0)).ravel().tolist():
        warnings.warn(
            f"given of {name!r}: the integral of {functionals[i].unknown} is {float(misfit[i]):.3g} away from "
            f"{functionals[i].value:.6g}, {float(misfit[i] / reach[i]):.3g} of its standard deviations; check the "
            "value, or give it a deviation",
            stacklevel=4,
        )
