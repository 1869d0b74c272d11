"""Porous medium equation: gas spreads through a porous rock behind a front that moves at a finite speed.

    u_t = (u^m)_xx,   x in [-6, 6],   t in [1, 2],   m = 3
    u(1, x) = max(0, 1 - x² / 12)^(1/2),   u(t, ±6) = 0

The diffusivity m u^(m-1) vanishes where there is no gas, so that the solution has an edge of infinite slope.
Barenblatt's solution [1], in the form of section 4.4 of [2], spread from a point at t = 0.

[1] G. I. Barenblatt, Prikl. Mat. Mekh. 16 (1952) 67-78.
[2] J. L. Vázquez, The Porous Medium Equation, Oxford University Press (2007).
"""

import numpy as np
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial
from pinnlab.exact import barenblatt

t, x = sp.symbols("t x", real=True)
u = sp.Function("u", nonnegative=True)(t, x)


def exact(points: np.ndarray) -> np.ndarray:
    return barenblatt(points, exponent=3.0, mass=1.0)


problem = Problem(
    name="porous_medium",
    equations=[D(u, t) - D(u**3, x, 2)],
    unknowns=[u],
    domain=Box({t: (1, 2), x: (-6, 6)}),
    conditions=[initial(u, sp.sqrt(sp.Max(0, 1 - x**2 / 12))), dirichlet(u, 0)],
    time=t,
    reference=exact,
    conserved={"mass": u},
    citation="G. I. Barenblatt, Prikl. Mat. Mekh. 16 (1952) 67-78",
)
