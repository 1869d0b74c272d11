"""Layers, and problems in coordinates that stretch them."""

import math

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Disk, Layer, Problem, dirichlet, initial, neumann
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import ExactField
from pinnlab.gps.layers import Stretch, Stretching

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x)
v = sp.Function("v")(x, y)
STEP = sp.tanh((x - sp.Rational(1, 4)) / sp.Rational(1, 20)) * sp.exp(-t)
PROBLEM = Problem(
    name="step",
    equations=[D(u, t) + D(u**2 / 2, x) - x * D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (-1, 1)}),
    conditions=[initial(u, STEP.subs(t, 0)), dirichlet(u, STEP, on="left"), neumann(u, STEP.diff(x), on="right")],
    time=t,
    reference=STEP,
)
LAYER = Layer("x", 0.25, 0.05)


def test_the_layer_of_a_hyperbolic_tangent_is_its_own():
    found = Layer.of(ExactField.of(PROBLEM), x)
    assert found.coordinate == "x"
    assert abs(found.centre - 0.25) < 1.1e-3  # a node
    # The half range is 1 to rounding, the slope at a node next to the centre less than 1 / 0.05 by a thousandth.
    assert abs(found.width - 0.05) < 1e-4


def test_a_flat_answer_has_no_layer_and_a_strange_coordinate_is_refused():
    field = ExactField.of(PROBLEM)
    with pytest.raises(ValueError, match=r"z is no coordinate.*'t', 'x'"):
        Layer.of(field, "z")
    line = Problem(
        name="flat",
        equations=[D(v, x, 2) + D(v, y)],
        unknowns=[v],
        domain=Box({x: (0, 1), y: (0, 1)}),
        conditions=[dirichlet(v, sp.sin(y), on=["left", "right", "bottom"])],
        reference=sp.sin(y),
    )
    with pytest.raises(ValueError, match="does not change along x"):
        Layer.of(ExactField.of(line), "x")


@pytest.mark.parametrize("changed", [{"width": 0.0}, {"width": math.inf}, {"centre": math.nan}])
def test_layers_are_finite(changed):
    with pytest.raises(ValueError, match="Layer: "):
        Layer(**({"coordinate": "x", "centre": 0.0, "width": 1.0} | changed))


def test_a_stretch_keeps_the_ends_and_crowds_at_the_centre():
    # Symmetric: x = d sinh(s asinh(1 / d)).
    stretch = Stretch(x, -1.0, 1.0, Layer("x", 0.0, 0.1))
    points = np.array([-1.0, 0.0, 0.1 * math.sinh(0.5 * math.asinh(10)), 1.0])
    np.testing.assert_allclose(stretch.back(points), [-1, 0, 0.5, 1], atol=1e-15)
    image = sp.lambdify(x, stretch.image, "numpy")
    np.testing.assert_allclose(image(stretch.back(points)), points, atol=1e-15)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_chain_rule_differentiates_powers(order):
    # With u(x) = x^4 as a function of s, the sum over derivatives by s is d^order x^4 / dx^order.
    stretch = Stretch(x, -1.0, 2.0, Layer("x", 0.5, 0.3))
    power = stretch.image**4
    total = sum(c * sp.diff(power, x, k) for k, c in enumerate(stretch.factors(order)))
    s = np.array([-0.9, 0.2, 1.7])
    at = sp.lambdify(x, stretch.image, "numpy")(s)
    wanted = math.perm(4, order) * at ** (4 - order)
    np.testing.assert_allclose([float(total.subs(x, value)) for value in s], wanted, rtol=1e-9, atol=1e-9)


def test_the_stretched_problem_has_the_stretched_solution():
    stretching = Stretching.of(PROBLEM, [LAYER])
    moved = stretching.stretched
    image = stretching.axes[1].image
    # A residual of the true function is the same number in both coordinates.
    truth = STEP.xreplace({x: image})
    for new, old in zip(moved.equations, PROBLEM.equations, strict=True):
        there = new.xreplace({u: truth}).doit().subs({t: 0.3, x: 0.2})
        here = old.xreplace({u: STEP}).doit().subs({t: 0.3, x: image.subs(x, 0.2)})
        assert float(there) == pytest.approx(float(here), rel=1e-9)
    assert moved.domain == PROBLEM.domain
    assert [c.on for c in moved.conditions] == [c.on for c in PROBLEM.conditions]


def test_where_there_is_no_layer_nothing_changes():
    still = Stretching.of(PROBLEM, []).stretched
    assert sp.expand((still.equations[0] - PROBLEM.equations[0]).doit()) == 0
    points = np.random.default_rng(0).random((5, 2))
    np.testing.assert_array_equal(Stretching.of(PROBLEM, []).back(points), points)


def test_mixed_derivatives_are_products_of_factors():
    square = Problem(name="square", equations=[D(v, x, 2) + D(v, y, 2)], unknowns=[v],
                     domain=Box({x: (0, 1), y: (0, 1)}), conditions=[dirichlet(v, 0)])  # fmt: skip
    both = Stretching.of(square, [Layer("x", 0.0, 0.1), Layer("y", 1.0, 0.2)])
    along_x, along_y = both.axes[0].factors(2), both.axes[1].factors(1)
    found = both.factors((2, 1))
    assert set(found) == {(1, 1), (2, 1)}
    assert sp.simplify(found[2, 1] - along_x[2] * along_y[1]) == 0


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([Layer("t", 0.5, 0.1)], "t cannot be stretched; name one of x"),
        ([Layer("z", 0.5, 0.1)], "z cannot be stretched"),
        ([LAYER, LAYER], "two along x"),
        ([Layer("x", 1.5, 0.1)], "lies outside x in"),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers, words):
    with pytest.raises(UnsupportedProblem, match=words):
        Stretching.of(PROBLEM, layers)


def test_circles_and_shapes_are_not_stretched():
    round_ = Problem(name="round", equations=[D(u, t) + D(u, x)], unknowns=[u], time=t,
                     domain=Box({t: (0, 1), x: (0, 1)}, periodic=[x]), conditions=[initial(u, 1)])  # fmt: skip
    with pytest.raises(UnsupportedProblem, match="that are not periodic"):
        Stretching.of(round_, [Layer("x", 0.5, 0.1)])
    disk = Problem(name="disk", equations=[D(v, x, 2) + D(v, y, 2) + 1], unknowns=[v],
                   domain=Disk({x: 0, y: 0}, 1), conditions=[dirichlet(v, 0)])  # fmt: skip
    with pytest.raises(UnsupportedProblem, match="is no box"):
        Stretching.of(disk, [Layer("x", 0.0, 0.1)])
