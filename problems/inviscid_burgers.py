"""Inviscid Burgers equation: a sine wave on a uniform stream breaks, and the shock travels with the stream.

    u_t + (u² / 2)_x = 0,   x in [-1, 1] periodic,   t in [0, 1]
    u(0, x) = alpha + beta sin(pi x),   alpha = 1,   beta = 1/2

The shock forms at t = 2 / pi.  Data of this form are those of [1]; in the frame that moves with alpha the solution
is odd about the shock, so that it is known by characteristics at all times.

[1] A. Harten, B. Engquist, S. Osher, S. R. Chakravarthy, J. Comput. Phys. 71 (1987) 231-303.
"""

import numpy as np
import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter
from pinnlab.exact import burgers_sine

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
alpha = parameter("alpha", 1)
beta = parameter("beta", sp.Rational(1, 2))


def exact(points: np.ndarray) -> np.ndarray:
    return burgers_sine(points, mean=1.0, amplitude=0.5, wavenumber=np.pi)


problem = Problem(
    name="inviscid_burgers",
    equations=[D(u, t) + D(u**2 / 2, x)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (-1, 1)}, periodic=[x]),
    conditions=[initial(u, alpha + beta * sp.sin(sp.pi * x))],
    time=t,
    reference=exact,
    conserved={"mass": u},
    citation="A. Harten, B. Engquist, S. Osher, S. R. Chakravarthy, J. Comput. Phys. 71 (1987) 231-303",
)
