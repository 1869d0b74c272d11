"""Poisson equation on a square whose solution is a sum of two functions of one coordinate each.

    u_xx + u_yy = f,   (x, y) in [0, 2 pi]²,   u given on the boundary

Manufactured with u = sin(omega_1 x) cos(omega_2 x) + sin(omega_1 y) cos(omega_2 y), omega_1 = 6 and omega_2 = 20.
Second of the high-frequency problems in the plane of [1].

[1] S. Fang, M. Cooley, D. Long, S. Li, R. M. Kirby, S. Zhe, Int. Conf. Learn. Represent. (2024), arXiv:2311.04465.
"""

import sympy as sp

from pinnlab import Box, Problem, dirichlet, laplacian, parameter

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
omega_1, omega_2 = parameter("omega_1", 6), parameter("omega_2", 20)

exact = sum(sp.sin(omega_1 * c) * sp.cos(omega_2 * c) for c in (x, y))

problem = Problem(
    name="poisson_hf_2d_2",
    equations=[laplacian(u, (x, y)) - exact.diff(x, 2) - exact.diff(y, 2)],
    unknowns=[u],
    domain=Box({x: (0, 2 * sp.pi), y: (0, 2 * sp.pi)}),
    conditions=[dirichlet(u, exact)],
    reference=exact,
    citation="S. Fang et al., Int. Conf. Learn. Represent. (2024), arXiv:2311.04465",
)
