"""What every shape promises: points inside, on and beside its boundary, and meshes that fill it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

from pinnlab import Ball, Box, Difference, Disk, Intersection, Polygon, Union
from pinnlab.meshing.quality import Facets, facet_normals, smallest_angle, volumes

x, y, z = sp.symbols("x y z", real=True)
LENS = 2 * math.pi / 3 - math.sqrt(3) / 2  # two unit discs whose centres are one apart
PLANE = {
    "rectangle with holes": (
        Difference(Box({x: (0, 8), y: (0, 8)}), Disk({x: 6, y: 6}, 1, "hole"), Disk({x: 2, y: 1}, 0.5, "hole")),
        64 - 1.25 * math.pi,
        {"left": 8, "right": 8, "bottom": 8, "top": 8, "hole": 3 * math.pi},
    ),
    "disc": (Disk({x: 1, y: -2}, 0.5), math.pi / 4, {"disk": math.pi}),
    "clockwise L": (
        Polygon((x, y), [(0, 0), (0, 1), (-1, 1), (-1, -1), (1, -1), (1, 0)], names=["in", *["out"] * 4, "in"]),
        3,
        {"in": 2, "out": 6},
    ),
    "union": (
        Union(Disk({x: 0, y: 0}, 1, "a"), Disk({x: 1, y: 0}, 1, "b")),
        2 * math.pi - LENS,
        {"a": 4 * math.pi / 3, "b": 4 * math.pi / 3},
    ),
    "intersection": (
        Intersection(Disk({x: 0, y: 0}, 1, "a"), Disk({x: 1, y: 0}, 1, "b")),
        LENS,
        {"a": 2 * math.pi / 3, "b": 2 * math.pi / 3},
    ),
    "a corner bitten off": (
        Difference(Box({x: (0, 1), y: (0, 1)}), Disk({x: 1, y: 1}, 0.5, "bite")),
        1 - math.pi / 16,
        {"left": 1, "right": 0.5, "bottom": 1, "top": 0.5, "bite": math.pi / 4},
    ),
}
SOLID = {
    "ball": Ball({x: 0, y: 0, z: 1}, 2),
    "cube without two bites": Difference(
        Box({x: (0, 1), y: (0, 1), z: (0, 1)}),
        Ball({x: 0, y: 0, z: 0}, 0.5, "bite"),
        Ball({x: 1, y: 1, z: 1}, 0.25, "bite"),
    ),
    "two balls": Union(Ball({x: 0, y: 0, z: 0}, 1, "a"), Ball({x: 1, y: 0, z: 0}, 1, "b")),
}


@pytest.fixture(params=sorted(PLANE))
def plane(request):
    return PLANE[request.param]


@pytest.fixture(params=[*sorted(PLANE), *sorted(SOLID)])
def shape(request):
    return PLANE[request.param][0] if request.param in PLANE else SOLID[request.param]


def test_points_drawn_inside_are_inside_and_uniform(plane):
    shape, area, _ = plane
    points = shape.sample(40_000, np.random.default_rng(0))
    assert points.shape == (40_000, 2)
    assert shape.contains(points).all()
    # A quarter of the bounding box gets the share of points that its area has.
    middle = (shape.lower + shape.upper) / 2
    fine = shape.lower + (shape.upper - shape.lower) * np.random.default_rng(1).random((400_000, 2))
    inside = fine[shape.level(fine) < 0]
    assert len(inside) / len(fine) * np.prod(shape.upper - shape.lower) == pytest.approx(area, rel=0.01)
    share = (inside < middle).all(axis=1).mean()
    assert (points < middle).all(axis=1).mean() == pytest.approx(share, abs=0.012)


def test_the_boundary_lies_between_inside_and_outside_along_its_normals(shape):
    rng = np.random.default_rng(2)
    for piece in shape.pieces:
        points, normals = shape.sample_piece(piece, 300, rng)
        assert points.shape == normals.shape == (300, len(shape.coordinates))
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, rtol=1e-14)
        assert np.abs(shape.level(points)).max() < 1e-12 * shape.extent
        assert shape.contains(points).all()
        assert shape.contains(points - 1e-6 * normals).all()
        assert not shape.contains(points + 1e-6 * normals).any()


def test_pieces_have_their_lengths(plane):
    shape, area, lengths = plane
    assert set(shape.pieces) == set(lengths)
    for piece, length in lengths.items():
        assert math.fsum(c.length for c in shape.outline if c.piece == piece) == pytest.approx(length, rel=1e-12)
    assert sum(c.area for c in shape.outline) == pytest.approx(area, rel=1e-12)


def test_points_on_a_piece_are_uniform_by_length():
    shape = PLANE["rectangle with holes"][0]
    points, _ = shape.sample_piece("hole", 20_000, np.random.default_rng(3))
    assert (np.hypot(points[:, 0] - 6, points[:, 1] - 6) < 1.001).mean() == pytest.approx(2 / 3, abs=0.01)


def test_points_on_a_piece_in_space_are_uniform_by_area():
    shape = SOLID["cube without two bites"]
    points, _ = shape.sample_piece("bite", 20_000, np.random.default_rng(3))
    assert (points.sum(axis=1) < 1.5).mean() == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("cells", [6, 20, 90])
def test_meshes_fill_the_plane_region_with_good_triangles(plane, cells):
    shape, area, lengths = plane
    size = shape.extent / cells
    mesh = shape.mesh(size)
    assert smallest_angle(mesh) > 15
    assert (volumes(mesh) > 0).all()
    # Chords of circles leave out or add slivers of second order.
    assert volumes(mesh).sum() == pytest.approx(area, rel=0.04 / min(cells / 6, 5) ** 2)
    assert mesh.edge_lengths.max() < 1.6 * size
    boundary = Facets.of(mesh).boundary
    named = np.concatenate(list(mesh.pieces.values()))
    assert {tuple(sorted(f)) for f in named} == {tuple(sorted(f)) for f in boundary}
    assert len(named) == len(boundary)
    assert set(mesh.pieces) == set(lengths)
    for piece, facets in mesh.pieces.items():
        assert np.abs(shape.level(mesh.points[facets].reshape(-1, 2))).max() < 1e-9 * shape.extent, piece
        chords = np.linalg.norm(np.diff(mesh.points[facets], axis=1), axis=2).sum()
        assert chords == pytest.approx(lengths[piece], rel=0.03)


def test_the_same_region_has_the_same_mesh_every_time(plane):
    a, b = (plane[0].mesh(plane[0].extent / 12) for _ in range(2))
    np.testing.assert_array_equal(a.points, b.points)
    np.testing.assert_array_equal(a.cells, b.cells)


def test_normals_of_mesh_facets_are_those_of_the_shape():
    shape = PLANE["rectangle with holes"][0]
    mesh = shape.mesh(0.25)
    normals, _ = facet_normals(mesh, mesh.pieces["hole"])
    middles = mesh.points[mesh.pieces["hole"]].mean(axis=1)
    centre = np.where(np.hypot(*(middles - 6).T)[:, None] < 2, [6, 6], [2, 1])
    inwards = (centre - middles) / np.linalg.norm(centre - middles, axis=1)[:, None]
    np.testing.assert_allclose(normals, inwards, atol=1e-9)


def test_a_mesh_of_a_region_with_two_holes_has_the_euler_characteristic_of_one():
    mesh = PLANE["rectangle with holes"][0].mesh(0.7)
    edges = len(Facets.of(mesh).count)
    assert len(mesh.points) - edges + len(mesh.cells) == 1 - 2


def test_a_ball_is_filled_with_tetrahedra():
    ball = Ball({x: 0, y: 0, z: 1}, 2)
    mesh = ball.mesh(0.5)
    assert volumes(mesh).sum() == pytest.approx(4 / 3 * math.pi * 8, rel=0.02)
    assert np.abs(ball.level(mesh.points[np.unique(mesh.pieces["ball"])])).max() < 1e-12
    assert smallest_angle(mesh) > 15


@pytest.mark.parametrize("size", [0.0, -1.0, math.nan, math.inf])
def test_a_mesh_needs_a_positive_size(size):
    for shape in (PLANE["disc"][0], SOLID["ball"]):
        with pytest.raises(ValueError, match="size must be a positive number"):
            shape.mesh(size)


def test_a_piece_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match="no piece 'hol'; its pieces are bottom, right, top, left, hole"):
        PLANE["rectangle with holes"][0].sample_piece("hol", 3, np.random.default_rng(0))
