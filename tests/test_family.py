"""Families of problems."""

import numpy as np
import pytest
import scipy.stats
import sympy as sp

from pinnlab import Box, D, Family, Problem, dirichlet, parameter

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
k = parameter("k", 2)
f = parameter("f", sp.sin(x))
problem = Problem("poisson", [k * D(u, x, 2) - f], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])


class Waves:
    def rvs(self, *, random_state):
        return sp.Float(random_state.normal()) * sp.sin(sp.pi * x)


def test_members_differ_in_the_named_parameters_only():
    family = Family(problem, {k: scipy.stats.uniform(1, 2)})
    members = family.sample(5, np.random.default_rng(0))
    values = [float(next(p.value for p in m.parameters if p.name == "k")) for m in members]
    assert len(set(values)) == 5
    assert all(1 <= v <= 3 for v in values)
    assert all(m.conditions == problem.conditions and m.domain == problem.domain for m in members)


def test_the_same_generator_draws_the_same_members():
    family = Family(problem, {k: scipy.stats.uniform(1, 2), f: Waves()})
    a, b = (family.sample(3, np.random.default_rng(7)) for _ in range(2))
    assert [m.sha256 for m in a] == [m.sha256 for m in b]
    assert len({m.sha256 for m in a}) == 3


def test_functions_are_parameters_too():
    (member,) = Family(problem, {f: Waves()}).sample(1, np.random.default_rng(0))
    (value,) = (p.value for p in member.parameters if p.name == "f")
    assert value.has(sp.sin(sp.pi * x))


def test_what_is_no_parameter_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="did you mean 'k'"):
        Family(problem, {parameter("kk", 2): scipy.stats.norm()})
    with pytest.raises(ValueError, match="rvs"):
        Family(problem, {k: 3.0})
    with pytest.raises(ValueError, match="at least one"):
        Family(problem, {})
