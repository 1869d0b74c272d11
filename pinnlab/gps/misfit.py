"""Whether measured values agree with their noise: a predictive check of an answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnlab.field import Field
from pinnlab.observations import Observations
from pinnlab.problem import Problem
from pinnlab.row_system import Cloud

# Probability below which a sum of squares is no accident, and deviations beyond which one value is not.
UNLIKELY, FAR = 1e-4, 5.0
# The least share of its variance that the noise of a value keeps beside an answer which was fitted to it.
LEAST = 1e-3


@dataclass(frozen=True, eq=False)
class Misfits:
    """What noisy values y of some quantity miss an answer u by.

    An answer that was fitted to them leaves E (y - u)^2 = sigma^2 (1 - h) with h = var u / sigma^2 under its own
    distribution, and sum h is the number of degrees of freedom that the values have taken: h is the diagonal of the
    smoother matrix (T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning, Springer 2009,
    section 7.6).

    Attributes:
        what: What is measured.
        points: `(n, dim)`.
        misses: y - u in units of sigma `(n,)`.
        fitted: h `(n,)`.
    """

    what: str
    points: np.ndarray
    misses: np.ndarray
    fitted: np.ndarray

    @classmethod
    def of_observations(cls, problem: Problem, field: Field, observations: Sequence[Observations]) -> list[Misfits]:
        """Those of observed values, for each unknown of each set."""
        out = []
        for one in observations:
            points, values, noise = (np.array(a) for a in (one.points, one.values, one.noise))
            found, spread = field(points), _deviations(field, points)
            for k, column in enumerate(one.columns(problem)):
                misses = (values[:, k] - found[:, column]) / noise[:, k]
                fitted = (spread[:, column] / noise[:, k]) ** 2
                out.append(cls(f"observed {problem.names[column]}", points, misses, fitted))
        return out

    @classmethod
    def of_conditions(cls, problem: Problem, field: Field, clouds: Sequence[tuple[Cloud, float]]) -> list[Misfits]:
        """Those of the data of conditions with standard deviations.

        Where a condition holds several derivatives h is left out, which makes its misfits look smaller.
        """
        out = []
        for cloud, deviation in clouds:
            points = cloud.points.cpu().numpy()
            for row in cloud.rows:
                numbers = [cloud.points.new_tensor(field.parameters[p.name].value) for p in row.parameters]
                at = [(field.derivative(j.orders), problem.names.index(j.field)) for j in row.jets]
                jets = [torch.as_tensor(f(points)[:, i]).to(cloud.points) for f, i in at]
                found, partials = row.values_and_partials(jets, cloud.points, cloud.normals, cloud.carried, numbers)
                fitted = np.zeros(len(points))
                if len(at) == 1:
                    spread = _deviations(at[0][0], points)[:, at[0][1]]
                    fitted = (partials[0].cpu().numpy() * spread / deviation) ** 2
                out.append(cls(cloud.name, points, found.cpu().numpy() / deviation, fitted))
        return out

    @property
    def ratio(self) -> float:
        """The root of the sum of squares over its expectation."""
        return math.sqrt(float(np.square(self.misses).sum()) / self._free)

    @property
    def standardised(self) -> np.ndarray:
        """|y - u| in units of its own standard deviation `(n,)`."""
        return np.asarray(np.abs(self.misses) / np.sqrt(np.clip(1 - self.fitted, LEAST, 1)))

    @property
    def is_surprising(self) -> bool:
        """Whether noise does not explain all of them together, or one of them.

        The sum of squares has the expectation of a chi-square variable with n - sum h degrees of freedom, and no more
        than its variance.
        """
        from scipy.stats import chi2

        together = float(chi2.sf(np.square(self.misses).sum(), self._free))
        return together < UNLIKELY or float(self.standardised.max()) > FAR

    def remark(self, problem: Problem) -> str:
        """A sentence of them, with the way out."""
        worst = int(self.standardised.argmax())
        at = ", ".join(f"{c} = {v:.6g}" for c, v in zip(problem.coordinates, self.points[worst], strict=True))
        return (
            f"{self.what} is missed by more than its noise, at ({at}) by {self.standardised[worst]:.3g} standard "
            f"deviations, in the mean of all by {self.ratio:.3g} times what is expected (values: {len(self.misses)}); "
            "raise the noise if many are missed, drop or check a value that stands alone, or check the equations"
        )

    @property
    def _free(self) -> float:
        return max(1.0, len(self.misses) - float(np.clip(self.fitted, 0, 1).sum()))


def unexplained(
    problem: Problem,
    field: Field,
    observations: Sequence[Observations],
    clouds: Sequence[tuple[Cloud, float]] = (),
) -> list[str]:
    """A sentence for each set of noisy values that misses an answer by more than its noise.

    Args:
        problem: What was solved.
        field: The answer.
        observations: Observed values.
        clouds: Conditions, each with the standard deviation of its data.
    """
    found = Misfits.of_observations(problem, field, observations) + Misfits.of_conditions(problem, field, clouds)
    return [m.remark(problem) for m in found if m.is_surprising]


def _deviations(field: Field, points: np.ndarray) -> np.ndarray:
    deviation = field.deviation
    return np.zeros((len(points), len(field.problem.unknowns))) if deviation is None else deviation(points)
