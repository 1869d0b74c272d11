"""Families of problems: one declaration in which parameters are random, for data and for operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import sympy as sp

from pinnlab.lint import did_you_mean
from pinnlab.problem import Problem
from pinnlab.symbols import Parameter


class Distribution(Protocol):
    """Anything that draws one value: `scipy.stats` frozen distributions, or an object with the same method.

    A value is a number, or, for a parameter that stands for an initial or forcing function, a sympy expression of
    the coordinates.
    """

    def rvs(self, *, random_state: np.random.Generator) -> Any:
        """One draw."""
        ...


@dataclass(frozen=True)
class Family:
    """A problem whose parameters follow distributions.

    Args:
        problem: The declaration; its own parameter values are one member.
        distributions: Parameter of the problem → distribution, `{nu: scipy.stats.loguniform(1e-3, 1e-1)}`.  Initial
            and forcing functions are parameters too: `f = parameter("f", sympy.sin(x))`.

    Raises:
        ValueError: If a key is no parameter of the problem, or a value has no `rvs`.
    """

    problem: Problem
    distributions: Mapping[Parameter, Distribution]

    def __post_init__(self) -> None:
        names = [p.name for p in self.problem.parameters]
        if not self.distributions:
            raise ValueError(f"Family of {self.problem.name!r}: name at least one of its parameters {names}")
        for key, distribution in self.distributions.items():
            if key not in self.problem.parameters:
                name = getattr(key, "name", str(key))
                raise ValueError(
                    f"Family of {self.problem.name!r}: {name} is not a parameter of it{did_you_mean(name, names)}; "
                    f"it has {', '.join(names) or 'none'}"
                )
            if not callable(getattr(distribution, "rvs", None)):
                raise ValueError(
                    f"Family of {self.problem.name!r}: the distribution of {key.name} must have a method rvs, as those "
                    f"of scipy.stats have, got {distribution!r}"
                )

    def member(self, **values: Any) -> Problem:
        """The problem with given values of its parameters."""
        return self.problem.with_parameters(**values)

    def sample(self, n: int, rng: np.random.Generator) -> list[Problem]:
        """Draw n members."""
        return [self.member(**self._draw(rng)) for _ in range(n)]

    def _draw(self, rng: np.random.Generator) -> dict[str, Any]:
        drawn = {p.name: d.rvs(random_state=rng) for p, d in self.distributions.items()}
        return {name: value if isinstance(value, sp.Basic) else float(value) for name, value in drawn.items()}
