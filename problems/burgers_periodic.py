"""Viscous Burgers equation on a periodic interval: a sine wave steepens and decays.

    u_t + (u² / 2)_x = nu u_xx,   x in [0, 2 pi) periodic,   t in [0, 1],   nu = 0.05
    u(0, x) = sin x

The exact solution follows from the Cole-Hopf transform [1, 2]; the mean of u is conserved.

[1] E. R. Benton and G. W. Platzman, Quart. Appl. Math. 30 (1972) 195-212.
[2] J. D. Cole, Quart. Appl. Math. 9 (1951) 225-236.
"""

import numpy as np
import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter
from pinnlab.exact import Parametric, cole_hopf

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
nu = parameter("nu", sp.Rational(1, 20))


def exact(points: np.ndarray, viscosity: float) -> np.ndarray:
    return cole_hopf(points, viscosity, amplitude=1.0, wavenumber=1.0)


problem = Problem(
    name="burgers_periodic",
    equations=[D(u, t) + D(u**2 / 2, x) - nu * D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x]),
    conditions=[initial(u, sp.sin(x))],
    time=t,
    reference=Parametric(exact, nu),
    conserved={"mass": u},
    citation="E. R. Benton, G. W. Platzman, Quart. Appl. Math. 30 (1972) 195-212",
)
