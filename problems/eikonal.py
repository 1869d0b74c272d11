"""Regularised eikonal equation on the unit square: the distance from the boundary with its ridges rounded off.

    |∇u|² = 1 + eps ∇²u,   (x, y) in [0, 1]²,   u = 0 on the boundary,   eps = 0.1

Section 4.3 of [1]; the published code of [1] computes with `problem.with_parameters(eps=0.01)`, whose ridges are ten
times as sharp.  With u = -eps log v [2] the equation is linear, v = eps² ∇²v, which gives the exact solution for every
eps as an integral.

[1] Y. Chen, B. Hosseini, H. Owhadi, A. M. Stuart, J. Comput. Phys. 447 (2021) 110668.
[2] E. Hopf, Comm. Pure Appl. Math. 3 (1950) 201-230.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, laplacian, parameter
from pinnlab.exact import Parametric, eikonal_square

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
eps = parameter("eps", sp.Rational(1, 10))

problem = Problem(
    name="eikonal",
    equations=[D(u, x) ** 2 + D(u, y) ** 2 - 1 - eps * laplacian(u, (x, y))],
    unknowns=[u],
    domain=Box({x: (0, 1), y: (0, 1)}),
    conditions=[dirichlet(u, 0)],
    reference=Parametric(eikonal_square, eps),
    citation="Y. Chen, B. Hosseini, H. Owhadi, A. M. Stuart, J. Comput. Phys. 447 (2021) 110668",
)
