"""Circular dam break: a column of water collapses; a ring-shaped bore runs outwards, a rarefaction inwards.

    h_t + p_x + q_y = 0
    p_t + (p² / h + g h² / 2)_x + (p q / h)_y = 0
    q_t + (p q / h)_x + (q² / h + g h² / 2)_y = 0,   (x, y) in [-2.5, 2.5]²,   t in [0, 1.5],   g = 1
    h(0, x, y) = 2 for x² + y² < 1/4, else 1;   p = q = 0

Shallow water equations for the depth h and the discharges p, q.  Data of [1], section 21.7; the sides are open, and no
wave reaches them by t = 1.5.

[1] R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems, Cambridge University Press (2002).
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter

t, x, y = sp.symbols("t x y", real=True)
h = sp.Function("h", positive=True)(t, x, y)
p = sp.Function("p")(t, x, y)
q = sp.Function("q")(t, x, y)
g = parameter("g", 1)

pressure = g * h**2 / 2

problem = Problem(
    name="dam_break_2d",
    equations=[
        D(h, t) + D(p, x) + D(q, y),
        D(p, t) + D(p**2 / h + pressure, x) + D(p * q / h, y),
        D(q, t) + D(p * q / h, x) + D(q**2 / h + pressure, y),
    ],
    unknowns=[h, p, q],
    domain=Box({t: (0, 1.5), x: (-2.5, 2.5), y: (-2.5, 2.5)}),
    conditions=[
        initial(h, sp.Piecewise((2, x**2 + y**2 < sp.Rational(1, 4)), (1, True))),
        initial(p, 0),
        initial(q, 0),
    ],
    time=t,
    citation="R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems, Cambridge University Press (2002)",
)
