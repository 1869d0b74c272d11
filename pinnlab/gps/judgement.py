"""Residuals at points that nothing was told about: what an answer may be judged by without the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.domain.even_points import bounding_box
from pinnlab.field import Field
from pinnlab.forms.linearized import Linearized
from pinnlab.forms.pointwise import Pointwise
from pinnlab.gps.placement import Scattered
from pinnlab.gps.system import clouds_of
from pinnlab.posterior import Posterior
from pinnlab.problem import Problem
from pinnlab.row_system import Cloud

# Random points, of a stream of their own.
COUNT, STREAM = 500, 1
# An unknown below this share of the largest one is as good as zero, and its residuals are measured by that share.
NOTHING = 1e-6
# Points inside, and functions drawn, for the least certain one.
PLACES, DRAWS = 200, 8
# A function that satisfies everything without data to this share of its terms may be added to the answer: for problems
# that determine their solution the share is near 1, and for others it is what nugget and spectrum leave.
OPEN = 1e-4
# A standard deviation of more than this share of the answer is worth a remark.
WIDE = 0.5


def fresh_residual(problem: Problem, field: Field, seed: int) -> float:
    """The largest over equations of the rms of the residual, relative to the rms of the sizes of its terms.

    The terms are r_j u_j for the jets u_j with the derivatives r_j of the residual by them, and the residual at u = 0
    where that is a number.  A derivative counts at least as much as the unknown over the extents of the domain, so that
    u'' = 0 is no large residual of u = x.  Where a residual is no number, as the root of an answer just below zero, it
    counts for as much as its terms.

    Args:
        problem: Whose equations are meant.
        field: An answer.
        seed: Of the points.
    """
    points = problem.spacetime.sample(COUNT, np.random.default_rng([seed, STREAM]))
    x = torch.as_tensor(points, dtype=torch.float64)
    normals, carried = x.new_zeros(len(x), len(problem.space)), x.new_zeros(len(x))
    unknown = tuple(p for p in problem.parameters if p.is_unknown)
    numbers = [x.new_tensor(field.parameters[p.name].value) for p in unknown]
    values = field(points)
    values = np.maximum(np.abs(values), NOTHING * _sizes(values).max())
    worst = 0.0
    for residual in Pointwise.of(problem).residuals:
        row = Linearized(residual, problem.coordinates, problem.space, unknown)
        jets = [_tensor(field.derivative(j.orders)(points)[:, problem.names.index(j.field)]) for j in row.jets]
        found, partials = row.values_and_partials(jets, x, normals, carried, numbers)
        zero = row.values([carried] * len(jets), x, normals, carried, numbers)
        known = torch.isfinite(torch.stack([found, *partials])).all(dim=0)
        if not bool(known.any()):
            return 1.0
        least = [a[known] for a in _least(problem, row, values)]
        size = _terms([p[known] for p in partials], [j[known] for j in jets], least)
        size = max(size + float(zero[known].nan_to_num(0, 0, 0).square().mean()), 1e-300)
        squares = torch.where(known, found.square(), size)
        worst = max(worst, float((squares.mean() / size).sqrt()))
    return worst


@dataclass(frozen=True)
class Freedom:
    """The function that a distribution is least certain of, beside the answer.

    Attributes:
        residual: The largest over equations and conditions of the rms of what they give for it, without their data,
            relative to the rms of the sizes of its terms.
        unknown: Which one it changes most, in units of the answer's size.
        place: Where it does.
        deviation: The root mean square of the standard deviation of this unknown.
        size: The root mean square of the mean of this unknown, no less than `NOTHING` of the largest.
    """

    residual: float
    unknown: str
    place: tuple[float, ...]
    deviation: float
    size: float

    @property
    def is_open(self) -> bool:
        """Whether equations and conditions do not determine the solution."""
        return self.residual < OPEN

    def remark(self, problem: Problem) -> str:
        """A sentence where much is open, with the way out; else empty."""
        at = ", ".join(f"{c} = {v:.3g}" for c, v in zip(problem.coordinates, self.place, strict=True))
        if self.is_open:
            return (
                "equations and conditions leave the solution open: any multiple of a function that is largest for "
                f"{self.unknown} near ({at}) may be added, since it satisfies them without data to {self.residual:.1e} "
                f"of its terms; the standard deviation, {self.deviation:.2g} in the mean, may be too small; fix a "
                "value there by a condition, or by Observations"
            )
        if self.deviation > WIDE * self.size > 0:
            return (
                f"the standard deviation of {self.unknown} is {self.deviation / self.size:.2g} of its size: take more "
                "points or another kernel, or fix more values by conditions or Observations"
            )
        return ""


def freedom(problem: Problem, posterior: Posterior, seed: int) -> Freedom:
    """How much the distribution leaves open, and whether equations and conditions could tell.

    The principal component w of functions drawn satisfies sum_j r_j w_j = 0 at points not used, with the derivatives
    r_j of every residual by its jets, only if these do not determine the solution; the sizes of terms are those of
    `fresh_residual`.

    Args:
        problem: Whose parameters are known, told without noise.
        posterior: Its distribution.
        seed: Of the points and draws.
    """
    clouds = clouds_of(problem, Scattered(PLACES), seed, torch.device("cpu"))

    def drawn(points: np.ndarray, orders: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """The mean of a derivative, and what drawn functions add to it."""
        of = posterior.derivative(orders)
        mean = of(points)
        return mean, of.samples(points, DRAWS, seed) - mean

    inside = clouds[0].points.numpy()
    mean, draws = drawn(inside, (0,) * len(problem.coordinates))
    sizes = _sizes(mean)
    units = np.where(sizes > 0, sizes, 1.0)
    mixed = np.linalg.svd((draws / units).reshape(DRAWS, -1), full_matrices=False)[0][:, 0]
    least = np.einsum("s,snu->nu", mixed, draws)
    shares = [_image(problem, cloud, drawn, mixed, units * _sizes(least / units)) for cloud in clouds]
    place, which = np.unravel_index(int(np.argmax(np.abs(least / units))), least.shape)
    deviation = float(np.sqrt(np.mean(draws[:, :, which] ** 2)))
    where = tuple(float(v) for v in inside[place])
    return Freedom(max(shares), problem.names[which], where, deviation, float(sizes[which]))


def _image(
    problem: Problem,
    cloud: Cloud,
    drawn: Callable[[np.ndarray, Sequence[int]], tuple[np.ndarray, np.ndarray]],
    mixed: np.ndarray,
    sizes: np.ndarray,
) -> float:
    """The largest over rows of what they give for a mixture of draws, relative to its terms."""
    found = {o: drawn(cloud.points.numpy(), o) for o in {j.orders for row in cloud.rows for j in row.jets}}
    worst = 0.0
    for row in cloud.rows:
        at = [(found[j.orders], problem.names.index(j.field)) for j in row.jets]
        means = [_tensor(mean[:, i]) for (mean, _), i in at]
        jets = [_tensor(mixed @ draws[:, :, i]) for (_, draws), i in at]
        _, partials = row.values_and_partials(means, cloud.points, cloud.normals, cloud.carried)
        image = torch.stack([p * j for p, j in zip(partials, jets, strict=True)]).sum(dim=0)
        size = _terms(partials, jets, _least(problem, row, sizes))
        worst = max(worst, float(image.square().mean() / max(size, 1e-300)) ** 0.5)
    return worst


def _terms(partials: Sequence[Tensor], jets: Sequence[Tensor], least: Sequence[Tensor]) -> float:
    """The sum of the mean squares of terms, where each jet counts at least as much as given."""
    rows = zip(partials, jets, least, strict=False)
    return sum(max(float((p * j).square().mean()), float((p * a).square().mean())) for p, j, a in rows)


def _least(problem: Problem, row: Linearized, sizes: np.ndarray) -> list[Tensor]:
    """The sizes `(..., unknowns)` of unknowns over the extents of the domain, to the orders of each jet `(...)`."""
    low, high = bounding_box(problem.spacetime)
    rows = [(problem.names.index(j.field), np.array(j.orders)) for j in row.jets]
    return [_tensor(sizes[..., i] / np.prod((high - low) ** orders)) for i, orders in rows]


def _sizes(values: np.ndarray) -> np.ndarray:
    """The root mean square of each column, at least `NOTHING` of the largest."""
    found = np.sqrt(np.mean(np.square(values), axis=0))
    return np.maximum(found, NOTHING * found.max())


def _tensor(values: np.ndarray) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)
