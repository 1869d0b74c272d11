"""Assembly: against scikit-fem on every kind of cell, and by hand."""

import numpy as np
import pytest
import skfem

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.structured import box_mesh
from pinnlab.numerics.galerkin import Block, Patch, Pattern, assembled, scatter
from pinnlab.numerics.lagrange import LagrangeSpace

OTHERS = {
    "line": (skfem.MeshLine, skfem.ElementLineP1, skfem.ElementLineP2),
    "triangle": (skfem.MeshTri, skfem.ElementTriP1, skfem.ElementTriP2),
    "quad": (skfem.MeshQuad, skfem.ElementQuad1, skfem.ElementQuad2),
    "tetra": (skfem.MeshTet, skfem.ElementTetP1, skfem.ElementTetP2),
}
ORDER = 5


def oblique_quads():
    points = np.array([[0.0, 0], [1, 0], [2, 0.1], [0.1, 1], [1.2, 0.9], [2, 1.1]])
    return Mesh(points, np.array([[0, 1, 4, 3], [1, 2, 5, 4]]), "quad")


def mesh(kind):
    dim = {"line": 1, "triangle": 2, "tetra": 3}.get(kind)
    return (
        oblique_quads() if dim is None else box_mesh(np.zeros(dim), np.array([1.0, 1.3, 0.8][:dim]), 0.9, [None] * dim)
    )


def patch(spaces):
    points = spaces[0].mesh.points
    return Patch(spaces[0].mesh.kind, points[spaces[0].mesh.cells], tuple(s.degree for s in spaces), ORDER)


def coefficient(a, b, x):
    return 1 + a + np.cos(b + x[..., 0]) * (x[..., -1] + 2)


def bilinear(row, column):
    """The matrix with all coefficients c_ab(x) at once."""
    found, cells = [], patch([row, column])
    dim = row.mesh.dim
    for chunk in cells.chunks():
        c = {
            (a, b): coefficient(a, b, np.moveaxis(chunk.points, 0, -1)) for a in range(dim + 1) for b in range(dim + 1)
        }
        found.append(chunk.matrix(row.degree, column.degree, c))
    return assembled((row.n, column.n), [(Block(row.connectivity, column.connectivity), np.concatenate(found))])


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("degrees", [(1, 1), (2, 2), (2, 1), (1, 2)])
def test_matrices_with_varying_coefficients_are_those_of_scikit_fem(kind, degrees):
    m = mesh(kind)
    row, column = (LagrangeSpace(m, d) for d in degrees)
    other_mesh = OTHERS[kind][0](m.points.T.copy(), m.cells.T.copy())
    # The same points, so that the same errors of quadrature.
    cells = patch([row, column])
    rule = (cells.local.T, cells.weights)
    bases = [skfem.Basis(other_mesh, OTHERS[kind][d](), quadrature=rule) for d in degrees]

    @skfem.BilinearForm
    def form(u, v, w):
        x = np.moveaxis(w.x, 0, -1)
        left, right = [v, *v.grad], [u, *u.grad]
        return sum(coefficient(a, b, x) * p * q for a, p in enumerate(left) for b, q in enumerate(right))

    expected = form.assemble(bases[1], bases[0])
    f, g = (lambda x: np.sin(3 * x[0]) + x[-1] ** 2), (lambda x: np.exp(x[0] - x[-1]))
    theirs = f(bases[0].doflocs) @ (expected @ g(bases[1].doflocs))
    ours = f(row.nodes.T) @ (bilinear(row, column) @ g(column.nodes.T))
    assert ours == pytest.approx(theirs, rel=1e-11)


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("degree", [1, 2])
def test_a_matrix_times_nodal_values_is_the_vector_of_the_function(kind, degree):
    space = LagrangeSpace(mesh(kind), degree)
    dim = space.mesh.dim
    nodal = np.sin(2 * space.nodes[:, 0]) + space.nodes[:, -1]
    cells, total = patch([space]), np.zeros(space.n)
    for chunk in cells.chunks():
        nodes = space.connectivity[chunk.part]
        jets = [chunk.value(degree, nodal[nodes]), *chunk.gradient(degree, nodal[nodes])]
        integrand = [
            sum(coefficient(a, b, np.moveaxis(chunk.points, 0, -1)) * jets[b] for b in range(dim + 1))
            for a in range(dim + 1)
        ]
        total += scatter(space.n, nodes, chunk.vector(degree, integrand))
    np.testing.assert_allclose(total, bilinear(space, space) @ nodal, atol=1e-11)


def test_stiffness_of_the_unit_triangle_by_hand():
    space = LagrangeSpace(Mesh(np.array([[0.0, 0], [1, 0], [0, 1]]), np.array([[0, 1, 2]]), "triangle"), 1)
    (chunk,) = patch([space]).chunks()
    one = np.ones((1, 1))
    stiffness = chunk.matrix(1, 1, {(1, 1): one, (2, 2): one})[0]
    np.testing.assert_allclose(stiffness, [[1, -0.5, -0.5], [-0.5, 0.5, 0], [-0.5, 0, 0.5]], atol=1e-15)
    mass = chunk.matrix(1, 1, {(0, 0): one})[0]
    np.testing.assert_allclose(mass, (np.ones((3, 3)) + np.eye(3)) / 24, atol=1e-15)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_facets_integrate_over_the_boundary(dim):
    m = box_mesh(np.zeros(dim), np.array([1.0, 2.0, 3.0][:dim]), 1.7, [("a", "b"), ("c", "d"), ("e", "f")][:dim])
    space = LagrangeSpace(m, 2)
    facets = m.pieces["b"]
    kind = {1: "vertex", 2: "line", 3: "triangle"}[dim]
    boundary = Patch(kind, m.points[facets], (2,), ORDER)
    nodes = space.facet_nodes(facets)
    total = np.zeros(space.n)
    for chunk in boundary.chunks():
        u = chunk.value(2, space.nodes[nodes[chunk.part]][..., -1] ** 2)
        total += scatter(space.n, nodes[chunk.part], chunk.vector(2, [u]))
    # ∫ of the square of the last coordinate over the side x = 1.
    assert total.sum() == pytest.approx({1: 1.0, 2: 8 / 3, 3: 2 * 9}[dim])
    assert np.all(total[space.nodes[:, 0] < 1] == 0)


def test_a_pattern_fills_in_what_one_assembly_gives_and_leaves_out_negative_places():
    space = LagrangeSpace(mesh("triangle"), 2)
    (chunk,) = patch([space]).chunks()
    matrices = chunk.matrix(2, 2, {(0, 0): np.ones((1, 1)), (1, 1): chunk.points[0]})
    nodes = np.where(space.connectivity % 3 == 0, -1, space.connectivity)
    block = Block(nodes, nodes)
    once = assembled((space.n, space.n), [(block, matrices)]).toarray()
    pattern = Pattern((space.n, space.n), [block])
    np.testing.assert_allclose(pattern.fill([matrices]).toarray(), once, atol=1e-15)
    np.testing.assert_allclose(pattern.fill([2 * matrices]).toarray(), 2 * once, atol=1e-15)
    assert np.all(once[::3] == 0)
    assert np.all(once[:, ::3] == 0)
    assert once.any()
