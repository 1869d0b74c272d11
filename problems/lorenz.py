"""Lorenz equations: three ordinary differential equations with a chaotic attractor.

    x' = sigma (y - x),   y' = x (rho - z) - y,   z' = x y - beta z,   t in [0, 20]
    sigma = 10, rho = 28, beta = 8/3,   x = y = z = 1 at t = 0

The model is that of [1], the initial state and the time span are those of [2].  Nearby orbits separate like
exp(0.9 t): over 20 units of time an error grows by a factor near 1e8, so compare solvers with that in mind.

[1] E. N. Lorenz, J. Atmos. Sci. 20 (1963) 130-141.
[2] S. Wang, S. Sankaran, P. Perdikaris, Comput. Methods Appl. Mech. Engrg. 421 (2024) 116813.
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter

t = sp.Symbol("t", real=True)
x, y, z = (sp.Function(name)(t) for name in "xyz")
sigma = parameter("sigma", 10)
rho = parameter("rho", 28)
beta = parameter("beta", sp.Rational(8, 3))

problem = Problem(
    name="lorenz",
    equations=[
        D(x, t) - sigma * (y - x),
        D(y, t) - x * (rho - z) + y,
        D(z, t) - x * y + beta * z,
    ],
    unknowns=[x, y, z],
    domain=Box({t: (0, 20)}),
    conditions=[initial(x, 1), initial(y, 1), initial(z, 1)],
    time=t,
    citation="E. N. Lorenz, J. Atmos. Sci. 20 (1963) 130-141",
)
