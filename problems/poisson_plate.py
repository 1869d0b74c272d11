"""Laplace equation on a square plate with four round holes: hot rim, cold holes.

    ∇²u = 0   on [-0.5, 0.5]² without four discs of radius 0.1 around (±0.3, ±0.3)
    u = 1 on the sides of the square,   u = 0 on the holes

Settings of [1] (Poisson2d-C).  The region is the mesh in `meshes/`: its holes are polygons, and answers converge to
the solution on them, not on discs.

[1] Z. Hao et al., PINNacle: A comprehensive benchmark of physics-informed neural networks for solving PDEs,
    Advances in Neural Information Processing Systems 37 (2024).
"""

from pathlib import Path

import sympy as sp

from pinnlab import MeshDomain, Problem, dirichlet, laplacian

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)

problem = Problem(
    name="poisson_plate",
    equations=[-laplacian(u, (x, y))],
    unknowns=[u],
    domain=MeshDomain(Path(__file__).parent.parent / "meshes" / "plate_with_holes.msh", coordinates=(x, y)),
    conditions=[
        dirichlet(u, 1, on=["left", "right", "bottom", "top"]),
        dirichlet(u, 0, on=["hole_1", "hole_2", "hole_3", "hole_4"]),
    ],
    citation="Z. Hao et al., Advances in Neural Information Processing Systems 37 (2024)",
)
