"""Families of problems."""

import pickle

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


def value(member, name):
    return next(p.value for p in member.parameters if p.name == name)


def test_members_differ_in_the_named_parameters_only():
    family = Family(problem, {k: scipy.stats.uniform(1, 2)})
    members = family.sample(5)
    values = [float(value(m, "k")) for m in members]
    assert len(set(values)) == 5
    assert all(1 <= v <= 3 for v in values)
    assert all(m.conditions == problem.conditions and m.domain == problem.domain for m in members)


def test_a_member_depends_on_the_seed_and_its_index_alone():
    family = Family(problem, {k: scipy.stats.uniform(1, 2), f: Waves()})
    short, long = family.sample(3, seed=7), family.sample(5, seed=7)
    assert [m.sha256 for m in short] == [m.sha256 for m in long[:3]]
    assert family.member(4, 7).sha256 == long[4].sha256
    assert len({m.sha256 for m in [*long, *family.sample(5, seed=8)]}) == 10


def test_a_number_is_the_draw_of_the_generator_of_seed_and_index():
    drawn = Family(problem, {k: scipy.stats.uniform(1, 2)}).draw(3, seed=11)["k"]
    assert drawn == 1 + 2 * np.random.default_rng([11, 3]).random()


def test_a_family_travels_to_another_process_with_its_sample():
    family = Family(problem, {k: scipy.stats.uniform(1, 2), f: Waves()})
    again = pickle.loads(pickle.dumps(family))
    assert again.member(2, 5).sha256 == family.member(2, 5).sha256


def test_functions_are_parameters_too():
    (member,) = Family(problem, {f: Waves()}).sample(1)
    assert value(member, "f").has(sp.sin(sp.pi * x))
    assert Family(problem, {k: scipy.stats.norm(), f: Waves()}).things == ("k", "f")


def test_what_is_no_parameter_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="did you mean 'k'"):
        Family(problem, {parameter("kk", 2): scipy.stats.norm()})
    with pytest.raises(ValueError, match=r"'k' is a text; give the parameter itself, .* those of the problem are f, k"):
        Family(problem, {"k": scipy.stats.norm()})
    with pytest.raises(ValueError, match="rvs"):
        Family(problem, {k: 3.0})
    with pytest.raises(ValueError, match="at least one"):
        Family(problem, {})


def test_a_generator_in_place_of_a_seed_is_refused():
    with pytest.raises(ValueError, match=r"seed = .*whole number"):
        Family(problem, {k: scipy.stats.norm()}).sample(1, np.random.default_rng(0))
