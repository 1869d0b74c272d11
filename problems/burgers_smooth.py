"""Viscous Burgers equation with so much viscosity that the layer at x = 0 is eight hundredths wide.

    u_t + (u² / 2)_x = nu u_xx,   x in [-1, 1],   t in [0, 1],   nu = 0.02
    u(0, x) = -sin(pi x),   u(t, -1) = u(t, 1) = 0

The equation and data of `burgers` with the viscosity of [1], Section 4.2; exact by the Cole-Hopf transform [2].

[1] Y. Chen, B. Hosseini, H. Owhadi, A. M. Stuart, J. Comput. Phys. 447 (2021) 110668.
[2] J. D. Cole, Quart. Appl. Math. 9 (1951) 225-236.
"""

import numpy as np
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, parameter
from pinnlab.exact import Parametric, cole_hopf

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
nu = parameter("nu", sp.Rational(1, 50))


def exact(points: np.ndarray, viscosity: float) -> np.ndarray:
    return cole_hopf(points, viscosity, amplitude=-1.0, wavenumber=np.pi)


problem = Problem(
    name="burgers_smooth",
    equations=[D(u, t) + D(u**2 / 2, x) - nu * D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (-1, 1)}),
    conditions=[initial(u, -sp.sin(sp.pi * x)), dirichlet(u, 0, on=["left", "right"])],
    time=t,
    reference=Parametric(exact, nu),
    citation="Y. Chen, B. Hosseini, H. Owhadi, A. M. Stuart, J. Comput. Phys. 447 (2021) 110668",
)
