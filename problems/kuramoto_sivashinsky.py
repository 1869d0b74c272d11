"""Kuramoto-Sivashinsky equation in its regular regime: long waves grow, short ones are damped.

    u_t + (alpha u² / 2)_x + beta u_xx + gamma u_xxxx = 0,   x in [-1, 1) periodic,   t in [0, 1]
    alpha = 5, beta = 0.5, gamma = 0.005,   u(0, x) = -sin(pi x)

The setting called "regular" in [1]; the equation is due to [2, 3].  The mean of u is conserved.

[1] S. Wang, S. Sankaran, P. Perdikaris, Comput. Methods Appl. Mech. Engrg. 421 (2024) 116813.
[2] Y. Kuramoto and T. Tsuzuki, Progr. Theoret. Phys. 55 (1976) 356-369.
[3] G. I. Sivashinsky, Acta Astronaut. 4 (1977) 1177-1206.
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
alpha = parameter("alpha", 5)
beta = parameter("beta", sp.Rational(1, 2))
gamma = parameter("gamma", sp.Rational(5, 1000))

problem = Problem(
    name="kuramoto_sivashinsky",
    equations=[D(u, t) + D(alpha * u**2 / 2, x) + beta * D(u, x, 2) + gamma * D(u, x, 4)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (-1, 1)}, periodic=[x]),
    conditions=[initial(u, -sp.sin(sp.pi * x))],
    time=t,
    conserved={"mass": u},
    citation="S. Wang, S. Sankaran, P. Perdikaris, Comput. Methods Appl. Mech. Engrg. 421 (2024) 116813",
)
