"""Meshes from files: groups become pieces in every format, and each fault is one sentence with the remedy."""

import meshio
import numpy as np
import pytest

from pinnlab.meshing.quality import volumes
from pinnlab.meshing.reading import read_mesh

SQUARE = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
TRIANGLES = ("triangle", np.array([[0, 1, 2], [0, 2, 3]]))
EDGES = ("line", np.array([[0, 1], [1, 2], [2, 3], [3, 0]]))

# Two squares of two triangles each in the format that gmsh has written by itself since version 4.1, with the groups
# "wall" (three entities), an unnamed 7 (the right side) and "fluid"; the interface of the squares is a group too.
GMSH41 = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
3
1 1 "wall"
1 5 "interface"
2 3 "fluid"
$EndPhysicalNames
$Entities
0 4 1 0
1 0 0 0 1 0 0 1 1 0
2 1 0 0 2 0 0 1 1 0
3 2 0 0 2 1 0 1 7 0
4 1 0 0 1 1 0 1 5 0
1 0 0 0 2 1 0 1 3 0
$EndEntities
$Nodes
1 6 10 60
2 1 0 6
10
20
30
40
50
60
0 0 0
1 0 0
2 0 0
0 1 0
1 1 0
2 1 0
$EndNodes
$Elements
5 8 1 8
1 1 1 1
1 10 20
1 2 1 1
2 20 30
1 3 1 1
3 30 60
1 4 1 1
4 20 50
2 1 2 4
5 10 20 50
6 10 50 40
7 20 30 60
8 20 60 50
$EndElements
"""


def written(path, cells, points=SQUARE, **more):
    meshio.write(path, meshio.Mesh(points, cells, **more))
    return path


def ends(mesh):
    """The vertices of the facets of each piece, in order."""
    return {name: sorted(sorted(f) for f in facets.tolist()) for name, facets in mesh.pieces.items()}


def refused(words, path, dim=2):
    with pytest.raises(ValueError, match=words) as caught:
        read_mesh(path, dim)
    assert "\n" not in str(caught.value)


def test_physical_groups_of_gmsh_4_become_pieces(tmp_path):
    (tmp_path / "two.msh").write_text(GMSH41)
    mesh = read_mesh(tmp_path / "two.msh", 2)
    assert volumes(mesh).tolist() == [0.5] * 4
    # Without a name it is called by its number; the interface is inside, and the rest is "boundary".
    assert ends(mesh) == {"7": [[2, 5]], "wall": [[0, 1], [1, 2]], "boundary": [[0, 3], [3, 4], [4, 5]]}


def test_names_are_those_of_the_dimension_of_facets(tmp_path):
    # gmsh numbers the groups of each dimension by themselves.
    groups = {"low": np.array([1, 1]), "inside": np.array([1, 2])}
    tags = [np.array([1, 2, 0, 2]), np.array([1, 1])]
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
    path = tmp_path / "a.msh"
    meshio.gmsh.write(path, meshio.Mesh(SQUARE, [EDGES, TRIANGLES], cell_data=data, field_data=groups), "2.2", False)
    assert ends(read_mesh(path, 2)) == {"low": [[0, 1]], "2": [[0, 3], [1, 2]], "boundary": [[2, 3]]}


def test_sets_of_abaqus_become_pieces(tmp_path):
    none = np.array([], dtype=int)
    sets = {"SIDES": [np.array([1, 3]), none], "ALL": [none, np.array([0, 1])]}
    path = written(tmp_path / "a.inp", [EDGES, TRIANGLES], cell_sets=sets)
    assert ends(read_mesh(path, 2)) == {"SIDES": [[0, 3], [1, 2]], "boundary": [[0, 1], [2, 3]]}


def test_numbers_of_medit_become_pieces(tmp_path):
    data = {"medit:ref": [np.array([1, 2, 2, 0]), np.array([5, 5])]}
    mesh = read_mesh(written(tmp_path / "a.mesh", [EDGES, TRIANGLES], cell_data=data), 2)
    assert ends(mesh) == {"1": [[0, 1]], "2": [[1, 2], [2, 3]], "boundary": [[0, 3]]}


def test_groups_of_med_become_pieces(tmp_path):
    mesh = meshio.Mesh(
        SQUARE, [EDGES, TRIANGLES], cell_data={"cell_tags": [np.array([-1, -2, -1, 0]), np.array([-3, -3])]}
    )
    mesh.cell_tags = {-1: ["low and high"], -2: ["right"], -3: ["fluid"]}
    meshio.write(tmp_path / "a.med", mesh)
    assert ends(read_mesh(tmp_path / "a.med", 2)) == {
        "right": [[1, 2]],
        "low and high": [[0, 1], [2, 3]],
        "boundary": [[0, 3]],
    }


def test_groups_that_overlap_can_be_chosen_from(tmp_path):
    # Writers of Abaqus files list the lines of the drawing besides the groups that are made of them.
    none = np.array([], dtype=int)
    sets = {"Line1": [np.array([0]), none], "Line2": [np.array([1]), none], "wall": [np.array([0, 1]), none]}
    path = written(tmp_path / "a.inp", [EDGES, TRIANGLES], cell_sets=sets)
    refused("'Line1' and 'wall' share 1 facets, .* choose the groups", path)
    assert ends(read_mesh(path, 2, ["wall"])) == {"wall": [[0, 1], [1, 2]], "boundary": [[0, 3], [2, 3]]}
    assert ends(read_mesh(path, 2, [])) == {"boundary": [[0, 1], [0, 3], [1, 2], [2, 3]]}
    with pytest.raises(ValueError, match="no group 'walls' of facets; those of the file are Line1, Line2, wall"):
        read_mesh(path, 2, ["walls"])


@pytest.mark.parametrize("suffix", [".vtu", ".vtk", ".xdmf", ".stl", ".ply", ".off", ".obj", ".inp", ".nas", ".bdf"])
def test_without_groups_the_whole_boundary_is_one_piece(tmp_path, suffix):
    mesh = read_mesh(written(tmp_path / f"a{suffix}", [TRIANGLES]), 2)
    assert len(mesh.cells) == 2
    assert {name: len(facets) for name, facets in mesh.pieces.items()} == {"boundary": 4}


def test_the_physical_groups_of_a_vtu_file_are_called_by_their_numbers(tmp_path):
    data = {"gmsh:physical": [np.array([4, 4, 9, 9]), np.array([1, 1])]}
    mesh = read_mesh(written(tmp_path / "a.vtu", [EDGES, TRIANGLES], cell_data=data), 2)
    assert ends(mesh) == {"4": [[0, 1], [1, 2]], "9": [[0, 3], [2, 3]]}


def test_lines_have_their_ends_as_pieces(tmp_path):
    cells = [("vertex", np.array([[0], [2]])), ("line", np.array([[0, 1], [1, 2]]))]
    tags = [np.array([1, 2]), np.array([3, 3])]
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
    groups = {"start": np.array([1, 0]), "end": np.array([2, 0])}
    mesh = meshio.Mesh(SQUARE[[0, 1, 1]] * [[1], [1], [3]], cells, cell_data=data, field_data=groups)
    meshio.gmsh.write(tmp_path / "a.msh", mesh, "2.2", False)
    found = read_mesh(tmp_path / "a.msh", 1)
    assert found.points.tolist() == [[0], [1], [3]]
    assert {k: v.tolist() for k, v in found.pieces.items()} == {"start": [[0]], "end": [[2]]}


def test_straight_cells_of_the_second_degree_are_taken_by_their_corners(tmp_path):
    middles = np.array([[0.5, 0, 0], [1, 0.5, 0], [0.5, 0.5, 0], [0.5, 1, 0], [0, 0.5, 0]])
    points = np.concatenate([SQUARE, middles])
    six = ("triangle6", np.array([[0, 1, 2, 4, 5, 6], [0, 2, 3, 6, 7, 8]]))
    mesh = read_mesh(written(tmp_path / "a.vtu", [six], points), 2)
    assert mesh.kind == "triangle"
    assert np.array_equal(mesh.points, SQUARE[:, :2])
    assert np.array_equal(mesh.cells, TRIANGLES[1])
    points[5, 0] = 1.1
    refused(
        r"'triangle6' are curved, first near \(1, 0.5, 0\); .* -order 1", written(tmp_path / "a.vtu", [six], points)
    )


def test_a_missing_file_and_an_unknown_suffix_say_so(tmp_path):
    refused("there is no such file", tmp_path / "none.msh")
    (tmp_path / "a.docx").write_text("")
    refused(r"mesh a.docx: meshio knows no such format; its suffixes are .*\.msh.*\.vtu", tmp_path / "a.docx")


@pytest.mark.parametrize("suffix", [".msh", ".vtu", ".vtk", ".inp", ".mesh", ".su2", ".xdmf", ".e", ".med", ".stl"])
@pytest.mark.parametrize(
    "content", ["", "$MeshFormat\n4.1 0 8\n", "<VTKFile>", "# nothing\n\x00\x01", "*NODE\n1, a, b"]
)
def test_a_damaged_file_is_refused_without_a_word_on_the_terminal(tmp_path, capfd, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_text(content)
    refused("mesh a", path)
    assert capfd.readouterr() == ("", "")


def test_a_truncated_file_is_refused(tmp_path):
    (tmp_path / "a.msh").write_text(GMSH41[: GMSH41.index("5 10 20 50")])
    refused("'triangle' lack vertices, so that the file is damaged", tmp_path / "a.msh")
    (tmp_path / "b.msh").write_text(GMSH41[: GMSH41.index("0 1 0\n1 1 0")])
    refused("mesh b.msh: meshio cannot read it as its suffix says", tmp_path / "b.msh")


def test_the_number_of_coordinates_must_be_that_of_the_cells(tmp_path):
    path = written(tmp_path / "a.vtu", [EDGES, TRIANGLES])
    refused(r"cells \(triangle\) have 2 dimensions, but 3 coordinates are given; give 2", path, 3)
    refused(r"have 2 dimensions, but 1 coordinates", path, 1)


def test_a_surface_in_space_is_no_plane_mesh(tmp_path):
    bent = SQUARE + np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0.1], [0, 0, 0]])
    refused("its z is not constant", written(tmp_path / "a.vtu", [TRIANGLES], bent))
    flat = read_mesh(written(tmp_path / "b.vtu", [TRIANGLES], SQUARE + np.array([0, 0, 7.5])), 2)
    assert np.array_equal(flat.points, SQUARE[:, :2])


def test_mixed_and_unusual_cells_are_refused(tmp_path):
    points = np.concatenate([SQUARE, [[2, 0, 0], [2, 1, 0]]])
    path = written(tmp_path / "a.vtu", [("triangle", TRIANGLES[1]), ("quad", np.array([[1, 4, 5, 2]]))], points)
    refused("it mixes cells of the kinds quad and triangle; mesh the region with one kind", path)
    brick = np.concatenate([SQUARE, SQUARE + np.array([0, 0, 1])])
    refused("'hexahedron' cannot be used", written(tmp_path / "b.vtu", [("hexahedron", [range(8)])], brick), 3)
    refused("'wedge' cannot be used", written(tmp_path / "c.vtu", [("wedge", [range(6)])], brick), 3)


def test_faults_of_the_mesh_name_the_file(tmp_path):
    cells = ("triangle", np.array([[0, 1, 2], [0, 3, 2]]))
    refused("^mesh a.vtu: 1 of 2 cells are inverted", written(tmp_path / "a.vtu", [cells]))
