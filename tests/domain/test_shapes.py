"""Discs, balls and polygons: levels by hand, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Ball, Disk, Polygon

x, y, z = sp.symbols("x y z", real=True)


def test_levels_by_hand():
    disk = Disk({x: 1, y: 2}, radius=5)
    np.testing.assert_allclose(disk.level(np.array([[1, 2], [4, 6], [1, 9]])), [-5, 0, 2])
    ball = Ball({x: 0, y: 0, z: 0}, radius=3)
    np.testing.assert_allclose(ball.level(np.array([[1, 2, 2], [0, 0, 0]])), [0, -3])
    notch = Polygon((x, y), [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)])
    inside, in_notch, beside = notch.level(np.array([[2, 0.5], [2, 3], [6, 0]]))
    assert inside == -0.5
    assert in_notch > 0
    assert beside == 2


def test_shapes_print_compare_and_hash_by_what_they_are():
    a, b = Disk({x: 0, y: 0}, 1, "rim"), Disk({x: 0, y: 0}, 1.0, "rim")
    assert a == b
    assert hash(a) == hash(b)
    assert a != Disk({x: 0, y: 0}, 1, "edge")
    assert repr(a) == "Disk({x: 0, y: 0}, radius=1, name='rim')"
    assert Disk({x: 0, y: 0}, 1).pieces == ("disk",)
    assert a.coordinates == (x, y)


def test_a_reversed_polygon_keeps_the_names_of_its_edges():
    corners = [(0, 0), (3, 0), (0, 2)]
    names = {(0, 0, 3, 0): "a", (0, 2, 3, 0): "b", (0, 0, 0, 2): "c"}
    for order, named in ((corners, "abc"), (corners[::-1], "bac")):
        triangle = Polygon((x, y), order, names=list(named))
        for curve in triangle.outline:
            ends = sorted(map(tuple, curve.at(np.array([0.0, 1.0]))))
            assert names[tuple(v for end in ends for v in end)] == curve.piece


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Disk({x: 0}, 1), "must name 2 coordinates"),
        (lambda: Ball({x: 0, y: 0}, 1), "must name 3 coordinates"),
        (lambda: Disk({x: 0, y: 0}, 0), "a positive radius"),
        (lambda: Disk({x: 0, y: np.nan}, 1), "a finite number"),
        (lambda: Polygon((x, y), [(0, 0), (1, 1)]), "three or more vertices"),
        (lambda: Polygon((x, y), [(0, 0), (1, 1), (1, 0), (0, 1)]), "edges 1 and 3 cross or touch"),
        (lambda: Polygon((x, y), [(0, 0), (0, 0), (1, 0)]), "neighbouring vertices coincide"),
        (lambda: Polygon((x, y), [(0, 0), (1, 1), (2, 2)]), "lie on one line"),
        (lambda: Polygon((x, y), [(0, 0), (1, 0), (0, 1)], names=["a"]), "1 names for 3 edges"),
    ],
)
def test_shapes_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Disk({x: 0, y: 0}, radius="1"), "Disk: the radius must be a finite number, got '1'"),
        (lambda: Disk({x: "a", y: 0}, radius=1), "Disk: the centre's x must be a finite number"),
        (lambda: Disk((0, 0), radius=1), "Disk: the centre must name 2 coordinates"),
        (lambda: Polygon((x, y), [(0, "a"), (1, 0), (1, 1)]), "Polygon: a coordinate of a vertex .*'a'"),
        (lambda: Polygon((x, y), [(0, 0, 0), (1, 0, 0), (1, 1, 0)]), "Polygon: each vertex needs two numbers"),
    ],
)
def test_arguments_that_are_no_numbers_are_refused_in_words(make, message):
    with pytest.raises(ValueError, match=message):
        make()
    assert Disk({x: 0, y: 0}, radius=sp.Rational(1, 2)).radius == 0.5
