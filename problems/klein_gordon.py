"""Nonlinear Klein-Gordon equation: a fast standing oscillation under a slowly growing one.

    u_tt - u_xx + u³ = f,   x in [0, 1],   t in [0, 1]
    u(0, x) = x,   u_t(0, x) = 0,   u(t, 0) and u(t, 1) given

Manufactured with u = x cos(5 pi t) + (x t)³, from which f and the boundary values follow.  Benchmark of [1].

[1] S. Wang, Y. Teng, P. Perdikaris, SIAM J. Sci. Comput. 43 (2021) A3055-A3081, Section 4.2.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, initial_rate

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)

exact = x * sp.cos(5 * sp.pi * t) + (x * t) ** 3
source = exact.diff(t, 2) - exact.diff(x, 2) + exact**3

problem = Problem(
    name="klein_gordon",
    equations=[D(u, t, 2) - D(u, x, 2) + u**3 - source],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (0, 1)}),
    conditions=[
        initial(u, exact.subs(t, 0)),
        initial_rate(u, 0),
        dirichlet(u, exact, on=["left", "right"]),
    ],
    time=t,
    reference=exact,
    citation="S. Wang, Y. Teng, P. Perdikaris, SIAM J. Sci. Comput. 43 (2021) A3055-A3081",
)
