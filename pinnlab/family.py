"""Families of problems: one declaration in which parameters are random, for data and for operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Protocol

import numpy as np
import sympy as sp

from pinnlab.lint import did_you_mean
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Parameter


class Distribution(Protocol):
    """Anything that draws one value: `scipy.stats` frozen distributions, or an object with the same method.

    A value is a number, or, for a parameter that stands for an initial or forcing function, an expression of the
    coordinates, as those of `pinnlab.random_functions` draw it.
    """

    def rvs(self, *, random_state: np.random.Generator) -> Any:
        """One draw."""
        ...


@dataclass(frozen=True)
class Family:
    """A problem whose parameters follow distributions.

    Member i depends on the seed and on i alone, so that a sample can be split over processes, resumed and made longer.

    Args:
        problem: The declaration; its own parameter values are one member.
        distributions: Parameter of the problem → distribution, `{nu: scipy.stats.loguniform(1e-3, 1e-1)}`.  Initial
            functions, coefficients, forcing and boundary data are parameters too:
            `f = parameter("f", sympy.sin(x))`.

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
            if isinstance(key, str):
                raise ValueError(
                    f"Family of {self.problem.name!r}: the key {key!r} is a text; give the parameter itself, as "
                    f"parameter(…) made it: those of the problem are {', '.join(names) or 'none'}"
                )
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

    @property
    def things(self) -> tuple[str, ...]:
        """The names of what is random, in the order of the distributions."""
        return tuple(p.name for p in self.distributions)

    def draw(self, index: int, seed: int = 0) -> dict[str, Expr | float]:
        """The random values of one member, by name.

        Raises:
            ValueError: If index or seed is no whole number from 0 on.
        """
        for name, value in (("index", index), ("seed", seed)):
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
                raise ValueError(
                    f"Family of {self.problem.name!r}: {name} = {value!r}; give a whole number from 0 on, since a "
                    "member depends on (seed, index) alone"
                )
        rng = np.random.default_rng([seed, index])
        drawn = {p.name: d.rvs(random_state=rng) for p, d in self.distributions.items()}
        return {name: value if isinstance(value, sp.Basic) else float(value) for name, value in drawn.items()}

    def member(self, index: int, seed: int = 0) -> Problem:
        """Member `index` of the sample with this seed.

        Raises:
            ValueError: If index or seed is no whole number from 0 on.
        """
        return self.problem.with_parameters(**self.draw(index, seed))

    def sample(self, n: int, seed: int = 0) -> list[Problem]:
        """The first n members of the sample with this seed.

        Raises:
            ValueError: If the seed is no whole number from 0 on.
        """
        return [self.member(index, seed) for index in range(n)]
