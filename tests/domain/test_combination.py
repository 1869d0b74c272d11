"""Differences, unions and intersections: what is left, and what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sympy as sp

from pinnlab import Ball, Box, Difference, Disk, Intersection, Polygon, Union
from pinnlab.serial import Decoder, decode_domain, encode_domain

x, y, z = sp.symbols("x y z", real=True)
SQUARE = Box({x: (0, 1), y: (0, 1)})


def test_membership_follows_the_algebra_of_sets():
    a, b = Disk({x: 0, y: 0}, 1, "a"), Disk({x: 1, y: 0}, 1, "b")
    points = np.random.default_rng(0).uniform(-2, 3, (5_000, 2))
    in_a, in_b = a.contains(points), b.contains(points)
    np.testing.assert_array_equal(Union(a, b).contains(points), in_a | in_b)
    np.testing.assert_array_equal(Intersection(a, b).contains(points), in_a & in_b)
    np.testing.assert_array_equal(Difference(a, b).contains(points), in_a & ~in_b)


def test_a_hole_belongs_to_the_region_with_its_rim_only():
    plate = Difference(SQUARE, Disk({x: 0.5, y: 0.5}, 0.25))
    np.testing.assert_array_equal(
        plate.contains(np.array([[0.5, 0.5], [0.75, 0.5], [0.5, 0.74]])), [False, True, False]
    )


def test_pieces_that_are_gone_are_no_pieces():
    half = Difference(SQUARE, Polygon((x, y), [(-1, 0.5), (2, 0.5), (2, 2), (-1, 2)], names=["cut", "r", "t", "l"]))
    assert half.pieces == ("bottom", "right", "left", "cut")


def test_combinations_nest():
    ring = Difference(Disk({x: 0, y: 0}, 2, "outer"), Disk({x: 0, y: 0}, 1, "inner"))
    arch = Intersection(ring, Box({x: (-3, 3), y: (0, 3)}))
    assert set(arch.pieces) == {"outer", "inner", "bottom"}
    assert sum(c.area for c in arch.outline) == pytest.approx(1.5 * np.pi)


@pytest.mark.parametrize(
    "region",
    [
        Difference(Union(SQUARE, Disk({x: 1, y: 1}, 0.5, "knob")), Disk({x: 0.5, y: 0.5}, 0.1, "hole")),
        Intersection(Polygon((x, y), [(0, 0), (3, 0), (0, 3)], names=["a", "b", "c"]), Disk({x: 0, y: 0}, 2)),
        Difference(Box({x: (0, 1), y: (0, 1), z: (0, 1)}), Ball({x: 0, y: 0, z: 0}, 0.5)),
    ],
)
def test_a_combination_survives_json(region):
    text = json.dumps(encode_domain(region))
    again = decode_domain(json.loads(text), Decoder())
    assert again == region
    assert hash(again) == hash(region)


def test_json_of_a_shape_that_is_unknown_or_too_deep_is_refused():
    node = encode_domain(Difference(SQUARE, Disk({x: 0.5, y: 0.5}, 0.25)))
    unknown = json.loads(json.dumps(node).replace('"Disk"', '"Teapot"'))
    with pytest.raises(ValueError, match="unknown shape 'Teapot'"):
        decode_domain(unknown, Decoder())
    for _ in range(2_000):
        node = {"type": "Union", "operands": [node, node]}
    with pytest.raises((ValueError, RecursionError)):
        decode_domain(node, Decoder())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Union(SQUARE), "two or more shapes"),
        (lambda: Union(SQUARE, "disk"), "'disk' is no shape"),
        (lambda: Difference(SQUARE, Disk({x: 5, y: 5}, 1)), "nothing of Disk.* is left in it"),
        (lambda: Intersection(SQUARE, Disk({x: 5, y: 5}, 1)), "nothing is left"),
        (lambda: Difference(SQUARE, Disk({x: 0.5, y: 0.5}, 5)), "nothing is left"),
        (lambda: Difference(SQUARE, Ball({x: 0, y: 0, z: 0}, 1)), "has the coordinates"),
        (lambda: Union(Box({x: (0, 1), y: (0, 1)}, periodic=[x]), Disk({x: 0, y: 0}, 1)), "is periodic"),
        (lambda: Union(Box({x: (0, 1)}), Box({x: (2, 3)})), "of the plane or of space"),
    ],
)
def test_combinations_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_shape_without_effect_is_noticed_behind_another_of_its_name():
    inner, outer = Disk({x: 0.5, y: 0.5}, 0.1), Disk({x: 5, y: 5}, 0.1)
    with pytest.raises(ValueError, match=r"nothing of Disk\(\{x: 5, y: 5\}.* is left"):
        Difference(SQUARE, inner, outer)
    cube = Box({x: (0, 1), y: (0, 1), z: (0, 1)})
    balls = [Ball({x: c, y: c, z: c}, 0.2) for c in (0.5, 5)]
    with pytest.raises(ValueError, match=r"nothing of Ball\(\{x: 5, y: 5, z: 5\}.* is left"):
        Difference(cube, *balls)
