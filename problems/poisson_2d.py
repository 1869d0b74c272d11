"""Poisson equation on the unit square with a value, a flux or a mixture of both prescribed, side by side.

    -∇²u = f,   (x, y) in [0, 1]²
    u given on left and bottom,   n·∇u given on right,   u + n·∇u given on top

A manufactured solution [1], u = exp(x) sin(2 y) + x² y, makes all data non-zero, so that a missing term or
a wrong sign of the outward normal shows.

[1] P. J. Roache, J. Fluids Eng. 124 (2002) 4-10.
"""

import sympy as sp

from pinnlab import Box, Problem, dirichlet, laplacian, neumann, robin

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)

exact = sp.exp(x) * sp.sin(2 * y) + x**2 * y

problem = Problem(
    name="poisson_2d",
    equations=[-laplacian(u, (x, y)) + exact.diff(x, 2) + exact.diff(y, 2)],
    unknowns=[u],
    domain=Box({x: (0, 1), y: (0, 1)}),
    conditions=[
        dirichlet(u, exact, on=["left", "bottom"]),
        neumann(u, exact.diff(x), on="right"),
        robin(u, 1, 1, exact + exact.diff(y), on="top"),
    ],
    reference=exact,
    citation="P. J. Roache, J. Fluids Eng. 124 (2002) 4-10",
)
