"""Nonlinear elliptic equation on the unit square whose solution holds two scales, the finer twice as large.

    -∇²u + u³ = f,   (x, y) in [0, 1]²,   u = 0 on the boundary

Manufactured with u = sin(pi x) sin(pi y) + 2 sin(4 pi x) sin(4 pi y).  Section 4.1 of [1]; a monotone equation with
one solution for every f.

[1] Y. Chen, B. Hosseini, H. Owhadi, A. M. Stuart, J. Comput. Phys. 447 (2021) 110668.
"""

import sympy as sp

from pinnlab import Box, Problem, dirichlet, laplacian

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)


def mode(n: int) -> sp.Expr:
    return sp.sin(n * sp.pi * x) * sp.sin(n * sp.pi * y)


exact = mode(1) + 2 * mode(4)
source = -exact.diff(x, 2) - exact.diff(y, 2) + exact**3

problem = Problem(
    name="nonlinear_elliptic",
    equations=[-laplacian(u, (x, y)) + u**3 - source],
    unknowns=[u],
    domain=Box({x: (0, 1), y: (0, 1)}),
    conditions=[dirichlet(u, 0)],
    reference=exact,
    citation="Y. Chen, B. Hosseini, H. Owhadi, A. M. Stuart, J. Comput. Phys. 447 (2021) 110668",
)
