"""Finite-element functions on meshes: nodes, point location, derivatives."""

import numpy as np
import pytest

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.structured import box_mesh
from pinnlab.numerics.lagrange import LagrangeSpace

SIDES = [("left", "right"), ("bottom", "top"), ("back", "front")]


def simplices(dim, size=0.7):
    return box_mesh(np.zeros(dim), np.array([1.0, 1.5, 1.2][:dim]), size, SIDES[:dim])


def quads(n=3):
    """Quadrilaterals that are no parallelograms on [0, 1]²."""
    x, y = np.meshgrid(np.linspace(0, 1, n + 1), np.linspace(0, 1, n + 1), indexing="ij")
    points = np.stack([x + 0.1 * np.sin(np.pi * x) * np.sin(np.pi * y), y + 0.08 * np.sin(np.pi * x * y)], axis=-1)
    points[:, -1, 1], points[-1, :, 0] = 1.0, 1.0
    index = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    cells = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    bottom = np.stack([index[:-1, 0], index[1:, 0]], axis=1)
    return Mesh(points.reshape(-1, 2), cells, "quad", {"bottom": bottom})


MESHES = {"line": simplices(1), "triangle": simplices(2), "tetra": simplices(3), "quad": quads()}


def polynomial(points, degree):
    """A full polynomial of the degree, with its first and second derivatives along the first and last axis."""
    x, z = points[:, 0], points[:, -1]
    if degree == 1:
        return 1 + 2 * x - 3 * z, np.full(len(x), 2.0), None
    return 1 + 2 * x - 3 * z + x**2 + 4 * x * z, 2 + 2 * x + 4 * z, None


@pytest.mark.parametrize("kind", MESHES)
@pytest.mark.parametrize("degree", [1, 2])
def test_polynomials_of_the_degree_are_exact_at_every_point(kind, degree):
    space = LagrangeSpace(MESHES[kind], degree)
    points = np.random.default_rng(0).random((200, space.mesh.dim))
    nodal = polynomial(space.nodes, 1)[0] if kind == "quad" else polynomial(space.nodes, degree)[0]
    exact = polynomial(points, 1 if kind == "quad" else degree)[0]
    np.testing.assert_allclose(space.interpolation(points) @ nodal, exact, atol=1e-11)


@pytest.mark.parametrize("kind", ["triangle", "tetra"])
def test_derivatives_of_a_quadratic_are_exact(kind):
    space = LagrangeSpace(MESHES[kind], 2)
    points = np.random.default_rng(1).random((50, space.mesh.dim))
    x, z = points[:, 0], points[:, -1]
    nodal = polynomial(space.nodes, 2)[0]
    first = [1, *[0] * (space.mesh.dim - 1)]
    mixed = [1, *[0] * (space.mesh.dim - 2), 1]
    np.testing.assert_allclose(space.interpolation(points, first) @ nodal, 2 + 2 * x + 4 * z, atol=1e-10)
    np.testing.assert_allclose(space.interpolation(points, mixed) @ nodal, 4.0, atol=1e-9)
    np.testing.assert_allclose(space.interpolation(points, [2, *first[1:]]) @ nodal, 2.0, atol=1e-9)


@pytest.mark.parametrize("orders", [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2)])
def test_derivatives_on_oblique_quads_agree_with_differences(orders):
    space = LagrangeSpace(quads(2), 2)
    nodal = np.sin(2 * space.nodes[:, 0] + space.nodes[:, 1] ** 2)
    # Middles of cells, so that differences do not straddle them.
    points = space.mesh.points[space.mesh.cells].mean(axis=1)
    axis = 0 if orders[0] else 1
    lower = list(orders)
    lower[axis] -= 1
    step = 1e-5 * np.eye(2)[axis]
    ahead, behind = (space.interpolation(points + s, lower) @ nodal for s in (step, -step))
    np.testing.assert_allclose(space.interpolation(points, orders) @ nodal, (ahead - behind) / 2e-5, atol=2e-8)


def test_nodes_of_a_quadratic_triangle_follow_the_order_of_vtk():
    space = LagrangeSpace(Mesh(np.array([[0.0, 0.0], [2, 0], [0, 2]]), np.array([[0, 1, 2]]), "triangle"), 2)
    expected = [[0, 0], [2, 0], [0, 2], [1, 0], [1, 1], [0, 1]]
    np.testing.assert_array_equal(space.nodes[space.connectivity[0]], expected)
    assert space.cell_type == "triangle6"


@pytest.mark.parametrize("kind", MESHES)
@pytest.mark.parametrize("degree", [1, 2])
def test_nodes_are_shared_between_cells(kind, degree):
    space = LagrangeSpace(MESHES[kind], degree)
    assert len(np.unique(space.nodes.round(12), axis=0)) == space.n
    assert set(space.connectivity.ravel()) == set(range(space.n))


@pytest.mark.parametrize("kind", ["triangle", "tetra", "quad"])
def test_nodes_of_a_piece_are_those_that_lie_on_it(kind):
    space = LagrangeSpace(MESHES[kind], 2)
    expected = np.flatnonzero(space.nodes[:, 1] == 0)
    np.testing.assert_array_equal(space.piece_nodes("bottom"), expected)


def test_points_outside_are_continued_from_the_nearest_cell():
    space = LagrangeSpace(simplices(2), 2)
    outside = np.array([[-0.01, 0.3], [1.02, 1.51], [0.5, -0.005]])
    values = space.interpolation(outside) @ (space.nodes[:, 0] * space.nodes[:, 1])
    np.testing.assert_allclose(values, outside[:, 0] * outside[:, 1], atol=1e-12)


def test_points_are_found_in_meshes_whose_cells_differ_much_in_size():
    # A fan of long thin triangles beside tiny ones: the nearest centre is often not that of the point's cell.
    x = np.concatenate([[0.0], np.geomspace(1e-4, 1, 12)])
    points = np.concatenate([np.stack([x, 0 * x], 1), np.stack([x, 0 * x + 1], 1)])
    n = len(x)
    low = np.arange(n - 1)
    cells = np.concatenate([np.stack([low, low + 1, low + n], 1), np.stack([low + 1, low + n + 1, low + n], 1)])
    space = LagrangeSpace(Mesh(points, cells, "triangle"), 1)
    targets = np.random.default_rng(0).random((500, 2)) ** [4, 1]
    cells, local = space.locate(targets)
    assert np.all(space.element.excess(local) < 1e-9)


def test_derivatives_beyond_the_degree_are_refused():
    with pytest.raises(ValueError, match="degree 1"):
        LagrangeSpace(simplices(2), 1).interpolation(np.zeros((1, 2)), (1, 1))


def test_a_point_of_a_large_cell_beside_thousands_of_tiny_ones_is_found():
    # The centres of 200 thin triangles on the rim of the large one are all nearer to the point than its own.
    rim = np.linspace(0, 1, 201)
    low = np.concatenate([np.stack([rim, 0 * rim], 1), np.stack([rim, 0 * rim - 1e-3], 1), [[0.5, 30.0]]])
    k = np.arange(200)
    strip = np.concatenate([np.stack([k + 201, k + 202, k], 1), np.stack([k + 202, k + 1, k], 1)])
    fan = np.stack([k, k + 1, np.full(200, 402)], 1)
    space = LagrangeSpace(Mesh(low, np.concatenate([strip, fan]), "triangle"), 1)
    targets = np.stack([np.linspace(0.01, 0.99, 300), np.full(300, 1e-2)], axis=1)
    cells, local = space.locate(targets)
    assert np.all(space.element.excess(local) < 1e-9)
    assert np.all(cells >= 400)
