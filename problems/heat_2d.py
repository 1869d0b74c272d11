"""Heat equation on a plate that conducts 250,000 times better in y than in x: a fine ripple decays.

    u_t = u_xx / (500 pi)² + u_yy / pi²,   (x, y) in [0, 1]²,   t in [0, 5]
    u(0, x, y) = sin(20 pi x) sin(pi y),   u = 0 on the boundary

Exact: u = exp(-(1 / 625 + 1) t) sin(20 pi x) sin(pi y).  It is "Heat2d-MS" of [1].

[1] Z. Hao et al., PINNacle, Adv. Neural Inf. Process. Syst. 37 (2024).
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x, y)

exact = sp.exp(-sp.Rational(626, 625) * t) * sp.sin(20 * sp.pi * x) * sp.sin(sp.pi * y)

problem = Problem(
    name="heat_2d",
    equations=[D(u, t) - D(u, x, 2) / (500 * sp.pi) ** 2 - D(u, y, 2) / sp.pi**2],
    unknowns=[u],
    domain=Box({t: (0, 5), x: (0, 1), y: (0, 1)}),
    conditions=[initial(u, exact.subs(t, 0)), dirichlet(u, 0)],
    time=t,
    reference=exact,
    citation="Z. Hao et al., Adv. Neural Inf. Process. Syst. 37 (2024)",
)
