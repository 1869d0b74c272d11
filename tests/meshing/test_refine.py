"""Uniform refinement: volumes stay, pieces follow, sizes halve, cells stay sound."""

import numpy as np
import pytest

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import Facets, facet_normals, smallest_angle, volumes
from pinnlab.meshing.refine import longest_edge, refined, refined_to
from pinnlab.meshing.soundness import sound
from pinnlab.meshing.structured import box_mesh

SIDES = [("left", "right"), ("bottom", "top"), ("back", "front")]


def quads() -> Mesh:
    points = [[0, 0], [1, 0], [2, 0.5], [0, 1], [1.2, 1], [2, 1.5]]
    return Mesh(np.array(points), np.array([[0, 1, 4, 3], [1, 2, 5, 4]]), "quad", {"low": np.array([[0, 1], [1, 2]])})


def box(dim: int) -> Mesh:
    return box_mesh(np.zeros(dim), np.arange(1.0, dim + 1), 2.0, SIDES[:dim])


MESHES = {"line": box(1), "triangle": box(2), "tetra": box(3), "quad": quads()}


@pytest.mark.parametrize("kind", MESHES)
def test_every_cell_becomes_the_same_number_of_positive_ones_that_fill_it(kind):
    mesh = MESHES[kind]
    parts = {"line": 2, "triangle": 4, "quad": 4, "tetra": 8}[kind]
    fine = refined(mesh)
    children = volumes(fine).reshape(len(mesh.cells), parts)
    assert (children > 0).all()
    np.testing.assert_allclose(children.sum(axis=1), volumes(mesh), rtol=1e-13)


@pytest.mark.parametrize("kind", MESHES)
def test_a_refined_mesh_passes_all_checks_of_soundness(kind):
    fine = refined(refined(MESHES[kind]))
    checked = sound(fine.points, fine.cells, kind, fine.pieces)
    assert {k: len(v) for k, v in checked.pieces.items() if k != "boundary"} == {
        k: len(v) for k, v in fine.pieces.items()
    }


@pytest.mark.parametrize("kind", MESHES)
def test_pieces_keep_their_areas_and_their_normals(kind):
    mesh = MESHES[kind]
    fine = refined(mesh)
    facets = {"line": 1, "triangle": 2, "quad": 2, "tetra": 4}[kind]
    for name, coarse in mesh.pieces.items():
        assert len(fine.pieces[name]) == facets * len(coarse)
        normals, areas = facet_normals(mesh, coarse)
        finer, parts = facet_normals(fine, fine.pieces[name])
        np.testing.assert_allclose(finer, np.repeat(normals, facets, axis=0), atol=1e-13)
        np.testing.assert_allclose(parts.reshape(-1, facets).sum(axis=1), areas)


def test_a_triangle_is_split_at_the_middles_of_its_edges():
    mesh = Mesh(np.array([[0.0, 0], [2, 0], [0, 2]]), np.array([[0, 1, 2]]), "triangle", {"low": np.array([[0, 1]])})
    fine = refined(mesh)
    found = {tuple(sorted(map(tuple, fine.points[c]))) for c in fine.cells}
    assert found == {
        ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0)),
        ((1.0, 0.0), (1.0, 1.0), (2.0, 0.0)),
        ((0.0, 1.0), (0.0, 2.0), (1.0, 1.0)),
        ((0.0, 1.0), (1.0, 0.0), (1.0, 1.0)),
    }
    assert fine.points[fine.pieces["low"]].tolist() == [[[0, 0], [1, 0]], [[1, 0], [2, 0]]]


def test_the_octahedron_is_cut_along_its_shortest_diagonal():
    # Middles of opposite edges are 0.5 √(a² + b² + c² - …) apart; by hand for these corners:
    # (0,1)-(2,3): (1, -1, -.5) → 1.5, (1,2)-(0,3): (1, 1, -.5) → 1.5, (2,0)-(1,3): (-1, 1, -.5) → 1.5;
    # moving corner 3 to (2, 2, 1) makes them (0, -2, -.5), (0, 0, -.5) and (-2, 0, -.5).
    points = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [2, 2, 1]])
    fine = refined(Mesh(points, np.array([[0, 1, 2, 3]]), "tetra"))
    middles = {tuple(0.5 * (points[1] + points[2])), tuple(0.5 * (points[0] + points[3]))}
    inner = [{tuple(p) for p in fine.points[c]} for c in fine.cells[4:]]
    assert all(middles <= corners for corners in inner)
    np.testing.assert_allclose(volumes(fine), volumes(Mesh(points, np.array([[0, 1, 2, 3]]), "tetra"))[0] / 8)


def test_triangles_keep_their_angles_and_tetrahedra_do_not_become_flat():
    assert smallest_angle(refined(refined(MESHES["triangle"]))) == pytest.approx(smallest_angle(MESHES["triangle"]))
    fine = MESHES["tetra"]
    for _ in range(3):
        fine = refined(fine)
    assert smallest_angle(fine) > 0.5 * smallest_angle(MESHES["tetra"])


def test_the_longest_edge_may_be_a_diagonal_of_the_cells_list():
    # The edge 0-2 does not join neighbours in the list of vertices.
    points = np.array([[0.0, 0, 0], [1, 0.1, 0], [3, 0, 0], [1, 0, 1]])
    assert longest_edge(Mesh(points, np.array([[0, 1, 2, 3]]), "tetra")) == 3.0


@pytest.mark.parametrize("kind", MESHES)
def test_refinement_stops_as_soon_as_the_size_is_reached(kind):
    mesh = MESHES[kind]
    size = longest_edge(mesh) / 3
    fine = refined_to(mesh, size)
    assert longest_edge(fine) <= size
    assert len(fine.cells) == len(refined(refined(mesh)).cells)
    assert refined_to(mesh, 10.0) is mesh


def test_every_facet_of_the_refined_boundary_is_in_exactly_one_piece():
    fine = refined(MESHES["tetra"])
    pieces = np.sort(np.concatenate(list(fine.pieces.values())), axis=1)
    assert sorted(map(tuple, pieces)) == sorted(map(tuple, np.sort(Facets.of(fine).boundary, axis=1)))


def test_sizes_that_no_memory_holds_are_refused():
    for mesh in MESHES.values():
        with pytest.raises(ValueError, match="take a larger size"):
            refined_to(mesh, 1e-9)
    with pytest.raises(ValueError, match="positive"):
        refined_to(MESHES["triangle"], 0.0)
