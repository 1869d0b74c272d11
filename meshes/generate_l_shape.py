"""Writes l_shape.msh: the square [-1, 1]² without its lower right quarter.

    python meshes/generate_l_shape.py [FOLDER]

Pieces: "corner" (the two edges that meet at the re-entrant corner at the origin), "outer" (the other four).
"""

import sys
from pathlib import Path

import numpy as np

from pinnlab.meshing.curves import polygon
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.plane import plane_mesh
from pinnlab.meshing.writing import write_gmsh

SIZE = 0.15


def make() -> Mesh:
    corners = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (0.0, -1.0)])
    names = ["corner", "outer", "outer", "outer", "outer", "corner"]
    return plane_mesh(polygon(names, corners), SIZE)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    write_gmsh(folder / "l_shape.msh", make())
