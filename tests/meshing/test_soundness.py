"""Soundness: each defect ends in a sentence with the place and the remedy; sound meshes pass unchanged."""

import numpy as np
import pytest

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import Facets, facet_normals, volumes
from pinnlab.meshing.soundness import outward, sound
from pinnlab.meshing.structured import box_mesh

SQUARE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
TWO = np.array([[0, 1, 2], [0, 2, 3]])
SIDES = [("left", "right"), ("bottom", "top"), ("back", "front")]


def box(dim: int) -> Mesh:
    return box_mesh(np.zeros(dim), np.ones(dim), 0.6, SIDES[:dim])


def refused(words: str, points, cells, kind="triangle", groups=None):
    with pytest.raises(ValueError, match=words):
        sound(np.asarray(points, dtype=float), np.asarray(cells), kind, groups or {})


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_sound_mesh_keeps_its_vertices_and_cells_and_its_facets_turn_outwards(dim):
    mesh = box(dim)
    checked = sound(mesh.points, mesh.cells, mesh.kind, mesh.pieces)
    assert np.array_equal(checked.points, mesh.points)
    assert np.array_equal(checked.cells, mesh.cells)
    assert list(checked.pieces) == list(mesh.pieces)
    for axis, names in enumerate(SIDES[:dim]):
        for name, sign in zip(names, (-1, 1), strict=True):
            normals, _ = facet_normals(checked, checked.pieces[name])
            np.testing.assert_allclose(normals, np.tile(sign * np.eye(dim)[axis], (len(normals), 1)), atol=1e-14)
            assert len(checked.pieces[name]) == len(mesh.pieces[name])


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_checking_twice_changes_nothing(dim):
    mesh = box(dim)
    once = sound(mesh.points, mesh.cells, mesh.kind, mesh.pieces)
    twice = sound(once.points, once.cells, once.kind, once.pieces)
    assert np.array_equal(once.cells, twice.cells)
    assert all(np.array_equal(once.pieces[k], twice.pieces[k]) for k in once.pieces)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_mesh_that_is_inverted_altogether_is_turned(dim):
    mesh = box(dim)
    cells = mesh.cells.copy()
    cells[:, [-2, -1]] = cells[:, [-1, -2]]
    turned = sound(mesh.points, cells, mesh.kind, mesh.pieces)
    assert np.array_equal(turned.cells, mesh.cells)
    clockwise = sound(SQUARE, np.array([[0, 3, 2, 1]]), "quad", {})
    assert volumes(clockwise) == pytest.approx(1.0)


def test_single_inverted_cells_are_refused_by_number_and_place():
    refused(
        r"1 of 2 cells are inverted, the first of them cell 1 at \(0.333333, 0.666667\)", SQUARE, [[0, 1, 2], [0, 3, 2]]
    )
    cells = box(3).cells.copy()
    cells[7, [0, 1]] = cells[7, [1, 0]]
    refused(r"^1 of \d+ cells are inverted, the first of them cell 7 at", box(3).points, cells, "tetra")
    # The fewer are called inverted, whichever way round they are.
    cells = box(2).cells.copy()
    cells[1:, [0, 1]] = cells[1:, [1, 0]]
    refused("^1 of .* cell 0", box(2).points, cells)


def test_cells_without_volume_are_refused():
    points = [*SQUARE, [2.0, 2.0]]
    refused(r"1 of 3 cells have no volume, the first of them cell 2 at \(1, 1\)", points, [*TWO, [0, 2, 4]])
    refused("no volume", [[0.0], [0.0], [1.0]], [[0, 1], [1, 2]], "line")
    refused("no volume", [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 1, 2, 3]], "tetra")


def test_small_meshes_are_not_flat():
    tiny = sound(1e-9 * SQUARE + 3e-9, TWO, "triangle", {})
    assert volumes(tiny).sum() == pytest.approx(1e-18)


def test_folded_and_hollow_quadrilaterals_are_refused():
    refused("folded or not convex, the first of them cell 0", SQUARE, [[0, 1, 3, 2]], "quad")
    refused("folded or not convex", [[0, 0], [1, 0], [0.2, 0.2], [0, 1]], [[0, 1, 2, 3]], "quad")


def test_a_seam_of_coincident_vertices_is_refused():
    points = np.concatenate([SQUARE, SQUARE[[0, 2]]])
    refused(r"2 pairs of vertices are at one place, among them 0 and 4 at \(0, 0\)", points, [[0, 1, 2], [4, 5, 3]])


def test_parts_that_do_not_hang_together_are_counted():
    apart = np.concatenate([SQUARE, SQUARE[:3] + 5])
    refused(r"2 parts .* 1 cells around \(5.66667, 5.33333\)", apart, [*TWO, [4, 5, 6]])
    # A common corner is no connection.
    touching = np.concatenate([SQUARE, [[2, 1], [2, 2]]])
    refused("2 parts that share no facet", touching, [*TWO, [2, 4, 5]])
    refused("3 parts", [[0.0], [1], [2], [3], [4], [5]], [[0, 1], [2, 3], [4, 5]], "line")


def test_overlapping_cells_are_refused():
    refused("more than two cells meet", SQUARE, [*TWO, TWO[0]])
    points = [*SQUARE, [0.2, 0.9]]
    refused(r"more than two cells meet at the facet \(0.5, 0.5\)", points, [*TWO, [0, 2, 4]])
    refused(r"cells 0 and 1 overlap beside their common facet at \(0.5, 0.5\)", points, [[0, 2, 3], [0, 2, 4]])
    refused("overlap", [[0.0], [1.0], [0.4]], [[0, 1], [2, 1]], "line")


def test_vertices_without_a_cell_are_dropped():
    points = np.concatenate([[[9, 9]], SQUARE, [[7, 7]]])
    mesh = sound(points, TWO + 1, "triangle", {"low": np.array([[1, 2]])})
    assert np.array_equal(mesh.points, SQUARE)
    assert np.array_equal(mesh.cells, TWO)
    assert mesh.pieces["low"].tolist() == [[0, 1]]
    refused("'low' has a facet .* vertex that no cell has", points, TWO + 1, groups={"low": np.array([[0, 1]])})


def test_facets_in_no_group_are_the_piece_boundary():
    mesh = sound(SQUARE, TWO, "triangle", {"low": np.array([[1, 0]])})
    assert mesh.pieces["low"].tolist() == [[0, 1]]
    assert sorted(map(sorted, mesh.pieces["boundary"].tolist())) == [[0, 3], [1, 2], [2, 3]]
    joined = sound(SQUARE, TWO, "triangle", {"boundary": np.array([[1, 0]])})
    assert len(joined.pieces["boundary"]) == len(Facets.of(joined).boundary) == 4


def test_a_facet_that_a_group_names_twice_counts_once():
    mesh = sound(SQUARE, TWO, "triangle", {"low": np.array([[0, 1], [1, 0]])})
    assert mesh.pieces["low"].tolist() == [[0, 1]]


def test_groups_inside_the_mesh_are_no_pieces_and_half_inside_is_refused():
    diagonal = np.array([[0, 2]])
    assert list(sound(SQUARE, TWO, "triangle", {"interface": diagonal}).pieces) == ["boundary"]
    half = {"mixed": np.array([[0, 1], [0, 2]])}
    refused(r"'mixed' has 1 facets inside the mesh, the first of them at \(0.5, 0.5\)", SQUARE, TWO, groups=half)


def test_groups_that_share_a_facet_or_have_one_of_their_own_are_refused():
    shared = {"low": np.array([[0, 1]]), "wet": np.array([[1, 2], [1, 0]])}
    refused(r"'low' and 'wet' share 1 facets, the first of them at \(0.5, 0\)", SQUARE, TWO, groups=shared)
    stray = {"low": np.array([[1, 3]])}
    refused("'low' has 1 facets that no cell has", SQUARE, TWO, groups=stray)


def test_kinds_without_finite_elements_are_refused():
    refused("cells of kind 'hexahedron' cannot be used", np.zeros((8, 3)), [range(8)], "hexahedron")


def test_facets_turn_outwards_whichever_way_they_came():
    mesh = Mesh(SQUARE, TWO, "triangle", {"a": [[1, 0], [1, 2]], "b": [[0, 3]]})
    assert {k: v.tolist() for k, v in outward(mesh).pieces.items()} == {"a": [[0, 1], [1, 2]], "b": [[3, 0]]}
    with pytest.raises(ValueError, match=r"'c' has a facet at \(0.5, 0.5\) that is not on the boundary"):
        outward(Mesh(SQUARE, TWO, "triangle", {"c": [[0, 2]]}))


def test_a_vertex_in_the_middle_of_a_facet_is_refused():
    # Two large triangles on the left; on the right the common side is halved, and one cell ties the halves together.
    points = [[0, 0], [1, 0], [1, 1], [0, 1], [1, 0.5], [2, 0], [2, 1], [0.5, 1.5]]
    cells = [[0, 1, 2], [0, 2, 3], [1, 5, 4], [5, 6, 4], [4, 6, 2], [3, 2, 7], [2, 6, 7]]
    refused(r"vertex 4 at \(1, 0.5\) hangs in the middle of the facet at \(1, 0.5\).*refinement", points, cells)
    # In space: a tetrahedron on each side of x = 0, tied by a third; vertex 5 lies on a facet of the first.
    points = [[0, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, 0.25, 0.25], [1, 0, 0]]
    refused("hangs in the middle", points, [[0, 2, 1, 3], [0, 1, 4, 5]], "tetra")
