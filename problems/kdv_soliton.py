"""Korteweg-de Vries equation: one soliton travels at constant speed without changing shape.

    u_t + 6 u u_x + u_xxx = 0,   x in [-20, 20) periodic,   t in [0, 1]
    u = c/2 sech²(√c/2 (x - c t + 2)),   c = 4

The solitary wave [1] in the scaling of [2].  The box is so long that the tails are below 1e-14 at its ends
for all t in [0, 1], so the solution on the line is the solution on the circle to rounding.

[1] D. J. Korteweg and G. de Vries, Philos. Mag. 39 (1895) 422-443.
[2] C. S. Gardner, J. M. Greene, M. D. Kruskal, R. M. Miura, Phys. Rev. Lett. 19 (1967) 1095-1097.
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
c = parameter("c", 4)

exact = c / 2 * sp.sech(sp.sqrt(c) / 2 * (x - c * t + 2)) ** 2

problem = Problem(
    name="kdv_soliton",
    equations=[D(u, t) + D(3 * u**2, x) + D(u, x, 3)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (-20, 20)}, periodic=[x]),
    conditions=[initial(u, exact.subs(t, 0))],
    time=t,
    reference=exact,
    conserved={"mass": u, "momentum": u**2},
    citation="C. S. Gardner et al., Phys. Rev. Lett. 19 (1967) 1095-1097",
)
