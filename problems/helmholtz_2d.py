"""Helmholtz equation on a square: a standing wave, four times finer in y than in x.

    ∇²u + k² u = q,   (x, y) in [-1, 1]²,   u = 0 on the boundary,   k = 1
    q = (k² - (a1 pi)² - (a2 pi)²) sin(a1 pi x) sin(a2 pi y),   a1 = 1, a2 = 4

Exact: u = sin(a1 pi x) sin(a2 pi y).  Benchmark of [1].

[1] S. Wang, Y. Teng, P. Perdikaris, SIAM J. Sci. Comput. 43 (2021) A3055-A3081, Section 4.1.
"""

import sympy as sp

from pinnlab import Box, Problem, dirichlet, laplacian, parameter

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
k = parameter("k", 1)
a1, a2 = 1, 4

exact = sp.sin(a1 * sp.pi * x) * sp.sin(a2 * sp.pi * y)

problem = Problem(
    name="helmholtz_2d",
    equations=[laplacian(u, (x, y)) + k**2 * u - (k**2 - (a1 * sp.pi) ** 2 - (a2 * sp.pi) ** 2) * exact],
    unknowns=[u],
    domain=Box({x: (-1, 1), y: (-1, 1)}),
    conditions=[dirichlet(u, 0)],
    reference=exact,
    citation="S. Wang, Y. Teng, P. Perdikaris, SIAM J. Sci. Comput. 43 (2021) A3055-A3081",
)
