"""Sod's shock tube: gas at high pressure bursts into gas at low pressure; a rarefaction, a contact and a shock.

    rho_t + m_x = 0,   m_t + (m² / rho + p)_x = 0,   E_t + ((E + p) m / rho)_x = 0,   x in [0, 1],   t in [0, 0.2]
    p = (gamma - 1) (E - m² / (2 rho)),   gamma = 1.4
    (rho, velocity, p) = (1, 0, 1) for x < 1/2, else (0.125, 0, 0.1)

Density, momentum and energy per volume; the tube is closed at both ends, m = 0, which no wave reaches by t = 0.2.
Data of [1]; exact solution as in chapter 4 of [2].

[1] G. A. Sod, J. Comput. Phys. 27 (1978) 1-31.
[2] E. F. Toro, Riemann Solvers and Numerical Methods for Fluid Dynamics, 3rd ed., Springer (2009).
"""

import numpy as np
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, parameter
from pinnlab.exact import euler_riemann

t, x = sp.symbols("t x", real=True)
rho = sp.Function("rho", positive=True)(t, x)
m = sp.Function("m")(t, x)
E = sp.Function("E", positive=True)(t, x)
gamma = parameter("gamma", sp.Rational(7, 5))

p = (gamma - 1) * (E - m**2 / (2 * rho))
# One value in each half of the tube.
density, pressure = (
    sp.Piecewise((1, x < sp.Rational(1, 2)), (low, True)) for low in (sp.Rational(1, 8), sp.Rational(1, 10))
)


def exact(points: np.ndarray) -> np.ndarray:
    return euler_riemann(points, left=(1.0, 0.0, 1.0), right=(0.125, 0.0, 0.1), gamma=1.4, start=0.5)


problem = Problem(
    name="sod",
    equations=[D(rho, t) + D(m, x), D(m, t) + D(m**2 / rho + p, x), D(E, t) + D((E + p) * m / rho, x)],
    unknowns=[rho, m, E],
    domain=Box({t: (0, 0.2), x: (0, 1)}),
    conditions=[
        initial(rho, density),
        initial(m, 0),
        initial(E, pressure / (gamma - 1)),
        dirichlet(m, 0),
    ],
    time=t,
    reference=exact,
    conserved={"mass": rho, "energy": E},
    citation="G. A. Sod, J. Comput. Phys. 27 (1978) 1-31",
)
