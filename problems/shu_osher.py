"""Shu and Osher's problem: a shock of Mach 3 runs into sine waves of density and leaves a fine structure behind.

    rho_t + m_x = 0,   m_t + (m² / rho + p)_x = 0,   E_t + ((E + p) m / rho)_x = 0,   x in [-5, 5],   t in [0, 1.8]
    p = (gamma - 1) (E - m² / (2 rho)),   gamma = 1.4
    (rho, velocity, p) = (3.857143, 2.629369, 10.333333) for x < -4, else (1 + 0.2 sin 5x, 0, 1)

The state on the left flows in faster than sound; the right end is open.  Example 8 of [1].  No exact solution is known.

[1] C.-W. Shu, S. Osher, J. Comput. Phys. 83 (1989) 32-78.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, parameter

t, x = sp.symbols("t x", real=True)
rho = sp.Function("rho", positive=True)(t, x)
m = sp.Function("m")(t, x)
E = sp.Function("E", positive=True)(t, x)
gamma = parameter("gamma", sp.Rational(7, 5))

p = (gamma - 1) * (E - m**2 / (2 * rho))

# The state behind the shock, with the digits of the paper.
dense, fast, hot = sp.Float("3.857143"), sp.Float("2.629369"), sp.Float("10.333333")
inflow = {rho: dense, m: dense * fast, E: hot / (gamma - 1) + dense * fast**2 / 2}
rest = {rho: 1 + sp.sin(5 * x) / 5, m: sp.S.Zero, E: 1 / (gamma - 1)}

problem = Problem(
    name="shu_osher",
    equations=[D(rho, t) + D(m, x), D(m, t) + D(m**2 / rho + p, x), D(E, t) + D((E + p) * m / rho, x)],
    unknowns=[rho, m, E],
    domain=Box({t: (0, 1.8), x: (-5, 5)}),
    conditions=[
        *(initial(u, sp.Piecewise((inflow[u], x < -4), (rest[u], True))) for u in (rho, m, E)),
        *(dirichlet(u, inflow[u], on="left") for u in (rho, m, E)),
    ],
    time=t,
    citation="C.-W. Shu, S. Osher, J. Comput. Phys. 83 (1989) 32-78",
)
