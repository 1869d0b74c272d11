"""SpectralGp in stretched coordinates: a problem that is narrow in its own."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    D,
    EqualWindows,
    GivenPoints,
    NodeGrid,
    Observations,
    Problem,
    SpectralGp,
    SquaredExponential,
    dirichlet,
    initial,
    parameter,
    solve,
)
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import ExactField
from pinnlab.gps.layers import Layer, Stretching
from pinnlab.gps.stretched import StretchedField
from pinnlab.metrics import comparison_nodes, relative_l2, sample
from pinnlab.testing import SolverContract

t, x = sp.symbols("t x", real=True)
y = sp.Function("y")(x)
u = sp.Function("u")(t, x)
WIDTH = sp.Rational(1, 20)


def line(exact):
    """-y'' + y^3 = f on (-1, 1) with values at the ends."""
    source = -exact.diff(x, 2) + exact**3
    return Problem(
        name="step",
        equations=[-D(y, x, 2) + y**3 - source],
        unknowns=[y],
        domain=Box({x: (-1, 1)}),
        conditions=[dirichlet(y, exact)],
        reference=exact,
    )


# The data of a stretched layer hold more than the answer needs.
pytestmark = pytest.mark.filterwarnings("ignore:SpectralGp on 'step'")
STEP = line(sp.tanh((x - sp.Rational(1, 5)) / WIDTH))
LAYER = Layer("x", 0.2, 0.05)
NODES = NodeGrid(45)


def error(problem, field):
    nodes = comparison_nodes(problem, 2000)
    return relative_l2(sample(field, nodes), sample(ExactField.of(problem), nodes))


class TestStretchedGp(SolverContract):
    tolerance = 1e-6

    def case(self):
        return STEP, SpectralGp(placement=NODES, layers=LAYER)

    def refused(self):
        return Problem(
            name="round",
            equations=[D(u, t) + D(u, x)],
            unknowns=[u],
            domain=Box({t: (0, 1), x: (0, 1)}, periodic=[x]),
            conditions=[initial(u, sp.sin(2 * sp.pi * x))],
            time=t,
        )


def test_the_same_nodes_say_more_of_a_layer_where_they_crowd():
    plain = solve(STEP, SpectralGp(placement=NODES, iterations=60)).field
    found = solve(STEP, SpectralGp(placement=NODES, layers=LAYER)).field
    assert isinstance(found, StretchedField)
    assert error(STEP, found) < 1e-3 * error(STEP, plain)
    # And a layer that is read off from the poor answer does as well as the true one.
    again = solve(STEP, SpectralGp(placement=NODES, layers=Layer.of(plain, "x"))).field
    assert error(STEP, again) < 1e-2 * error(STEP, plain)


def test_derivatives_are_those_by_the_own_coordinate():
    field = solve(STEP, SpectralGp(placement=NODES, layers=LAYER)).field
    exact, points = ExactField.of(STEP), np.linspace(-0.9, 0.9, 50)[:, None]
    for order in (1, 2):
        wanted = exact.derivative((order,))(points)
        np.testing.assert_allclose(field.derivative((order,))(points), wanted, atol=1e-4 * np.abs(wanted).max())
    twice = field.derivative((1,)).derivative((1,))
    np.testing.assert_array_equal(twice(points), field.derivative((2,))(points))


def test_the_deviation_is_moved_with_the_answer_and_a_derivative_has_none():
    field = solve(STEP, SpectralGp(placement=NODES, layers=LAYER)).field
    points = np.array([[-0.5], [0.2], [0.23]])
    places = Stretching.of(STEP, [LAYER]).back(points)
    np.testing.assert_array_equal(field.deviation(points), field.inner.deviation(places))
    assert field.derivative((1,)).deviation is None


def test_points_and_observations_stay_where_they_are():
    k = parameter("k", unknown=True, guess=1.5, bounds=(0.1, 10))
    exact = sp.tanh((x - sp.Rational(1, 5)) / WIDTH)
    unknown = Problem(
        name="unknown",
        equations=[-k * D(y, x, 2) + 2 * exact.diff(x, 2)],
        unknowns=[y],
        domain=Box({x: (-1, 1)}),
        conditions=[dirichlet(y, exact)],
    )
    where = np.linspace(-0.8, 0.8, 21)[:, None]
    data = Observations(where, np.tanh((where[:, 0] - 0.2) / 0.05), 1e-4)
    inside = Stretching.of(STEP, [LAYER]).axes[0]
    crowded = 0.2 + 0.05 * np.sinh(np.linspace(-3.8, 3.4, 70))
    assert inside.back(crowded).max() < 1
    given = SpectralGp(placement=GivenPoints(crowded[:, None]), observations=data, layers=LAYER,
                       kernel=SquaredExponential(0.2))  # fmt: skip
    found = solve(unknown, given).field
    assert found.parameters["k"].value == pytest.approx(2, abs=1e-2)
    with pytest.raises(ValueError, match=r"1 points lie outside .*first at \[3"):
        SpectralGp(placement=GivenPoints(np.array([[0.1], [3.0]])), layers=LAYER).compile(STEP)
    far = Observations(np.array([[3.0]]), np.array([0.0]), 1.0)
    with pytest.raises(ValueError, match="outside the domain"):
        SpectralGp(observations=far, layers=LAYER).compile(STEP)


@pytest.mark.filterwarnings("ignore:SpectralGp on 'heat'")
def test_windows_cut_what_is_stretched():
    exact = sp.exp(-t) * sp.tanh(x / WIDTH)
    source = exact.diff(t) - exact.diff(x, 2) / 10
    heat = Problem(
        name="heat",
        equations=[D(u, t) - D(u, x, 2) / 10 - source],
        unknowns=[u],
        domain=Box({t: (0, 1), x: (-1, 1)}),
        conditions=[initial(u, exact.subs(t, 0)), dirichlet(u, exact, on=["left", "right"])],
        time=t,
        reference=exact,
    )
    plain = SpectralGp(placement=NodeGrid((14, 36)), windows=EqualWindows(2), sweeps=0)
    found, coarse = (solve(heat, s).field for s in (replace(plain, layers=Layer("x", 0.0, 0.05)), plain))
    assert error(heat, found) < min(1e-3, 0.1 * error(heat, coarse))


def test_layers_are_layers():
    with pytest.raises(ValueError, match=r"layers = \(0.2,\); give Layer"):
        SpectralGp(layers=(0.2,))
    with pytest.raises(UnsupportedProblem, match="z cannot be stretched"):
        SpectralGp(layers=Layer("z", 0.0, 0.1)).compile(STEP)
