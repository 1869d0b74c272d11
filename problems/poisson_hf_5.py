"""Poisson equation on an interval whose solution is a fast sine on a parabola.

    u_xx = f,   x in [0, 1],   u given at both ends

Manufactured with u = sin(omega x) - 2 (x - 1/2)², omega = 500.  Fifth of the high-frequency problems of [1].

[1] S. Fang, M. Cooley, D. Long, S. Li, R. M. Kirby, S. Zhe, Int. Conf. Learn. Represent. (2024), arXiv:2311.04465.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, parameter

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
omega = parameter("omega", 500)

exact = sp.sin(omega * x) - 2 * (x - sp.Rational(1, 2)) ** 2

problem = Problem(
    name="poisson_hf_5",
    equations=[D(u, x, 2) - exact.diff(x, 2)],
    unknowns=[u],
    domain=Box({x: (0, 1)}),
    conditions=[dirichlet(u, exact, on=["left", "right"])],
    reference=exact,
    citation="S. Fang et al., Int. Conf. Learn. Represent. (2024), arXiv:2311.04465",
)
