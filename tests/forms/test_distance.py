"""Smooth distances: zero on a piece, with the slope one, and positive inside."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Ball, Box, Difference, Disk, Intersection, Polygon, Union, UnsupportedProblem
from pinnlab.forms.distance import distances, joined, shares, trimmed
from pinnlab.forms.evaluate import on_points

x, y, z = sp.symbols("x y z", real=True)
SQUARE = Box({x: (0, 1), y: (0, 1)})
CUBE = Box({x: (0, 1), y: (0, 1), z: (0, 1)})
L_SHAPE = Polygon((x, y), [(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])
SHAPES = {
    "disk": Disk({x: 1, y: 2}, radius=2),
    "plate": Difference(SQUARE, Disk({x: 0.4, y: 0.6}, radius=0.2, name="hole")),
    "bite": Difference(SQUARE, Disk({x: 1, y: 1}, radius=0.5, name="bite")),
    "corner": L_SHAPE,
    "lens": Intersection(Disk({x: 0, y: 0}, 1, name="a"), Disk({x: 1, y: 0}, 1, name="b")),
    "eight": Union(Disk({x: 0, y: 0}, 1, name="a"), Disk({x: 1.5, y: 0}, 1, name="b")),
    "ball": Ball({x: 0, y: 0, z: 0}, radius=2),
    "hollow": Difference(CUBE, Ball({x: 0.5, y: 0.5, z: 0.5}, radius=0.2)),
    "half": Intersection(Box({x: (0, 2), y: (-2, 2), z: (-2, 2)}), Ball({x: 0, y: 0, z: 0}, radius=1)),
}


def pieces(shape):
    return {piece: joined(formulas) for piece, formulas in distances(shape).items()}


def value(expression, *points):
    symbols = (x, y, z)[: len(points[0])]
    return on_points([sp.sympify(expression)], symbols)(np.array(points, float))[:, 0]


@pytest.mark.parametrize("name", SHAPES)
def test_each_is_zero_on_its_piece_with_the_slope_one_and_positive_inside(name):
    shape, rng, h = SHAPES[name], np.random.default_rng(0), 1e-6
    found = pieces(shape)
    assert tuple(sorted(found)) == tuple(sorted(shape.pieces))
    inside = shape.sample(1_000, rng)
    for piece, formula in found.items():
        points, normals = shape.sample_piece(piece, 200, rng)
        assert np.abs(value(formula, *points)).max() < 1e-13
        # Near a corner the distance is bent within the step.
        slope = (value(formula, *(points - h * normals)) - value(formula, *points)) / h
        np.testing.assert_allclose(np.sort(slope)[2:], 1, atol=1e-3)
        assert (value(formula, *inside) > 0).all()


@pytest.mark.parametrize("name", ["plate", "bite", "corner", "lens", "hollow"])
def test_derivatives_exist_inside_and_on_the_pieces(name):
    shape, rng = SHAPES[name], np.random.default_rng(0)
    whole = joined(list(pieces(shape).values()))
    gradient = [sp.diff(whole, c) for c in shape.coordinates]
    for piece in shape.pieces:
        points, normals = shape.sample_piece(piece, 100, rng)
        found = on_points(gradient, shape.coordinates)(points)
        off = np.linalg.norm(found + normals, axis=1)
        assert np.sort(off)[-3] < 1e-3
    second = [sp.diff(g, c) for g in gradient for c in shape.coordinates]
    assert np.isfinite(on_points(second, shape.coordinates)(shape.sample(500, rng))).all()


def test_the_distance_from_a_disc_by_hand():
    # (r² - |x - c|²) / (2 r) with r = 2: at the centre 1, at half the radius 3/4.
    ((formula,),) = distances(SHAPES["disk"]).values()
    np.testing.assert_allclose(value(formula, (1, 2), (2, 2), (1, 4), (3, 2)), [1, 0.75, 0, 0], atol=1e-14)


def test_the_distance_from_a_hole_and_from_the_sides_around_it_by_hand():
    found = pieces(SHAPES["plate"])
    # (|x - c|² - r²) / (2 r) with r = 1/5 around (2/5, 3/5), at (1, 3/5): (0.36 - 0.04) / 0.4.
    np.testing.assert_allclose(value(found["hole"], (1, 0.6), (0.4, 0.8)), [0.8, 0], atol=1e-14)
    for side, expected in {"left": 0.3, "right": 0.7, "bottom": 0.1, "top": 0.9}.items():
        assert value(found[side], (0.3, 0.1)) == pytest.approx(expected)
    # 1 / (1/0.3 + 1/0.7 + 1/0.1 + 1/0.9 + 1/φ), φ = (0.01 + 0.25 - 0.04) / 0.4 = 0.55.
    whole = joined(list(found.values()))
    by_hand = 1 / (1 / 0.3 + 1 / 0.7 + 1 / 0.1 + 1 / 0.9 + 1 / 0.55)
    assert value(whole, (0.3, 0.1)) == pytest.approx(by_hand)


def test_the_distance_from_a_segment_by_hand():
    # The segment from (-1, 0) to (1, 0): f = y, t = (1 - x² - y²) / 2.
    phi = trimmed(y, (1 - x**2 - y**2) / 2, sp.S.One)
    # At (3, 0): f = 0, t = -4, so φ = |t| = 4.  At (0, 1): f = 1, t = 0, so φ = √(1 + 1/4).
    np.testing.assert_allclose(value(phi, (3, 0), (0, 1), (0.5, 0)), [4, np.sqrt(1.25), 0], atol=1e-15)
    # In units of two: f = 1/2, t = -1/16 at (1/2 + 0, 1) with t = (1 - 1/4 - 1) / 2 = -1/8.
    scaled = trimmed(y, (1 - x**2 - y**2) / 2, sp.Integer(2))
    by_hand = 2 * np.sqrt(0.25 + ((np.sqrt(1 / 256 + 1 / 16) + 1 / 16) / 2) ** 2)
    assert value(scaled, (0.5, 1)) == pytest.approx(by_hand)


def test_a_whole_circle_is_one_formula_and_not_four_arcs():
    ((formula,),) = distances(SHAPES["disk"]).values()
    assert sp.Poly(formula, x, y).total_degree() == 2


def test_prolonged_edges_that_enter_the_region_are_trimmed():
    (formula,) = pieces(L_SHAPE).values()
    # The line y = 0 of the re-entrant edge goes on to the left of the corner, inside the region.
    assert value(formula, (-0.5, 0))[0] > 0.05


def test_one_line_under_two_names_is_two_pieces():
    trapezium = Polygon((x, y), [(0, 0), (1, 0), (2, 0), (2, 1), (0, 1)], names=["a", "b", "c", "d", "e"])
    found = pieces(trapezium)
    on_b, _ = trapezium.sample_piece("b", 50, np.random.default_rng(0))
    on_b = on_b[on_b[:, 0] > 1.1]
    assert np.abs(value(found["b"], *on_b)).max() < 1e-13
    assert value(found["a"], *on_b).min() > 1e-3


def test_joining_and_sharing_by_hand():
    # 1 / (1/2 + 1/3) = 6/5; the shares are (1/2, 1/3) / (5/6).
    two, three = sp.Integer(2), sp.Integer(3)
    assert joined([two, three]) == sp.Rational(6, 5)
    assert shares([two, three]) == [sp.Rational(3, 5), sp.Rational(2, 5)]


def test_a_surface_that_would_have_to_be_trimmed_is_refused():
    bulge = Union(CUBE, Ball({x: 1, y: 0.5, z: 0.5}, radius=0.2))
    with pytest.raises(UnsupportedProblem, match=r"surface 'right' of Union.*constraints=Soft\(\)"):
        distances(bulge)
