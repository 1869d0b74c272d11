"""A trained network as a field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.field import Field
from pinnlab.forms.ansatz import Ansatz
from pinnlab.pinns.residual_rows import Rows, Trained
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, with_values
from pinnlab.training.estimate import Estimate

# Points at which a network is evaluated at once when its field is asked for values.
EVALUATION_CHUNK = 20_000


@dataclass(frozen=True)
class PinnField(Field):
    """A trained network, with the conditions that were built in.

    Attributes:
        ansatz: The unknowns through the network.
        trained: What theta holds.
        theta: Everything that was trained.
        infer: Works out what is known about the unknown parameters.
        orders: Which derivative of the unknowns the values are.
    """

    problem: Problem
    ansatz: Ansatz = field(repr=False)
    trained: Trained = field(repr=False)
    theta: Tensor = field(repr=False)
    infer: Callable[[], Mapping[str, Estimate]] = field(repr=False, compare=False)
    orders: tuple[int, ...]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Evaluate at `points (n, dim)`, exactly differentiated."""
        return self._values(self._rows, points)

    def derivative(self, orders: Sequence[int]) -> PinnField:
        """The exact partial derivative of the network."""
        return replace(self, orders=tuple(a + b for a, b in zip(self.orders, orders, strict=True)))

    @cached_property
    def parameters(self) -> Mapping[str, Estimate]:
        """Estimate and standard error of each unknown parameter, by name; worked out when first asked for."""
        return self.infer()

    def evaluate(self, expressions: Sequence[Expr], points: np.ndarray) -> np.ndarray:
        """As for any field, and of unknown parameters and functions what was learned.

        Raises:
            UnsupportedProblem: If an expression has no counterpart in torch.
            ValueError: If an unknown function is differentiated by its arguments.
        """
        lowered = [self.ansatz.through(with_values(e)) for e in expressions]
        return self._values(Rows.of(self.ansatz, lowered, self.trained), points)

    @cached_property
    def _rows(self) -> Rows:
        return Rows.of(self.ansatz, self.ansatz.derivatives(self.orders), self.trained)

    def _values(self, rows: Rows, points: np.ndarray) -> np.ndarray:
        parts = [np.zeros((0, rows.count))]
        for i in range(0, len(points), EVALUATION_CHUNK):
            x = torch.as_tensor(points[i : i + EVALUATION_CHUNK], dtype=torch.float64, device=self.theta.device)
            normals = x.new_zeros(len(x), len(self.problem.space))
            with torch.no_grad():
                parts.append(rows(self.theta, x, rows.extras(x, normals)).cpu().numpy())
        return np.concatenate(parts)
