from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box

t, x, y, z, s = sp.symbols("t x y z s", real=True)


def test_sides_are_named_in_the_order_of_the_axes():
    box = Box({x: (0, 1), y: (2, 3), z: (-1, 1), s: (0, 4)})
    assert box.pieces == ("left", "right", "bottom", "top", "back", "front", "s_lower", "s_upper")
    assert box.sides["top"] == (y, 3.0)
    assert box.sides["s_lower"] == (s, 0.0)


def test_a_periodic_axis_has_no_sides_and_the_others_keep_their_names():
    assert Box({x: (0, 1), y: (0, 1)}, periodic=[x]).pieces == ("bottom", "top")


def test_bounds_may_be_exact_numbers():
    assert Box({x: (0, 2 * sp.pi)}).upper == pytest.approx([2 * np.pi], abs=0)


def test_contains_is_the_closed_box():
    box = Box({x: (0, 1), y: (-1, 1)})
    points = np.array([[0.0, -1.0], [1.0, 1.0], [0.5, 1.0 + 1e-12], [-1e-12, 0.0]])
    assert box.contains(points).tolist() == [True, True, False, False]


def test_samples_fill_the_box_evenly():
    box = Box({x: (-1, 3), y: (10, 11)})
    points = box.sample(20_000, np.random.default_rng(0))
    assert box.contains(points).all()
    np.testing.assert_allclose(points.mean(axis=0), [1.0, 10.5], atol=0.04)
    np.testing.assert_allclose(points.std(axis=0), [4 / 12**0.5, 1 / 12**0.5], rtol=0.03)


@pytest.mark.parametrize("piece", ["left", "right", "bottom", "top"])
def test_points_on_a_side_lie_there_with_the_outward_normal(piece):
    box = Box({x: (-2, 1), y: (3, 5)})
    points, normals = box.sample_piece(piece, 50, np.random.default_rng(1))
    assert box.contains(points).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0)
    assert not box.contains(points + 1e-6 * normals).any()
    assert box.contains(points - 1e-6 * normals).mean() > 0.99


def test_an_unknown_side_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no side 'top'; its sides are left, right"):
        Box({x: (0, 1)}).sample_piece("top", 1, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("bounds", "word"),
    [
        ((1, 1), "no length"),
        ((1, 0), "no length"),
        ((0, np.inf), "finite"),
        ((0, float("nan")), "finite"),
        ((0, "1"), "a finite number"),
        (3, "two numbers"),
        ((0, 1, 2), "two numbers"),
        ((0, 10**400), "a finite number"),
    ],
)
def test_a_meaningless_interval_is_refused(bounds, word):
    with pytest.raises(ValueError, match=word):
        Box({x: bounds})


def test_a_periodic_axis_must_belong_to_the_box():
    with pytest.raises(ValueError, match="periodic axis y"):
        Box({x: (0, 1)}, periodic=[y])
    with pytest.raises(ValueError, match="not a coordinate"):
        Box({"x": (0, 1)})


def test_equal_boxes_are_equal_and_hash_alike():
    a, b = Box({x: (0, 1)}, periodic=[x]), Box({x: (0.0, 1.0)}, periodic=(x,))
    assert a == b
    assert hash(a) == hash(b)
    assert a != Box({x: (0, 1)})
    assert repr(a) == "Box({x: (0, 1)}, periodic=['x'])"


def test_without_drops_one_axis():
    assert Box({t: (0, 1), x: (0, 2)}, periodic=[x]).without(t) == Box({x: (0, 2)}, periodic=[x])
