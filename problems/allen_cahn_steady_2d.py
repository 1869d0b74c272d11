"""Steady Allen-Cahn equation on a square whose solution is a product of two sums of three scales.

    u_xx + u_yy + u (u² - 1) = f,   (x, y) in [0, 1]²,   u given on the boundary

Manufactured with u = g(x) g(y), g(s) = sin(s) + sin(omega_1 s) / 10 + cos(omega_2 s), omega_1 = 20 and omega_2 = 100.
The sign of the reaction is that of [1]; the model is that of [2].

[1] S. Fang, M. Cooley, D. Long, S. Li, R. M. Kirby, S. Zhe, Int. Conf. Learn. Represent. (2024), arXiv:2311.04465.
[2] S. M. Allen and J. W. Cahn, Acta Metall. 27 (1979) 1085-1095.
"""

import sympy as sp

from pinnlab import Box, Problem, dirichlet, laplacian, parameter

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
omega_1, omega_2 = parameter("omega_1", 20), parameter("omega_2", 100)


def profile(s: sp.Symbol) -> sp.Expr:
    return sp.sin(s) + sp.sin(omega_1 * s) / 10 + sp.cos(omega_2 * s)


exact = profile(x) * profile(y)
source = exact.diff(x, 2) + exact.diff(y, 2) + exact * (exact**2 - 1)

problem = Problem(
    name="allen_cahn_steady_2d",
    equations=[laplacian(u, (x, y)) + u * (u**2 - 1) - source],
    unknowns=[u],
    domain=Box({x: (0, 1), y: (0, 1)}),
    conditions=[dirichlet(u, exact)],
    reference=exact,
    citation="S. Fang et al., Int. Conf. Learn. Represent. (2024), arXiv:2311.04465",
)
