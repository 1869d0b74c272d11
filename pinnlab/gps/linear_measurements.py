"""Numbers that depend linearly on unknown functions: conditions at points and observed values, with their noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.domain.even_points import quasi_random_on_piece
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.forms.boundary import BoundaryRow, classify
from pinnlab.forms.linearized import Linearized
from pinnlab.observations import Observations
from pinnlab.problem import Problem

# Two values of one unknown at one point further apart than this many standard deviations contradict each other.
CONTRADICTION = 8.0

Row = Callable[[Tensor, Sequence[int], int], Tensor]
"""The functions' partial derivative (n, M) at points (n, dim), for some orders and one unknown."""


@dataclass(frozen=True, eq=False)
class LinearMeasurements:
    """values = sum_i c_i(x) (D^a_i u_i)(x) + noise at points.

    Attributes:
        name: What they are called in messages.
        points: (n, dim).
        terms: Orders of differentiation, the position of the unknown, and the coefficient (n,).
        values: (n,).
        noise: Standard deviations (n,); None for conditions, which hold exactly in principle.
    """

    name: str
    points: Tensor
    terms: tuple[tuple[tuple[int, ...], int, Tensor], ...]
    values: Tensor
    noise: Tensor | None

    def rows(self, row: Row) -> Tensor:
        """What each function contributes to each value, `(n, M)`."""
        parts = [c[:, None] * row(self.points, orders, unknown) for orders, unknown, c in self.terms]
        return torch.stack(parts).sum(dim=0) if len(parts) > 1 else parts[0]

    def chosen(self, which: Tensor) -> LinearMeasurements:
        """Some of them."""
        terms = tuple((orders, unknown, c[which]) for orders, unknown, c in self.terms)
        noise = None if self.noise is None else self.noise[which]
        return LinearMeasurements(self.name, self.points[which], terms, self.values[which], noise)


def conditions_at(
    problem: Problem, points: int, rng: np.random.Generator, device: torch.device
) -> list[LinearMeasurements]:
    """All conditions of a problem, each at as many points of its piece; one where the piece is a point.

    Raises:
        UnsupportedProblem: If a condition is nonlinear.
        SolveFailed: If data or a coefficient are not finite, with the place.
    """
    found = []
    for row in classify(problem):
        count = points if len(problem.coordinates) > 1 else 1
        x, normals = quasi_random_on_piece(problem.spacetime, row.piece, count, rng)
        found.append(_condition(problem, row, x, normals, device))
    return found


def require_linear_conditions(problem: Problem) -> None:
    """Refuse conditions that are not linear in the unknowns.

    Raises:
        UnsupportedProblem: If there is one, or one holds a function without numerical counterpart.
    """
    for row in classify(problem):
        linearized = Linearized(row.residual, problem.coordinates, problem.space)
        if not linearized.is_linear:
            raise UnsupportedProblem(
                f"EhrenpreisGp on {problem.name!r}: the condition {row.residual} = 0 on {row.piece!r} is nonlinear; "
                "measure it with observations, or use RandomFeatures"
            )
        try:
            linearized.program  # noqa: B018 - compiled here, so that the first step cannot fail on it
        except ValueError as error:
            raise UnsupportedProblem(f"EhrenpreisGp on {problem.name!r}: {error}") from None


def observed(problem: Problem, observations: Sequence[Observations], device: torch.device) -> list[LinearMeasurements]:
    """Observed values, one group for each unknown of each set.

    Raises:
        ValueError: If points or unknowns are not those of the problem, or two values at one point contradict each
            other.
    """
    found = []
    for o in observations:
        points = torch.tensor(np.array(o.points), device=device)
        for k, unknown in enumerate(o.columns(problem)):
            values, noise = (torch.tensor(np.array(a)[:, k], device=device) for a in (o.values, o.noise))
            terms = (((0,) * len(problem.coordinates), unknown, torch.ones_like(values)),)
            found.append(LinearMeasurements(f"observed {problem.names[unknown]}", points, terms, values, noise))
    _require_agreement(problem, found)
    return found


def _condition(
    problem: Problem, row: BoundaryRow, points: np.ndarray, normals: np.ndarray, device: torch.device
) -> LinearMeasurements:
    linearized = Linearized(row.residual, problem.coordinates, problem.space)
    x = torch.as_tensor(points, dtype=torch.float64, device=device)
    skip = 0 if problem.time is None else 1
    n = torch.as_tensor(normals[:, skip:], dtype=torch.float64, device=device)
    zeros = [torch.zeros_like(x[:, 0]) for _ in linearized.jets]
    residual, partials = linearized.values_and_partials(zeros, x, n, torch.zeros_like(x[:, 0]))
    for value in (residual, *partials):
        bad = torch.nonzero(~torch.isfinite(value))[:, 0]
        if len(bad):
            at = ", ".join(f"{c} = {float(v):.6g}" for c, v in zip(problem.coordinates, x[bad[0]], strict=True))
            raise SolveFailed(
                f"EhrenpreisGp: the condition {row.residual} = 0 on {row.piece!r}, or a coefficient of it, is "
                f"{float(value[bad[0]])} at {at}; check its data there"
            )
    terms = tuple((j.orders, problem.names.index(j.field), c) for j, c in zip(linearized.jets, partials, strict=True))
    return LinearMeasurements(f"condition {row.residual} = 0 on {row.piece!r}", x, terms, -residual, None)


def _require_agreement(problem: Problem, found: Sequence[LinearMeasurements]) -> None:
    """Refuse values of one unknown at one point that their noise cannot explain."""
    for unknown in {m.terms[0][1] for m in found}:
        mine = [m for m in found if m.terms[0][1] == unknown]
        table = torch.cat([torch.column_stack([m.points, m.values, _noise(m)]) for m in mine]).cpu().numpy()
        table = table[np.lexsort(table[:, :-1].T[::-1])]
        same = (np.diff(table[:, :-2], axis=0) == 0).all(axis=1)
        apart = np.abs(np.diff(table[:, -2]))
        bad = np.flatnonzero(same & (apart > CONTRADICTION * np.hypot(table[1:, -1], table[:-1, -1])))
        if len(bad):
            i = bad[0]
            raise ValueError(
                f"EhrenpreisGp on {problem.name!r}: {problem.names[unknown]} was observed twice at "
                f"{table[i, :-2].tolist()}, as {table[i, -2]:.6g} and {table[i + 1, -2]:.6g}, which a noise of "
                f"{table[i, -1]:.2g} does not explain; raise noise, or drop one"
            )


def _noise(m: LinearMeasurements) -> Tensor:
    return torch.zeros_like(m.values) if m.noise is None else m.noise
