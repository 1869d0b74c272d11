"""Writes channel_with_cylinder.msh: the channel [0, 2.2] × [0, 0.41] around a cylinder at (0.2, 0.2) of radius 0.05.

    python meshes/generate_channel_with_cylinder.py [FOLDER]

Pieces: "inlet", "outlet", "walls", "cylinder".  The geometry is that of the benchmark in M. Schäfer, S. Turek,
Benchmark computations of laminar flow around a cylinder, Notes on Numerical Fluid Mechanics 52, 1996.
"""

import sys
from pathlib import Path

import numpy as np

from pinnlab.meshing.curves import circle, polygon
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.plane import plane_mesh
from pinnlab.meshing.writing import write_gmsh

SIZE = 0.08


def make() -> Mesh:
    corners = np.array([(0.0, 0.0), (2.2, 0.0), (2.2, 0.41), (0.0, 0.41)])
    curves = list(polygon(["walls", "outlet", "walls", "inlet"], corners))
    # Backwards, since the channel is outside; in short arcs, since no edge is longer than an arc.
    for arc in circle("cylinder", np.array([0.2, 0.2]), 0.05):
        curves += [arc.part((k + 1) / 12, k / 12) for k in range(12)]
    return plane_mesh(curves, SIZE)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    write_gmsh(folder / "channel_with_cylinder.msh", make())
