"""Viscous Burgers equation: a sine wave steepens into a thin viscous shock at x = 0.

    u_t + (u² / 2)_x = nu u_xx,   x in [-1, 1],   t in [0, 1],   nu = 0.01 / pi
    u(0, x) = -sin(pi x),   u(t, -1) = u(t, 1) = 0

The slope at the origin reaches about -152 shortly after t = 1/2.  The setting is that of [1]; the exact
solution follows from the Cole-Hopf transform [2].  Many papers quote errors for nu = 0.01, which is a far
easier problem: `problem.with_parameters(nu=0.01)`, exact as well.

[1] M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019) 686-707, Appendix A.
[2] C. Basdevant et al., Comput. Fluids 14 (1986) 23-41.
"""

import numpy as np
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, parameter
from pinnlab.exact import Parametric, cole_hopf

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
nu = parameter("nu", 0.01 / sp.pi)


def exact(points: np.ndarray, viscosity: float) -> np.ndarray:
    return cole_hopf(points, viscosity, amplitude=-1.0, wavenumber=np.pi)


problem = Problem(
    name="burgers",
    equations=[D(u, t) + D(u**2 / 2, x) - nu * D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (-1, 1)}),
    conditions=[initial(u, -sp.sin(sp.pi * x)), dirichlet(u, 0, on=["left", "right"])],
    time=t,
    reference=Parametric(exact, nu),
    citation="M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019) 686-707",
)
