"""How much each residual counts."""

from __future__ import annotations

import abc
from dataclasses import dataclass

from pinnlab.training.optimizer import require_positive


class Weighting(abc.ABC):
    """A frozen dataclass of settings."""

    @abc.abstractmethod
    def equation(self) -> float:
        """The factor of the mean square of an equation's residual."""

    @abc.abstractmethod
    def condition(self) -> float:
        """The factor of the mean square of a condition's residual."""


@dataclass(frozen=True)
class FixedWeights(Weighting):
    """The same weights throughout: loss = equations · mean r² + conditions · mean b².

    Args:
        equations: Of every equation.
        conditions: Of every condition on every piece that is not built in.
    """

    equations: float = 1.0
    conditions: float = 100.0

    def __post_init__(self) -> None:
        require_positive(self, equations=self.equations, conditions=self.conditions)

    def equation(self) -> float:
        """The weight of the equations."""
        return self.equations

    def condition(self) -> float:
        """The weight of the conditions."""
        return self.conditions
