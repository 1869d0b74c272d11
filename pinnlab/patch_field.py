"""Answers that are sums over patches, window by window of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from pinnlab.field import Field
from pinnlab.numerics.patch_space import PatchSpace
from pinnlab.problem import Problem

# Points at which a field is evaluated at once.
EVALUATION_CHUNK = 20_000


@dataclass(frozen=True)
class PatchField(Field):
    """Functions on patches, window by window of time; beyond the windows begun the last time is repeated.

    Attributes:
        problem: What they solve.
        spaces: The space of each window begun; a single one for a steady problem.
        coefficients: Those of each window, (unknowns, patches, q).
        edges: The times between which all windows lie; () for a steady problem.
        orders: Of differentiation, one per coordinate.
    """

    problem: Problem
    spaces: tuple[PatchSpace, ...] = field(repr=False)
    coefficients: tuple[Tensor, ...] = field(repr=False)
    edges: tuple[float, ...]
    orders: tuple[int, ...]

    @property
    def reached(self) -> float | None:
        """The end of the last window begun, or None if all are."""
        done = not self.edges or len(self.spaces) == len(self.edges) - 1
        return None if done else float(self.edges[len(self.spaces)])

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Evaluate at `points (n, dim)`, exactly differentiated."""
        parts = [self._values(points[i : i + EVALUATION_CHUNK]) for i in range(0, len(points), EVALUATION_CHUNK)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.problem.unknowns)))

    def derivative(self, orders: Sequence[int]) -> PatchField:
        """The exact partial derivative."""
        return replace(self, orders=tuple(a + b for a, b in zip(self.orders, orders, strict=True)))

    def _values(self, points: np.ndarray) -> np.ndarray:
        points = np.array(points, float)
        window = np.zeros(len(points), int)
        if self.edges:
            last = len(self.spaces)
            points[:, 0] = np.minimum(points[:, 0], self.edges[last])
            window = np.clip(np.searchsorted(self.edges, points[:, 0], side="right") - 1, 0, last - 1)
        values = np.zeros((len(points), len(self.problem.unknowns)))
        for w in np.unique(window):
            mine = window == w
            c = self.coefficients[w]
            x = torch.as_tensor(points[mine], dtype=torch.float64, device=c.device)
            values[mine] = self.spaces[w].evaluate(x, c, self.orders).cpu().numpy()
        return values
