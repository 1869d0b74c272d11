"""Poisson equation on an interval whose solution is a fast sine that grows along the way.

    u_xx = f,   x in [0, 2 pi],   u given at both ends

Manufactured with u = x sin(omega x), omega = 200.  Fourth of the high-frequency problems of [1].  Between the whole
numbers: `problem.with_parameters(omega=200.37)`.

[1] S. Fang, M. Cooley, D. Long, S. Li, R. M. Kirby, S. Zhe, Int. Conf. Learn. Represent. (2024), arXiv:2311.04465.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, parameter

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
omega = parameter("omega", 200)

exact = x * sp.sin(omega * x)

problem = Problem(
    name="poisson_hf_4",
    equations=[D(u, x, 2) - exact.diff(x, 2)],
    unknowns=[u],
    domain=Box({x: (0, 2 * sp.pi)}),
    conditions=[dirichlet(u, exact, on=["left", "right"])],
    reference=exact,
    citation="S. Fang et al., Int. Conf. Learn. Represent. (2024), arXiv:2311.04465",
)
