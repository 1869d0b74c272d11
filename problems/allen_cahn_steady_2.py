"""Steady Allen-Cahn equation on an interval whose solution is a fast wave under a slow one.

    u_xx + u (u² - 1) = f,   x in [0, 2 pi],   u given at both ends

Manufactured with u = sin(omega_1 x) cos(omega_2 x), omega_1 = 6 and omega_2 = 100.  The sign of the reaction is that
of [1]; the model is that of [2].

[1] S. Fang, M. Cooley, D. Long, S. Li, R. M. Kirby, S. Zhe, Int. Conf. Learn. Represent. (2024), arXiv:2311.04465.
[2] S. M. Allen and J. W. Cahn, Acta Metall. 27 (1979) 1085-1095.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, parameter

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
omega_1, omega_2 = parameter("omega_1", 6), parameter("omega_2", 100)

exact = sp.sin(omega_1 * x) * sp.cos(omega_2 * x)
source = exact.diff(x, 2) + exact * (exact**2 - 1)

problem = Problem(
    name="allen_cahn_steady_2",
    equations=[D(u, x, 2) + u * (u**2 - 1) - source],
    unknowns=[u],
    domain=Box({x: (0, 2 * sp.pi)}),
    conditions=[dirichlet(u, exact, on=["left", "right"])],
    reference=exact,
    citation="S. Fang et al., Int. Conf. Learn. Represent. (2024), arXiv:2311.04465",
)
