"""Combined solids become tetrahedra by gmsh."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import sympy as sp

from pinnlab import Ball, Box, Difference, Intersection, UnsupportedProblem
from pinnlab.meshing.quality import Facets, volumes

x, y, z = sp.symbols("x y z", real=True)
BITTEN = Difference(Box({x: (0, 1), y: (0, 1), z: (0, 1)}), Ball({x: 0, y: 0, z: 0}, 0.5, "bite"))


def test_without_gmsh_the_way_out_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "gmsh", None)
    with pytest.raises(UnsupportedProblem, match=r"pip install 'pinnlab-pde\[gmsh\]'.*MeshDomain"):
        BITTEN.mesh(0.3)


def test_a_bitten_cube_is_filled_and_its_facets_lie_on_their_pieces():
    pytest.importorskip("gmsh", exc_type=(ImportError, OSError))
    mesh = BITTEN.mesh(0.2)
    assert volumes(mesh).sum() == pytest.approx(1 - math.pi / 48 * 1, rel=0.01)
    assert set(mesh.pieces) == set(BITTEN.pieces)
    assert sum(map(len, mesh.pieces.values())) == len(Facets.of(mesh).boundary)
    bite = mesh.points[np.unique(mesh.pieces["bite"])]
    np.testing.assert_allclose(np.linalg.norm(bite, axis=1), 0.5, atol=1e-6)
    np.testing.assert_allclose(mesh.points[np.unique(mesh.pieces["left"])][:, 0], 0, atol=1e-12)


def test_an_intersection_of_three_solids_is_their_common_part():
    pytest.importorskip("gmsh", exc_type=(ImportError, OSError))
    eighth = Intersection(
        Ball({x: 0, y: 0, z: 0}, 1), Box({x: (0, 2), y: (-2, 2), z: (0, 2)}), Box({x: (-2, 2), y: (0, 2), z: (-2, 2)})
    )
    assert volumes(eighth.mesh(0.15)).sum() == pytest.approx(math.pi / 6, rel=0.02)


def test_a_small_ball_is_refined_with_the_rest():
    pytest.importorskip("gmsh", exc_type=(ImportError, OSError))
    pricked = Difference(Box({x: (0, 1), y: (0, 1), z: (0, 1)}), Ball({x: 0.5, y: 0.5, z: 0.5}, 0.05, "hole"))
    coarse, fine = (len(pricked.mesh(size).pieces["hole"]) for size in (1 / 8, 1 / 12))
    assert fine >= 1.5 * coarse
