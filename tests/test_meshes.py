"""The meshes that are shipped: what their scripts make, of sound cells, small, with the pieces that problems name."""

import importlib.util
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from pinnlab.domain.mesh_domain import MeshDomain
from pinnlab.meshing.quality import FACETS, Facets, facet_normals, smallest_angle, volumes

MESHES = Path(__file__).parents[1] / "meshes"
NAMES = sorted(path.stem.removeprefix("generate_") for path in MESHES.glob("generate_*.py"))
COORDINATES = sp.symbols("x y z", real=True)
PIECES = {
    "l_shape": {"corner", "outer"},
    "plate_with_holes": {"left", "right", "bottom", "top", "hole_1", "hole_2", "hole_3", "hole_4"},
    "channel_with_cylinder": {"inlet", "outlet", "walls", "cylinder"},
    "part": {"clamped", "heated", "surface"},
}


def disc(radius: float, edges: int) -> float:
    """The area of a regular polygon in a circle."""
    return 0.5 * edges * radius**2 * math.sin(2 * math.pi / edges)


AREAS = {
    "l_shape": 3,
    "plate_with_holes": 1 - 4 * disc(0.1, 32),
    "channel_with_cylinder": 2.2 * 0.41 - disc(0.05, 96),
    "part": 0.3 * (0.4 * 1 + 0.6 * 0.4 - disc(0.1, 16)),
}
# Vertices - edges + faces (- cells): one for each region, less one for each hole.
EULER = {"l_shape": 1, "plate_with_holes": -3, "channel_with_cylinder": 0, "part": 0}


def region(name: str) -> MeshDomain:
    return MeshDomain(MESHES / f"{name}.msh", COORDINATES[: 3 if name == "part" else 2])


def test_every_mesh_has_its_script_and_a_line_in_the_list():
    assert sorted(p.stem for p in MESHES.glob("*.msh")) == NAMES == sorted(PIECES)
    listed = (MESHES / "README.md").read_text()
    for name in NAMES:
        assert f"{name}.msh" in listed
        assert f"python meshes/generate_{name}.py" in listed


@pytest.mark.parametrize("name", NAMES)
def test_the_script_makes_the_mesh_again(name):
    spec = importlib.util.spec_from_file_location(f"generate_{name}", MESHES / f"generate_{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = script.make()
    shipped = region(name).cells
    again = MeshDomain.from_mesh(made, COORDINATES[: made.dim]).cells
    np.testing.assert_allclose(again.points, shipped.points, atol=1e-9)
    assert np.array_equal(again.cells, shipped.cells)
    assert {k: v.tolist() for k, v in again.pieces.items()} == {k: v.tolist() for k, v in shipped.pieces.items()}


def test_a_script_writes_where_it_is_told(tmp_path):
    script = MESHES / "generate_l_shape.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, timeout=60)
    assert [p.name for p in tmp_path.iterdir()] == ["l_shape.msh"]
    found = MeshDomain(tmp_path / "l_shape.msh", COORDINATES[:2]).cells
    np.testing.assert_allclose(found.points, region("l_shape").cells.points, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_meshes_are_small_sound_and_of_the_right_size(name):
    assert (MESHES / f"{name}.msh").stat().st_size < 300_000
    mesh = region(name).cells
    assert set(mesh.pieces) == PIECES[name]
    assert volumes(mesh).min() > 0
    assert volumes(mesh).sum() == pytest.approx(AREAS[name], rel=1e-6)
    assert smallest_angle(mesh) > 15


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_holes_is_right(name):
    mesh = region(name).cells
    numbers = [len(mesh.points), -len(mesh.cells)]
    if mesh.dim == 3:
        faces = mesh.cells[:, np.array(FACETS["tetra"])].reshape(-1, 3)
        numbers.append(len(np.unique(np.sort(faces, axis=1), axis=0)))
        pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    else:
        numbers[1] *= -1
        pairs = [(0, 1), (1, 2), (2, 0)]
    edges = np.sort(mesh.cells[:, np.array(pairs)].reshape(-1, 2), axis=1)
    assert sum(numbers) - len(np.unique(edges, axis=0)) == EULER[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_boundary_is_closed_and_each_facet_in_one_piece(name):
    mesh = region(name).cells
    every = np.concatenate(list(mesh.pieces.values()))
    assert len(np.unique(np.sort(every, axis=1), axis=0)) == len(every) == len(Facets.of(mesh).boundary)
    normals, areas = facet_normals(mesh, every)
    np.testing.assert_allclose(areas @ normals, 0, atol=1e-12)


def test_the_vertices_of_round_pieces_lie_on_their_circles():
    circles = [("channel_with_cylinder", "cylinder", (0.2, 0.2), 0.05), ("part", "heated", (0.7, 0.2), 0.1)]
    centres = [(-0.3, -0.3), (0.3, -0.3), (-0.3, 0.3), (0.3, 0.3)]
    circles += [("plate_with_holes", f"hole_{i + 1}", centre, 0.1) for i, centre in enumerate(centres)]
    for name, piece, centre, radius in circles:
        mesh = region(name).cells
        away = mesh.points[mesh.pieces[piece].ravel()][:, :2] - centre
        np.testing.assert_allclose(np.linalg.norm(away, axis=1), radius, rtol=1e-12)
