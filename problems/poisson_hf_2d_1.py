"""Poisson equation on a square whose solution is one fast wave: a hundred by a hundred.

    u_xx + u_yy = f,   (x, y) in [0, 2 pi]²,   u given on the boundary

Manufactured with u = sin(omega x) sin(omega y), omega = 100.  First of the high-frequency problems in the plane of
[1].

[1] S. Fang, M. Cooley, D. Long, S. Li, R. M. Kirby, S. Zhe, Int. Conf. Learn. Represent. (2024), arXiv:2311.04465.
"""

import sympy as sp

from pinnlab import Box, Problem, dirichlet, laplacian, parameter

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
omega = parameter("omega", 100)

exact = sp.sin(omega * x) * sp.sin(omega * y)

problem = Problem(
    name="poisson_hf_2d_1",
    equations=[laplacian(u, (x, y)) - exact.diff(x, 2) - exact.diff(y, 2)],
    unknowns=[u],
    domain=Box({x: (0, 2 * sp.pi), y: (0, 2 * sp.pi)}),
    conditions=[dirichlet(u, exact)],
    reference=exact,
    citation="S. Fang et al., Int. Conf. Learn. Represent. (2024), arXiv:2311.04465",
)
