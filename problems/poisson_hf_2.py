"""Poisson equation on an interval whose solution holds three scales, the finer the smaller.

    u_xx = f,   x in [0, 1],   u given at both ends

Manufactured with u = sin(x) + sin(omega_1 x) / 10 + sin(omega_2 x) / 20, omega_1 = 20 and omega_2 = 100: the finest
scale is a twentieth of the coarsest in u and 500 times as large in f.  Second of the high-frequency problems of [1],
as its published code has it.

[1] S. Fang, M. Cooley, D. Long, S. Li, R. M. Kirby, S. Zhe, Int. Conf. Learn. Represent. (2024), arXiv:2311.04465.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, parameter

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
omega_1, omega_2 = parameter("omega_1", 20), parameter("omega_2", 100)

exact = sp.sin(x) + sp.sin(omega_1 * x) / 10 + sp.sin(omega_2 * x) / 20

problem = Problem(
    name="poisson_hf_2",
    equations=[D(u, x, 2) - exact.diff(x, 2)],
    unknowns=[u],
    domain=Box({x: (0, 1)}),
    conditions=[dirichlet(u, exact, on=["left", "right"])],
    reference=exact,
    citation="S. Fang et al., Int. Conf. Learn. Represent. (2024), arXiv:2311.04465",
)
