"""Functions with given values on the boundary of a shape and at the start."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    D,
    Difference,
    Disk,
    Polygon,
    Problem,
    TimeInterval,
    dirichlet,
    initial,
    initial_rate,
    laplacian,
)
from pinnlab.forms.blending import blended
from pinnlab.forms.boundary import Dirichlet, classify
from pinnlab.forms.evaluate import on_points

t, x, y = sp.symbols("t x y", real=True)
SQUARE = Box({x: (0, 1), y: (0, 1)})
PLATE = Difference(SQUARE, Disk({x: 0.5, y: 0.5}, radius=0.25, name="hole"))


def steady(region, conditions) -> tuple[list[Dirichlet], Problem]:
    u = sp.Function("u")(x, y)
    problem = Problem("p", [laplacian(u, (x, y))], [u], region, [dirichlet(u, g, on=on) for g, on in conditions])
    return [r for r in classify(problem) if isinstance(r, Dirichlet)], problem


def at(expression, points, coordinates=(x, y)):
    return on_points([sp.sympify(expression)], coordinates)(points)[:, 0]


def test_data_on_each_piece_are_met_and_the_distance_vanishes_there():
    data = [(sp.cos(x + y) + x * y**2, "left"), (sp.cos(x + y), ["right", "bottom", "top"]), (2 + x * y, "hole")]
    rows, problem = steady(PLATE, data)
    lift, distance = blended(PLATE, None, rows)
    for row in rows:
        points, _ = problem.spacetime.sample_piece(row.piece, 200, np.random.default_rng(0))
        np.testing.assert_allclose(at(lift, points), at(row.value, points), rtol=0, atol=1e-12)
        assert np.abs(at(distance, points)).max() < 1e-12


def test_the_distance_is_at_most_about_one():
    rows, _ = steady(PLATE, [(sp.S.Zero, None)])
    _, distance = blended(PLATE, None, rows)
    values = at(distance, PLATE.sample(5_000, np.random.default_rng(1)))
    assert values.min() > 0
    assert 0.95 < values.max() < 1.05


def test_two_values_are_blended_in_inverse_proportion_to_the_distances():
    # At (0.1, 0.5): left 0.1, hole (0.16 - 0.0625) / 0.5 = 0.195.
    rows, _ = steady(PLATE, [(sp.Integer(3), ["left", "right", "bottom", "top"]), (sp.Integer(5), "hole")])
    lift, _ = blended(PLATE, None, [r for r in rows if r.piece in ("left", "hole")])
    by_hand = (3 / 0.1 + 5 / 0.195) / (1 / 0.1 + 1 / 0.195)
    assert at(lift, np.array([[0.1, 0.5]]))[0] == pytest.approx(by_hand)


def test_one_formula_for_the_whole_boundary_stays_as_it_is():
    rows, _ = steady(PLATE, [(x**2 - y**2, None)])
    lift, _ = blended(PLATE, None, rows)
    assert lift == x**2 - y**2


def test_in_corners_it_has_the_value_that_both_sides_have():
    triangle = Polygon((x, y), [(0, 0), (1, 0), (0, 1)], names=["a", "b", "c"])
    rows, _ = steady(triangle, [(1 + x, "a"), (1 + x**2, "b"), (1 + x * y, "c")])
    lift, _ = blended(triangle, None, rows)
    np.testing.assert_allclose(at(lift, np.array([[0.0, 0.0], [1, 0], [0, 1]])), [1, 2, 1], atol=1e-12)


def test_without_data_in_space_nothing_is_lifted():
    lift, distance = blended(PLATE, None, [])
    assert (lift, distance) == (0, 1)


def test_initial_data_and_values_on_the_pieces_are_met_together():
    u = sp.Function("u")(t, x, y)
    region = TimeInterval(t, 1, 3) * PLATE
    start, rate = sp.sin(x) * y + (x - x**2) * (y - y**2) * PLATE_LEVEL, x * y
    rim, hole = sp.sin(x) * y + x * y * (t - 1) + (t - 1) ** 2, sp.sin(x) * y + x * y * (t - 1)
    conditions = [initial(u, start), initial_rate(u, rate), dirichlet(u, rim, on=["left", "right", "bottom", "top"]),
                  dirichlet(u, hole, on="hole")]  # fmt: skip
    problem = Problem("p", [D(u, t, 2) - laplacian(u, (x, y))], [u], region, conditions, time=t)
    rows = [r for r in classify(problem) if isinstance(r, Dirichlet)]
    ordered = sorted((r for r in rows if r.piece == "initial"), key=lambda r: r.time_order)
    lift, distance = blended(PLATE, problem.interval, [*ordered, *(r for r in rows if r.piece != "initial")])
    for row in rows:
        points, _ = problem.spacetime.sample_piece(row.piece, 100, np.random.default_rng(0))
        built_in, vanishing = (sp.diff(e, t, row.time_order) if row.time_order else e for e in (lift, distance))
        coordinates = problem.coordinates
        np.testing.assert_allclose(at(built_in, points, coordinates), at(row.value, points, coordinates), atol=1e-12)
        assert np.abs(at(vanishing, points, coordinates)).max() < 1e-12


PLATE_LEVEL = (x - sp.Rational(1, 2)) ** 2 + (y - sp.Rational(1, 2)) ** 2 - sp.Rational(1, 16)
