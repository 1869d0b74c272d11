"""Writes plate_with_holes.msh: the square [-0.5, 0.5]² with four round holes of radius 0.1.

    python meshes/generate_plate_with_holes.py [FOLDER]

Pieces: "left", "right", "bottom", "top", "hole_1" to "hole_4".  The geometry is that of the problem
Poisson2d-C in Z. Hao et al., PINNacle: a comprehensive benchmark of physics-informed neural networks for solving PDEs,
NeurIPS Datasets and Benchmarks, 2024.
"""

import sys
from pathlib import Path

import numpy as np

from pinnlab.meshing.curves import circle, polygon
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.plane import plane_mesh
from pinnlab.meshing.writing import write_gmsh

SIZE = 0.06
RADIUS = 0.1
CENTRES = [(-0.3, -0.3), (0.3, -0.3), (-0.3, 0.3), (0.3, 0.3)]


def make() -> Mesh:
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    curves = list(polygon(["bottom", "right", "top", "left"], corners))
    for i, centre in enumerate(CENTRES):
        # Backwards, since the plate is outside; in short arcs, since no edge is longer than an arc.
        for arc in circle(f"hole_{i + 1}", np.array(centre), RADIUS):
            curves += [arc.part((k + 1) / 4, k / 4) for k in range(4)]
    return plane_mesh(curves, SIZE)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    write_gmsh(folder / "plate_with_holes.msh", make())
