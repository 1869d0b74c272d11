"""Korteweg-de Vries equation with weak dispersion: a cosine breaks up into a train of solitons.

    u_t + u u_x + delta² u_xxx = 0,   x in [-1, 1) periodic,   t in [0, 1],   delta = 0.022
    u(0, x) = cos(pi x)

The experiment in which solitons were discovered [1].  The wave steepens until t = 1 / pi, after which dispersion
resolves the front into oscillations about 0.05 wide; at t = 1 they have not yet parted.

[1] N. J. Zabusky, M. D. Kruskal, Phys. Rev. Lett. 15 (1965) 240-243.
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
delta = parameter("delta", sp.Rational(22, 1000))

problem = Problem(
    name="kdv",
    equations=[D(u, t) + D(u**2 / 2, x) + delta**2 * D(u, x, 3)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (-1, 1)}, periodic=[x]),
    conditions=[initial(u, sp.cos(sp.pi * x))],
    time=t,
    conserved={"mass": u, "momentum": u**2},
    citation="N. J. Zabusky, M. D. Kruskal, Phys. Rev. Lett. 15 (1965) 240-243",
)
