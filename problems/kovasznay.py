"""Kovasznay flow: the laminar wake behind a grid of rods, an exact solution of the Navier-Stokes equations.

    u u_x + v u_y + p_x - nu ∇²u = 0,   u v_x + v v_y + p_y - nu ∇²v = 0,   u_x + v_y = 0,   nu = 1/40
    (x, y) in [-0.5, 1] x [-0.5, 1.5],   u and v given on the boundary

    u = 1 - e^(lambda x) cos(2 pi y),   v = lambda / (2 pi) e^(lambda x) sin(2 pi y),   p = (1 - e^(2 lambda x)) / 2,
    lambda = 1 / (2 nu) - √(1 / (4 nu²) + 4 pi²)

The solution is due to [1], here at Reynolds number 40.  p is determined up to a constant.

[1] L. I. G. Kovasznay, Proc. Cambridge Philos. Soc. 44 (1948) 58-62.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, laplacian, parameter

x, y = sp.symbols("x y", real=True)
u, v, p = (sp.Function(name)(x, y) for name in ("u", "v", "p"))
nu = parameter("nu", sp.Rational(1, 40))

rate = 1 / (2 * nu) - sp.sqrt(1 / (4 * nu**2) + 4 * sp.pi**2)
decay = sp.exp(rate * x)
exact_u = 1 - decay * sp.cos(2 * sp.pi * y)
exact_v = rate / (2 * sp.pi) * decay * sp.sin(2 * sp.pi * y)

problem = Problem(
    name="kovasznay",
    equations=[
        u * D(u, x) + v * D(u, y) + D(p, x) - nu * laplacian(u, (x, y)),
        u * D(v, x) + v * D(v, y) + D(p, y) - nu * laplacian(v, (x, y)),
        D(u, x) + D(v, y),
    ],
    unknowns=[u, v, p],
    domain=Box({x: (sp.Rational(-1, 2), 1), y: (sp.Rational(-1, 2), sp.Rational(3, 2))}),
    conditions=[dirichlet(u, exact_u), dirichlet(v, exact_v)],
    reference={u: exact_u, v: exact_v, p: (1 - decay**2) / 2},
    citation="L. I. G. Kovasznay, Proc. Cambridge Philos. Soc. 44 (1948) 58-62",
)
