"""Dam break: deep water at rest runs into shallow water, a bore ahead and a rarefaction behind.

    h_t + q_x = 0,   q_t + (q² / h + g h² / 2)_x = 0,   x in [-5, 5],   t in [0, 2],   g = 1
    h(0, x) = 3 for x < 0, else 1;   q(0, x) = 0

Shallow water equations for the depth h and the discharge q.  Both ends are walls, q = 0, which no wave reaches by
t = 2.  Data of [1], section 13.7; exact solution by Stoker [2].

[1] R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems, Cambridge University Press (2002).
[2] J. J. Stoker, Water Waves, Interscience (1957).
"""

import numpy as np
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, parameter
from pinnlab.exact import dam_break

t, x = sp.symbols("t x", real=True)
h = sp.Function("h", positive=True)(t, x)
q = sp.Function("q")(t, x)
g = parameter("g", 1)


def exact(points: np.ndarray) -> np.ndarray:
    return dam_break(points, left=(3.0, 0.0), right=(1.0, 0.0), gravity=1.0)


problem = Problem(
    name="dam_break",
    equations=[D(h, t) + D(q, x), D(q, t) + D(q**2 / h + g * h**2 / 2, x)],
    unknowns=[h, q],
    domain=Box({t: (0, 2), x: (-5, 5)}),
    conditions=[initial(h, sp.Piecewise((3, x < 0), (1, True))), initial(q, 0), dirichlet(q, 0)],
    time=t,
    reference=exact,
    conserved={"mass": h},
    citation="R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems, Cambridge University Press (2002)",
)
