"""Exact solutions that are computed, for any values of a problem's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pinnlab.symbols import Parameter


@dataclass(frozen=True, init=False)
class Parametric:
    """An exact solution that is no formula, as a function of points and of parameters.

    As the `reference=` of a problem it stays exact when `Problem.with_parameters` changes one of its parameters, where
    a plain function of points is dropped.

    Args:
        function: `(points (n, dim), value_1, value_2, …) -> values (n, unknowns)`, one number for each parameter.
        parameters: Those that it depends on, with values that are numbers.

    Raises:
        ValueError: If there is no parameter, or one whose value is no number.
    """

    function: Callable[..., np.ndarray]
    parameters: tuple[Parameter, ...]

    def __init__(self, function: Callable[..., np.ndarray], *parameters: Parameter) -> None:
        if not parameters:
            raise ValueError("Parametric: names no parameter; give the function itself as the reference")
        for p in parameters:
            if not isinstance(p, Parameter) or p.value is None or not p.value.is_number:
                raise ValueError(f"Parametric: {p!r} must be a parameter with a number as its value; use parameter()")
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "parameters", tuple(parameters))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The values `(n, unknowns)` at `points (n, dim)`."""
        return self.function(points, *(float(p.value) for p in self.parameters if p.value is not None))

    def replaced(self, table: Mapping[Parameter, Parameter]) -> Parametric | None:
        """The solution with other parameters; None if it does not depend on all of them, or one is no number."""
        if not set(table) <= set(self.parameters):
            return None
        if not all(new.value is not None and new.value.is_number for new in table.values()):
            return None
        return Parametric(self.function, *(table.get(p, p) for p in self.parameters))
