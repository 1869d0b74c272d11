"""Kuramoto-Sivashinsky equation on a short period, L = 22, where it is chaotic, from random initial values.

    u_t + (u² / 2)_x + u_xx + u_xxxx = 0,   x in [0, 22) periodic,   t in [0, 250]

Its largest Lyapunov exponent is between 0.04 and 0.05 [1].  After about t = 100 the random initial values are forgotten
and the states are on the attractor; frames from then on are samples of it.

[1] P. Cvitanovic, R. L. Davidchack, E. Siminos, SIAM J. Appl. Dyn. Syst. 9 (2010) 1-33.
"""

import sympy as sp

from pinnlab import Box, D, Family, PeriodicField, Problem, initial, parameter

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
u0 = parameter("u0", sp.cos(2 * sp.pi * x / 22) * (1 + sp.sin(2 * sp.pi * x / 22)))

problem = Problem(
    name="kuramoto_sivashinsky_22",
    equations=[D(u, t) + D(u**2 / 2, x) + D(u, x, 2) + D(u, x, 4)],
    unknowns=[u],
    domain=Box({t: (0, 250), x: (0, 22)}, periodic=[x]),
    conditions=[initial(u, u0)],
    time=t,
    conserved={"mass": u},
    citation="P. Cvitanovic, R. L. Davidchack, E. Siminos, SIAM J. Appl. Dyn. Syst. 9 (2010) 1-33",
)
family = Family(problem, {u0: PeriodicField({x: (0, 22)}, alpha=2, tau=1, modes=8)})
