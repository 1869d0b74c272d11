"""Poisson equation on an interval: five sine modes on a slope.

    u_xx + Σ_{i=1}^{4} i sin(i x) + 8 sin(8 x) = 0,   x in [0, pi],   u(0) = 0,   u(pi) = pi

Exact: u = x + Σ_{i=1}^{4} sin(i x) / i + sin(8 x) / 8.  Example of [1].

[1] J. Yu, L. Lu, X. Meng, G. E. Karniadakis, Comput. Methods Appl. Mech. Engrg. 393 (2022) 114823.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
frequencies = (1, 2, 3, 4, 8)

problem = Problem(
    name="poisson_1d",
    equations=[D(u, x, 2) + sum(i * sp.sin(i * x) for i in frequencies)],
    unknowns=[u],
    domain=Box({x: (0, sp.pi)}),
    conditions=[dirichlet(u, 0, on="left"), dirichlet(u, sp.pi, on="right")],
    reference=x + sum(sp.sin(i * x) / i for i in frequencies),
    citation="J. Yu, L. Lu, X. Meng, G. E. Karniadakis, Comput. Methods Appl. Mech. Engrg. 393 (2022) 114823",
)
