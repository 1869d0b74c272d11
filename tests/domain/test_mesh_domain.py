"""Regions given by meshes: membership, sampling, normals, refinement, identity."""

import json
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from pinnlab import D, Problem, dirichlet, laplacian
from pinnlab.domain.evolution import TimeInterval
from pinnlab.domain.mesh_domain import MeshDomain
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import smallest_angle, volumes
from pinnlab.meshing.refine import longest_edge
from pinnlab.meshing.structured import box_mesh
from pinnlab.serial import Decoder, decode_domain, encode_domain

MESHES = Path(__file__).parents[2] / "meshes"
x, y, z, t = sp.symbols("x y z t", real=True)
CENTRES = [(-0.3, -0.3), (0.3, -0.3), (-0.3, 0.3), (0.3, 0.3)]


@pytest.fixture(scope="module")
def plate():
    return MeshDomain(MESHES / "plate_with_holes.msh", (x, y))


@pytest.fixture(scope="module")
def part():
    return MeshDomain(MESHES / "part.msh", (x, y, z))


def two_quads(name: str = "low") -> Mesh:
    points = np.array([[0, 0], [1, 0], [4, 0], [0, 1], [1, 1], [4, 1.0]])
    return Mesh(points, np.array([[0, 1, 4, 3], [1, 2, 5, 4]]), "quad", {name: np.array([[0, 1], [1, 2]])})


def test_pieces_are_the_groups_of_the_file(plate, part):
    assert set(plate.pieces) == {"left", "right", "bottom", "top", "hole_1", "hole_2", "hole_3", "hole_4"}
    assert set(part.pieces) == {"clamped", "heated", "surface"}
    assert plate.coordinates == (x, y)
    assert "plate_with_holes.msh" in repr(plate)


def test_what_is_drawn_lies_inside(plate, part):
    rng = np.random.default_rng(0)
    for region in (plate, part):
        assert region.contains(region.sample(5000, rng)).all()
        for piece in region.pieces:
            assert region.contains(region.sample_piece(piece, 500, rng)[0]).all()


def test_the_holes_are_not_inside(plate):
    assert not plate.contains(np.array(CENTRES)).any()
    assert not plate.contains(np.array([[0.6, 0.0], [0.0, -0.501]])).any()
    assert plate.contains(np.array([[0.0, 0.0], [0.5, 0.5], [-0.5, 0.1]])).all()


def test_normals_point_out_of_the_region(plate, part):
    rng = np.random.default_rng(1)
    for region in (plate, part):
        for piece in region.pieces:
            points, normals = region.sample_piece(piece, 400, rng)
            np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, rtol=1e-13)
            # All but points within 1e-6 of the end of a facet.
            assert region.contains(points - 1e-6 * normals).mean() > 0.99
            assert region.contains(points + 1e-6 * normals).mean() < 0.01


def test_normals_are_nearly_those_of_the_exact_circle(plate):
    points, normals = plate.sample_piece("hole_2", 400, np.random.default_rng(2))
    inwards = np.array(CENTRES[1]) - points
    cosine = np.sum(normals * inwards, axis=1) / np.linalg.norm(inwards, axis=1)
    # 32 edges around a circle turn from the exact normal by at most π / 32.
    assert cosine.min() >= np.cos(np.pi / 32) - 1e-12


def test_points_are_uniform_by_volume_whatever_the_size_of_cells():
    region = MeshDomain.from_mesh(two_quads(), (x, y))
    points = region.sample(40_000, np.random.default_rng(3))
    # The left cell has a quarter of the area; 4 standard deviations of a share of 1/4 are 0.0087.
    assert np.mean(points[:, 0] < 1) == pytest.approx(0.25, abs=0.0087)
    # Mean and variance of uniform numbers.
    assert points.mean(axis=0) == pytest.approx([2, 0.5], abs=0.025)
    assert points.var(axis=0) == pytest.approx([16 / 12, 1 / 12], rel=0.03)
    edge, normals = region.sample_piece("low", 40_000, np.random.default_rng(4))
    assert np.mean(edge[:, 0] < 1) == pytest.approx(0.25, abs=0.0087)
    assert (edge[:, 1] == 0).all()
    assert (normals == [0, -1]).all()


def test_points_on_lines_and_their_ends():
    mesh = box_mesh(np.array([-1.0]), np.array([2.0]), 0.5, [("left", "right")])
    region = MeshDomain.from_mesh(mesh, (x,))
    points = region.sample(1000, np.random.default_rng(0))
    assert points.shape == (1000, 1)
    assert points.mean() == pytest.approx(0.5, abs=0.12)
    ends, normals = region.sample_piece("left", 3, np.random.default_rng(0))
    assert ends.tolist() == [[-1]] * 3
    assert normals.tolist() == [[-1]] * 3


def test_the_same_seed_draws_the_same_points(part):
    first, second = (part.sample(10, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second)


def test_the_mesh_is_that_of_the_file_until_a_smaller_size_is_asked_for(plate):
    own = longest_edge(plate.cells)
    assert plate.mesh(own) is plate.cells
    fine = plate.mesh(0.4 * own)
    assert longest_edge(fine) <= 0.4 * own
    assert len(fine.cells) == 16 * len(plate.cells.cells)
    assert volumes(fine).sum() == pytest.approx(volumes(plate.cells).sum(), rel=1e-13)
    assert tuple(fine.pieces) == plate.pieces
    assert smallest_angle(fine) == pytest.approx(smallest_angle(plate.cells))


def test_domains_are_equal_by_content(tmp_path):
    domain = MeshDomain.from_mesh(two_quads(), (x, y))
    again = MeshDomain.from_mesh(two_quads(), (x, y))
    assert domain == again
    assert hash(domain) == hash(again)
    moved = two_quads()
    moved.points[0, 0] = 1e-15
    others = [MeshDomain.from_mesh(moved, (x, y)), MeshDomain.from_mesh(two_quads("wet"), (x, y))]
    others.append(MeshDomain.from_mesh(two_quads(), (y, x)))
    assert all(domain != other for other in others)
    assert domain != "mesh"


def test_a_file_is_equal_to_the_mesh_that_it_holds(part):
    assert MeshDomain.from_mesh(part.cells, (x, y, z)) == part


def test_groups_can_be_chosen():
    region = MeshDomain(MESHES / "channel_with_cylinder.msh", (x, y), groups=["inlet", "cylinder"])
    assert set(region.pieces) == {"inlet", "cylinder", "boundary"}
    assert region.sample_piece("boundary", 200, np.random.default_rng(0))[0][:, 0].min() > 0


def test_json_holds_the_whole_mesh(plate, part):
    for domain in (plate, part, MeshDomain.from_mesh(two_quads("Add"), (x, y))):
        again = decode_domain(json.loads(json.dumps(encode_domain(domain))), Decoder())
        assert again == domain
        assert again.pieces == domain.pieces
        assert again.coordinates == domain.coordinates


def test_a_problem_on_a_mesh_survives_json_and_keeps_its_identity(plate):
    u = sp.Function("u")(t, x, y)
    problem = Problem(
        name="heat_plate",
        equations=[D(u, t) - laplacian(u, (x, y))],
        unknowns=[u],
        domain=TimeInterval(t, 0, 1) * plate,
        conditions=[dirichlet(u, 0, on=list(plate.pieces)), dirichlet(u, 0, on="initial")],
        time=t,
    )
    again = Problem.from_json(problem.to_json())
    assert again == problem
    assert again.sha256 == problem.sha256
    assert again.region == plate


def test_a_damaged_mesh_in_json_is_refused(plate):
    node = encode_domain(plate)
    node["mesh"]["cells"]["shape"] = [1, 3]
    with pytest.raises(ValueError, match="bytes"):
        decode_domain(node, Decoder())
    inverted = two_quads()
    inverted.cells[0] = inverted.cells[0, ::-1]
    folded = encode_domain(MeshDomain.from_mesh(two_quads(), (x, y)))
    from pinnlab.meshing.packed import pack

    folded["mesh"] = pack(inverted)
    with pytest.raises(ValueError, match="1 of 2 cells are inverted"):
        decode_domain(folded, Decoder())


def test_unknown_pieces_are_answered_with_the_known_ones(plate):
    with pytest.raises(ValueError, match=r"no piece 'hole'; its pieces are .*hole_1"):
        plate.sample_piece("hole", 1, np.random.default_rng(0))
    u = sp.Function("u")(x, y)
    with pytest.raises(ValueError, match="hole_1"):
        Problem(
            name="typo",
            equations=[laplacian(u, (x, y)) + 1],
            unknowns=[u],
            domain=plate,
            conditions=[dirichlet(u, 0, on="hole1")],
        )


def test_coordinates_are_checked(part):
    with pytest.raises(ValueError, match="2 coordinates for a mesh of dimension 3"):
        MeshDomain.from_mesh(part.cells, (x, y))
    with pytest.raises(ValueError, match="different symbols"):
        MeshDomain(MESHES / "l_shape.msh", (x, x))
    with pytest.raises(ValueError, match=r"make it with sympy.symbols"):
        MeshDomain(MESHES / "l_shape.msh", ("x", "y"))
    with pytest.raises(ValueError, match="one to three"):
        MeshDomain(MESHES / "l_shape.msh", ())


def test_one_group_may_be_given_by_its_name():
    path = Path(__file__).parents[2] / "meshes" / "l_shape.msh"
    every = MeshDomain(path, (x, y))
    name = next(iter(every.cells.pieces))
    assert MeshDomain(path, (x, y), groups=name) == MeshDomain(path, (x, y), groups=[name])
