"""Linear advection at the speed 200: what enters on the left has crossed the interval after 1/200.

    u_t + beta u_x = 0,   x in [0, 1],   t in [0, 1],   beta = 200
    u(0, x) = sin(x),   u(t, 0) = sin(-beta t)

Exact: u = sin(x - beta t), 32 oscillations in time under less than a sixth of a wave in space.  Setting of the
published code of [1], whose figure shows x in [0, 2 pi].

[1] S. Fang, M. Cooley, D. Long, S. Li, R. M. Kirby, S. Zhe, Int. Conf. Learn. Represent. (2024), arXiv:2311.04465.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, parameter

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
beta = parameter("beta", 200)

exact = sp.sin(x - beta * t)

problem = Problem(
    name="advection_fast",
    equations=[D(u, t) + D(beta * u, x)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (0, 1)}),
    conditions=[initial(u, sp.sin(x)), dirichlet(u, exact.subs(x, 0), on="left")],
    time=t,
    reference=exact,
    citation="S. Fang et al., Int. Conf. Learn. Represent. (2024), arXiv:2311.04465",
)
