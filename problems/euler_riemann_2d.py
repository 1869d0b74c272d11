"""Riemann problem of the Euler equations in two dimensions: four shocks meet and roll up a jet (configuration 3).

    rho_t + m_x + n_y = 0
    m_t + (m² / rho + p)_x + (m n / rho)_y = 0
    n_t + (m n / rho)_x + (n² / rho + p)_y = 0
    E_t + ((E + p) m / rho)_x + ((E + p) n / rho)_y = 0,   (x, y) in [0, 1]²,   t in [0, 0.3]
    p = (gamma - 1) (E - (m² + n²) / (2 rho)),   gamma = 1.4

The data are constant in each of the quarters that meet at (1/2, 1/2), chosen so that a single shock separates each two
neighbours; all sides are open.  Configuration 3 of [1].

[1] P. D. Lax, X.-D. Liu, SIAM J. Sci. Comput. 19 (1998) 319-340.
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter

t, x, y = sp.symbols("t x y", real=True)
rho = sp.Function("rho", positive=True)(t, x, y)
m = sp.Function("m")(t, x, y)
n = sp.Function("n")(t, x, y)
E = sp.Function("E", positive=True)(t, x, y)
gamma = parameter("gamma", sp.Rational(7, 5))

p = (gamma - 1) * (E - (m**2 + n**2) / (2 * rho))

half = sp.Rational(1, 2)
# Density, velocities and pressure in the quarters: upper right, upper left, lower left, lower right.
upper_right = (sp.Float("1.5"), 0, 0, sp.Float("1.5"))
upper_left = (sp.Float("0.5323"), sp.Float("1.206"), 0, sp.Float("0.3"))
lower_left = (sp.Float("0.138"), sp.Float("1.206"), sp.Float("1.206"), sp.Float("0.029"))
lower_right = (sp.Float("0.5323"), 0, sp.Float("1.206"), sp.Float("0.3"))
# Density, momenta and energy per volume in each of them.
quarters = [
    (r, r * u, r * v, pressure / (gamma - 1) + r * (u**2 + v**2) / 2)
    for r, u, v, pressure in (upper_right, upper_left, lower_left, lower_right)
]
data = [
    sp.Piecewise((a, (x >= half) & (y >= half)), (b, (x < half) & (y >= half)), (c, (x < half) & (y < half)), (d, True))
    for a, b, c, d in zip(*quarters, strict=True)
]

problem = Problem(
    name="euler_riemann_2d",
    equations=[
        D(rho, t) + D(m, x) + D(n, y),
        D(m, t) + D(m**2 / rho + p, x) + D(m * n / rho, y),
        D(n, t) + D(m * n / rho, x) + D(n**2 / rho + p, y),
        D(E, t) + D((E + p) * m / rho, x) + D((E + p) * n / rho, y),
    ],
    unknowns=[rho, m, n, E],
    domain=Box({t: (0, 0.3), x: (0, 1), y: (0, 1)}),
    conditions=[initial(u, g) for u, g in zip((rho, m, n, E), data, strict=True)],
    time=t,
    citation="P. D. Lax, X.-D. Liu, SIAM J. Sci. Comput. 19 (1998) 319-340",
)
