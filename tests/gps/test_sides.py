"""Conditions on sides of boxes: what is read from clouds, what corners make of contradictions."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, dirichlet, initial, initial_rate, neumann, robin
from pinnlab.condition import Condition
from pinnlab.errors import IncompatibleData, UnsupportedProblem
from pinnlab.gps.placement import NodeGrid
from pinnlab.gps.sides import Side, SideFit, along
from pinnlab.gps.system import clouds_of
from pinnlab.numerics.axis_basis import AxisBasis, Segment
from pinnlab.numerics.line_spectrum import LineSpectrum

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(x, y)
CPU = torch.device("cpu")
UNIT = Box({x: (0, 1), y: (0, 2)})


def side(*conditions, which=0):
    problem = Problem(
        name="plate", equations=[D(u, x, 2) + D(u, y, 2)], unknowns=[u], domain=UNIT, conditions=list(conditions)
    )
    cloud = clouds_of(problem, NodeGrid((7, 5)), 0, CPU)[1 + which]
    return Side.of(cloud, (9, 7), problem.name)


ALL = [dirichlet(u, x, on="bottom"), dirichlet(u, x + 4, on="top")]


def test_a_value_is_read_with_its_place_and_its_data_along_the_side():
    left, right = dirichlet(u, y**2, on="left"), dirichlet(u, y**2 + 1, on="right")
    found = side(left, right, *ALL)
    assert (found.axis, found.functional.x, found.functional.coefficients) == (0, 0.0, (1.0,))
    assert np.allclose(found.values, np.r_[0, Segment(0.0, 2.0).nodes(5), 2] ** 2)
    assert side(left, right, *ALL, which=1).functional.x == 1.0
    assert side(left, right, *ALL, which=3).axis == 1


def test_normal_derivatives_take_the_sign_of_the_outward_normal():
    left, right = neumann(u, 3, on="left"), robin(u, 2, 5, 4, on="right")
    assert side(left, right, *ALL).functional.coefficients == (0.0, -1.0)
    found = side(left, right, *ALL, which=1)
    assert found.functional.coefficients == (2.0, 5.0)
    assert float(found.values[0]) == 4.0


def test_initial_rates_are_slopes_along_time():
    v = sp.Function("u")(t, x)
    problem = Problem(
        name="string", equations=[D(v, t, 2) - D(v, x, 2)], unknowns=[v], domain=Box({t: (1, 2), x: (0, 1)}), time=t,
        conditions=[initial(v, 0), initial_rate(v, sp.sin(x)), dirichlet(v, 0)],
    )  # fmt: skip
    found = Side.of(clouds_of(problem, NodeGrid((7, 5)), 0, CPU)[2], (9, 7), problem.name)
    assert (found.axis, found.functional.x, found.functional.coefficients) == (0, 1.0, (0.0, 1.0))
    assert float(found.values[-1]) == pytest.approx(float(np.sin(1)))


def test_conditions_that_are_no_functional_of_one_coordinate_are_refused_in_words():
    rest = [neumann(u, 1, on="right"), *ALL]
    with pytest.raises(UnsupportedProblem, match="'left' is nonlinear"):
        side(Condition(u**2 - 1, "left"), *rest)
    with pytest.raises(UnsupportedProblem, match="along the side"):
        side(Condition(D(u, x) + D(u, y), "left"), *rest)
    with pytest.raises(UnsupportedProblem, match="varies along the side"):
        side(robin(u, 1, 1 + y, 0, on="left"), *rest)


def fit(sides):
    segments = Segment(0.0, 1.0), Segment(0.0, 2.0)
    bases = tuple(
        AxisBasis.of(
            LineSpectrum.harmonics(s.low, s.length, 40.0), s, s.nodes(n), [k.functional for k in sides if k.axis == i]
        )
        for i, (s, n) in enumerate(zip(segments, (40, 70), strict=True))
    )
    fitting = tuple(b.fitting(*b.segment.with_ends(b.nodes)) for b in bases)
    return SideFit(bases, tuple(tuple(k for k in sides if k.axis == i) for i in range(2)), fitting)


def of_values(left, bottom):
    shape = (42, 72)
    problem = Problem(
        name="corner", equations=[D(u, x) + D(u, y)], unknowns=[u], domain=UNIT,
        conditions=[dirichlet(u, left, on="left"), dirichlet(u, bottom, on="bottom")],
    )  # fmt: skip
    clouds = clouds_of(problem, NodeGrid((40, 70)), 0, CPU)[1:]
    sides = [Side.of(c, shape, problem.name) for c in clouds]
    made = fit(sides)
    return made, *made.coefficients([[s.values for s in own] for own in made.sides])


def value(made, coefficients, x, y):
    place = [torch.tensor([v], dtype=torch.float64) for v in (x, y)]
    return float(along(coefficients, [b.functions(v) for b, v in zip(made.bases, place, strict=True)]))


def test_both_sides_are_met_where_they_agree_at_the_corner():
    made, coefficients, worst = of_values(sp.cos(y), sp.cos(3 * x))
    assert worst < 1e-6
    assert value(made, coefficients, 0.0, 1.3) == pytest.approx(np.cos(1.3), abs=1e-6)
    assert value(made, coefficients, 0.4, 0.0) == pytest.approx(np.cos(1.2), abs=1e-5)


def test_a_contradiction_at_a_corner_is_met_half_way_and_told():
    with pytest.warns(IncompatibleData):
        made, coefficients, worst = of_values(1, 0)
    assert worst == pytest.approx(0.5, abs=1e-6)
    assert value(made, coefficients, 0.0, 0.0) == pytest.approx(0.5, abs=1e-9)
