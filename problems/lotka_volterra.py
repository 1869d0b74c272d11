"""Lotka-Volterra equations: a predator and its prey go round on closed orbits.

    u' = u (v - 2),   v' = v (1 - u),   t in [0, 20],   u = v = 2 at t = 0

The predator u eats the prey v.  The model is that of [1] and [2]; coefficients and initial state are those of
[3, Section I.1.1].  Each orbit is a level line of log u - u + 2 log v - v.

[1] A. J. Lotka, J. Am. Chem. Soc. 42 (1920) 1595-1599.
[2] V. Volterra, Nature 118 (1926) 558-560.
[3] E. Hairer, C. Lubich, G. Wanner, Geometric Numerical Integration, 2nd ed., Springer (2006).
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter

t = sp.Symbol("t", real=True)
u, v = (sp.Function(name)(t) for name in "uv")
a = parameter("a", 2)
b = parameter("b", 1)

problem = Problem(
    name="lotka_volterra",
    equations=[D(u, t) - u * (v - a), D(v, t) - v * (b - u)],
    unknowns=[u, v],
    domain=Box({t: (0, 20)}),
    conditions=[initial(u, 2), initial(v, 2)],
    time=t,
    conserved={"invariant": b * sp.log(u) - u + a * sp.log(v) - v},
    citation="A. J. Lotka, J. Am. Chem. Soc. 42 (1920) 1595-1599",
)
