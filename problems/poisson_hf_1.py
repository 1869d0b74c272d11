"""Poisson equation on an interval whose solution is one fast sine: a hundred waves.

    u_xx = f,   x in [0, 2 pi],   u given at both ends

Manufactured with u = sin(omega x), omega = 100.  First of the high-frequency problems of [1]; the others are
poisson_hf_2 to poisson_hf_5, poisson_hf_2d_1 and poisson_hf_2d_2.  A solver that looks for frequencies on a grid of
whole numbers is controlled by one that lies between: `problem.with_parameters(omega=100.37)`.

[1] S. Fang, M. Cooley, D. Long, S. Li, R. M. Kirby, S. Zhe, Int. Conf. Learn. Represent. (2024), arXiv:2311.04465.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, parameter

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
omega = parameter("omega", 100)

exact = sp.sin(omega * x)

problem = Problem(
    name="poisson_hf_1",
    equations=[D(u, x, 2) - exact.diff(x, 2)],
    unknowns=[u],
    domain=Box({x: (0, 2 * sp.pi)}),
    conditions=[dirichlet(u, exact, on=["left", "right"])],
    reference=exact,
    citation="S. Fang et al., Int. Conf. Learn. Represent. (2024), arXiv:2311.04465",
)
