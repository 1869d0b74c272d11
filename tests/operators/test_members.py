"""Which problems are members of a family, and their inputs."""

import dataclasses

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, TimeInterval, initial, parameter
from pinnlab.errors import IncompatibleData, UnsupportedProblem
from pinnlab.operators.layout import Layout
from pinnlab.operators.members import member_channels, require_same_family, values_in

t, x = sp.symbols("t x", real=True)


def test_a_member_has_values_of_what_is_random(heated):
    family = heated.family
    values = values_in(family.problem, family.things, family.member(3))
    assert values == family.draw(3)


def test_inputs_are_those_of_the_data(heated):
    family, data = heated.family, heated.data
    for i in (0, 5):
        found = member_channels(family.problem, family.things, family.member(i), data.axes)
        np.testing.assert_allclose(found, data.inputs[i], atol=1e-14)


def test_problems_that_differ_are_refused_with_what_differs(heated):
    declared, things = heated.family.problem, heated.family.things
    u, u0, k = sp.Function("u")(t, x), parameter("u0", 0), parameter("k", 1)
    law = D(u, t) - k * D(u, x, 2) / (4 * sp.pi**2)
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
    longer = TimeInterval(t, 0, 2) * Box({x: (0, 1)}, periodic=[x])
    others = {
        "its equations differ": Problem("o", [law + u], [u], domain, [initial(u, u0)], t),
        "its domain differs": Problem("o", [law], [u], longer, [initial(u, u0)], t),
        "its conditions differ": Problem("o", [law], [u], domain, [initial(u, 2 * u0)], t),
        "its parameter u0 is missing": Problem("o", [law], [u], domain, [initial(u, 0)], t),
    }
    for why, other in others.items():
        with pytest.raises(UnsupportedProblem, match=f"no member of the family of 'heat': {why}.*of u0, k may"):
            values_in(declared, things, other)
    assert values_in(declared, things, Problem("o", [law], [u], domain, [initial(u, u0)], t))["k"] == 1


def test_inputs_that_are_not_finite_are_refused(heated):
    with pytest.warns(IncompatibleData):
        member = heated.family.problem.with_parameters(u0=sp.log(x - 0.3))
    with pytest.raises(UnsupportedProblem, match="is NaN or infinite at 5 of 16 nodes; give a finite function"):
        member_channels(heated.family.problem, heated.family.things, member, heated.data.axes)


def test_data_of_another_family_are_refused(heated):
    problem, things, layout = heated.family.problem, heated.family.things, Layout.of(heated.data)
    require_same_family(problem, things, layout)
    changed = {
        "input_names are": {"input_names": ("u0", "nu")},
        "output_names are": {"output_names": ("v",)},
        "periodic are": {"periodic": (False,)},
        "x runs from 0 to 2": {"box": ((0.0, 2.0),)},
        "one is steady": {"times": ()},
        "frames from t = 0.5 to 3 are not": {"times": (0.5, 3.0)},
    }
    for why, fields in changed.items():
        with pytest.raises(ValueError, match=why):
            require_same_family(problem, things, dataclasses.replace(layout, **fields))
