"""Poisson equation on an interval whose solution is a fast wave under a slow one.

    u_xx = f,   x in [0, 2 pi],   u given at both ends

Manufactured with u = sin(omega_1 x) cos(omega_2 x), omega_1 = 6 and omega_2 = 100.  Third of the high-frequency
problems of [1].  Between the whole numbers: `problem.with_parameters(omega_1=6.31, omega_2=100.37)`.

[1] S. Fang, M. Cooley, D. Long, S. Li, R. M. Kirby, S. Zhe, Int. Conf. Learn. Represent. (2024), arXiv:2311.04465.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, parameter

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
omega_1, omega_2 = parameter("omega_1", 6), parameter("omega_2", 100)

exact = sp.sin(omega_1 * x) * sp.cos(omega_2 * x)

problem = Problem(
    name="poisson_hf_3",
    equations=[D(u, x, 2) - exact.diff(x, 2)],
    unknowns=[u],
    domain=Box({x: (0, 2 * sp.pi)}),
    conditions=[dirichlet(u, exact, on=["left", "right"])],
    reference=exact,
    citation="S. Fang et al., Int. Conf. Learn. Represent. (2024), arXiv:2311.04465",
)
