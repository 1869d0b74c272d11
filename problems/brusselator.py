"""Brusselator: an autocatalytic reaction that settles into a limit cycle.

    x' = A + x² y - (B + 1) x,   y' = B x - x² y,   t in [0, 20],   A = 1, B = 3
    x = 3/2, y = 3 at t = 0

The reaction is that of [1]; A, B, initial state and time span are those of [2, Section II.4].  The steady state
(A, B/A) is unstable since B > 1 + A².

[1] I. Prigogine, R. Lefever, J. Chem. Phys. 48 (1968) 1695-1700.
[2] E. Hairer, S. P. Norsett, G. Wanner, Solving Ordinary Differential Equations I, 2nd ed., Springer (1993).
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter

t = sp.Symbol("t", real=True)
x, y = (sp.Function(name)(t) for name in "xy")
A = parameter("A", 1)
B = parameter("B", 3)

problem = Problem(
    name="brusselator",
    equations=[D(x, t) - A - x**2 * y + (B + 1) * x, D(y, t) - B * x + x**2 * y],
    unknowns=[x, y],
    domain=Box({t: (0, 20)}),
    conditions=[initial(x, sp.Rational(3, 2)), initial(y, 3)],
    time=t,
    citation="I. Prigogine, R. Lefever, J. Chem. Phys. 48 (1968) 1695-1700",
)
