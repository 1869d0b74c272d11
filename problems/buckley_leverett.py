"""Buckley-Leverett equation: water drives oil out of a porous rock, a shock with a rarefaction behind it.

    u_t + (u² / (u² + M (1 - u)²))_x = 0,   x in [-1, 2],   t in [0, 1],   M = 1/2
    u(0, x) = 1 for x < 0, else 0;   u(t, -1) = 1

u is the share of water in the pores.  The flux is neither convex nor concave: a scheme that violates Oleinik's entropy
condition gives a shock from 1 to 0, which is wrong.  Equation [1]; M = 1/2 and the data are those of [2], section 16.1.

[1] S. E. Buckley, M. C. Leverett, Trans. AIME 146 (1942) 107-116.
[2] R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems, Cambridge University Press (2002).
"""

import numpy as np
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, parameter
from pinnlab.exact import buckley_leverett

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
M = parameter("M", sp.Rational(1, 2))


def exact(points: np.ndarray) -> np.ndarray:
    return buckley_leverett(points, ratio=0.5)


problem = Problem(
    name="buckley_leverett",
    equations=[D(u, t) + D(u**2 / (u**2 + M * (1 - u) ** 2), x)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (-1, 2)}),
    conditions=[initial(u, sp.Piecewise((1, x < 0), (0, True))), dirichlet(u, 1, on="left")],
    time=t,
    reference=exact,
    citation="S. E. Buckley, M. C. Leverett, Trans. AIME 146 (1942) 107-116",
)
