"""gmsh files: written and read again, nothing changes."""

import numpy as np
import pytest

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.reading import read_mesh
from pinnlab.meshing.soundness import sound
from pinnlab.meshing.structured import box_mesh
from pinnlab.meshing.writing import write_gmsh

SIDES = [("left", "right"), ("bottom", "top"), ("back", "front")]


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_mesh_survives_a_file_to_the_last_bit(tmp_path, dim):
    mesh = box_mesh(np.full(dim, -1 / 3), np.full(dim, 1 / 7), 0.3, SIDES[:dim])
    mesh = sound(mesh.points, mesh.cells, mesh.kind, mesh.pieces)
    write_gmsh(tmp_path / "box.msh", mesh)
    again = read_mesh(tmp_path / "box.msh", dim)
    assert np.array_equal(again.points, mesh.points)
    assert np.array_equal(again.cells, mesh.cells)
    assert list(again.pieces) == list(mesh.pieces)
    assert all(np.array_equal(again.pieces[name], mesh.pieces[name]) for name in mesh.pieces)


def test_quadrilaterals_can_be_written(tmp_path):
    mesh = Mesh(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), np.array([[0, 1, 2, 3]]), "quad", {"a b": [[0, 1]]})
    write_gmsh(tmp_path / "quad.msh", mesh)
    again = read_mesh(tmp_path / "quad.msh", 2)
    assert again.kind == "quad"
    assert again.pieces["a b"].tolist() == [[0, 1]]


def test_the_file_is_what_the_manual_of_gmsh_describes(tmp_path):
    mesh = Mesh(np.array([[0.0, 0], [1, 0], [0, 0.1]]), np.array([[0, 1, 2]]), "triangle", {"low": [[0, 1]]})
    write_gmsh(tmp_path / "one.msh", mesh)
    lines = (tmp_path / "one.msh").read_text().splitlines()
    assert lines[:3] == ["$MeshFormat", "2.2 0 8", "$EndMeshFormat"]
    assert lines[lines.index("$PhysicalNames") + 1 :][:3] == ["2", '1 1 "low"', '2 2 "region"']
    assert lines[lines.index("$Nodes") + 1 :][:4] == ["3", "1 0 0 0", "2 1 0 0", "3 0 0.10000000000000001 0"]
    # number, type (1 line, 2 triangle), two tags: physical and elementary group, vertices from 1.
    assert lines[lines.index("$Elements") + 1 :][:3] == ["2", "1 1 2 1 1 1 2", "2 2 2 2 2 1 2 3"]


@pytest.mark.parametrize("name", ["region", 'a"b', "a\nb"])
def test_names_that_a_file_cannot_hold_are_refused(tmp_path, name):
    mesh = Mesh(np.array([[0.0], [1.0]]), np.array([[0, 1]]), "line", {name: [[0]]})
    with pytest.raises(ValueError, match="choose another name"):
        write_gmsh(tmp_path / "a.msh", mesh)
