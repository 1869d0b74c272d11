"""Where processes are told of equations and conditions."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Disk, Problem, dirichlet, initial
from pinnlab.errors import UnsupportedProblem
from pinnlab.gps.placement import GivenPoints, NodeGrid, Scattered

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")
RNG = np.random.default_rng(0)


def heat(periodic=()):
    v = u(t, x)
    conditions = [initial(v, sp.sin(sp.pi * x))] + ([] if periodic else [dirichlet(v, 0)])
    return Problem(
        name="heat",
        equations=[D(v, t) - D(v, x, 2)],
        unknowns=[v],
        domain=Box({t: (0, 2), x: (-1, 1)}, periodic=periodic),
        conditions=conditions,
        time=t,
    )


def disk():
    v = u(x, y)
    return Problem(
        name="disk",
        equations=[D(v, x, 2) + D(v, y, 2) - 1],
        unknowns=[v],
        domain=Disk({x: 0, y: 0}, radius=1, name="rim"),
        conditions=[dirichlet(v, 0)],
    )


def test_inner_nodes_are_zeros_of_chebyshev_polynomials():
    times, places = NodeGrid((3, 2)).axes(heat())
    np.testing.assert_allclose(times, 1 - np.cos(np.pi * np.array([1, 3, 5]) / 6), atol=1e-15)
    np.testing.assert_allclose(places, [-np.sqrt(0.5), np.sqrt(0.5)], atol=1e-15)


def test_sides_have_the_nodes_of_the_other_axes_and_their_ends():
    grid = NodeGrid((3, 2))
    points, normals = grid.on_piece(heat(), "left", RNG)
    assert points.shape == (5, 2)
    assert (points[:, 1] == -1).all()
    assert points[0, 0] == 0
    assert points[-1, 0] == 2
    np.testing.assert_array_equal(normals[:, 1], -1)
    start, _ = grid.on_piece(heat(), "initial", RNG)
    assert start.shape == (4, 2)
    assert (start[:, 0] == 0).all()


def test_nodes_of_a_periodic_axis_are_even_and_without_its_end():
    _, places = NodeGrid((3, 4)).axes(heat(periodic=[x]))
    np.testing.assert_allclose(places, [-1, -0.5, 0, 0.5])


def test_the_grid_of_a_shape_keeps_what_lies_inside():
    points = NodeGrid(20).inside(disk(), RNG)
    assert (np.hypot(*points.T) <= 1 + 1e-12).all()
    assert 200 < len(points) < 400
    rim, normals = NodeGrid(20).on_piece(disk(), "rim", RNG)
    np.testing.assert_allclose(np.hypot(*rim.T), 1, atol=1e-12)
    np.testing.assert_allclose(normals, rim, atol=1e-12)


def test_more_nodes_than_anything_takes_are_not_made():
    names = sp.symbols("a b c d", real=True)
    v = u(*names)
    many = Problem(name="many", equations=[sum(D(v, z, 2) for z in names)], unknowns=[v],
                   domain=Box(dict.fromkeys(names, (0, 1))), conditions=[dirichlet(v, 0)])  # fmt: skip
    with pytest.raises(UnsupportedProblem, match="nodes along 4 coordinates"):
        NodeGrid(100).inside(many, RNG)
    with pytest.raises(UnsupportedProblem, match="nodes along 4 coordinates"):
        NodeGrid((1, 300, 300, 300)).on_piece(many, next(iter(many.region.sides)), RNG)


def test_counts_for_other_coordinates_are_told():
    with pytest.raises(ValueError, match=r"\(5, 5, 5\) nodes for the coordinates \(t, x\); give one for each"):
        NodeGrid((5, 5, 5)).axes(heat())


def test_missing_counts_are_told():
    with pytest.raises(ValueError, match="give one number for each"):
        NodeGrid().axes(heat())


def test_scattered_points_are_as_many_as_asked_for_and_inside():
    points = Scattered(300).inside(disk(), np.random.default_rng(0))
    assert points.shape == (300, 2)
    assert (np.hypot(*points.T) <= 1 + 1e-12).all()
    assert len(np.unique(points, axis=0)) == 300


def test_given_points_are_checked():
    with pytest.raises(ValueError, match="occur twice"):
        GivenPoints(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="lie outside"):
        GivenPoints(np.array([[3.0, 0.0]])).inside(disk(), RNG)
    with pytest.raises(ValueError, match="columns for the coordinates"):
        GivenPoints(np.array([[0.1]])).inside(disk(), RNG)
    with pytest.raises(ValueError, match="finite numbers"):
        GivenPoints(np.array([[np.nan, 0.0]]))
