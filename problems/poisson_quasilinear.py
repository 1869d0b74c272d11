"""Quasilinear Poisson equation: the conductivity grows with the square of the answer.

    -∇·((1 + u²) ∇u) = 0,   (x, y) in [0, 1]²
    u given on left and bottom,   n·∇u given on right,   u + n·∇u given on top

The equation with this conductivity is the nonlinear example of [1].  Kirchhoff's variable [2] w = u + u³ / 3 is
harmonic, so that every harmonic w gives an exact solution by Cardano's formula for one real root,

    u = 2 sinh(asinh(3 w / 2) / 3),   here with w = 2 exp(x) cos(y).

[1] H. P. Langtangen and A. Logg, Solving PDEs in Python, Springer (2016), Section 3.2.
[2] G. Kirchhoff, Vorlesungen über die Theorie der Wärme, Teubner, Leipzig (1894).
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, div, neumann, robin

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)

harmonic = 2 * sp.exp(x) * sp.cos(y)
exact = 2 * sp.sinh(sp.asinh(3 * harmonic / 2) / 3)
conductivity = 1 + u**2

problem = Problem(
    name="poisson_quasilinear",
    equations=[-div((conductivity * D(u, x), conductivity * D(u, y)), (x, y))],
    unknowns=[u],
    domain=Box({x: (0, 1), y: (0, 1)}),
    conditions=[
        dirichlet(u, exact, on=["left", "bottom"]),
        neumann(u, exact.diff(x), on="right"),
        robin(u, 1, 1, exact + exact.diff(y), on="top"),
    ],
    reference=exact,
    citation="H. P. Langtangen, A. Logg, Solving PDEs in Python, Springer (2016)",
)
