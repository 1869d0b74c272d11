"""Writes part.msh: an L-shaped bracket of depth 0.3 with a round hole through one leg, of tetrahedra.

    python meshes/generate_part.py [FOLDER]

Its profile is the L of the points (0, 0), (1, 0), (1, 0.4), (0.4, 0.4), (0.4, 1), (0, 1) without the disc of radius 0.1
around (0.7, 0.2).  Pieces: "clamped" (the end of the other leg, y = 1), "heated" (the wall of the hole), "surface" (all
the rest).
"""

import sys
from pathlib import Path

import numpy as np

from pinnlab.meshing.curves import circle, polygon
from pinnlab.meshing.extrude import extruded
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.plane import plane_mesh
from pinnlab.meshing.writing import write_gmsh

SIZE = 0.1
DEPTH = 0.3
LAYERS = 4


def make() -> Mesh:
    corners = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 0.4), (0.4, 0.4), (0.4, 1.0), (0.0, 1.0)])
    outline = polygon(["surface", "surface", "surface", "surface", "clamped", "surface"], corners)
    # Backwards, since the part is outside the circle.
    hole = [arc.part(1.0, 0.0) for arc in circle("heated", np.array([0.7, 0.2]), 0.1)]
    profile = plane_mesh([*outline, *hole], SIZE)
    return extruded(profile, np.linspace(0.0, DEPTH, LAYERS + 1), lower="surface", upper="surface")


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    write_gmsh(folder / "part.msh", make())
