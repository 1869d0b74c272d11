"""Maxwell's equations in a square cavity with perfectly conducting walls: two standing waves across it.

    E_t = (B_y)_x - (B_x)_y,   (B_x)_t = -E_y,   (B_y)_t = E_x,   (x, y) in [0, 1]²,   t in [0, 1]
    E = 0 on the boundary

The electric field E points out of the plane, the magnetic field (B_x, B_y) lies in it; light has the speed 1.  The
divergence of the magnetic field is zero at t = 0, and the equations keep it so.  Exact: the sum of the modes [1]
E = sin(pi x) sin(2 pi y) cos(√5 pi t) and sin(3 pi x) sin(pi y) cos(√10 pi t) / 2.  `maxwell` is the same in space.

[1] J. D. Jackson, Classical Electrodynamics, 3rd ed., Wiley (1999), Section 8.4.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial

t, x, y = sp.symbols("t x y", real=True)
e, b_x, b_y = (sp.Function(name)(t, x, y) for name in ("E", "Bx", "By"))

exact = {e: sp.Integer(0), b_x: sp.Integer(0), b_y: sp.Integer(0)}
for n, m, size in [(1, 2, 1), (3, 1, sp.Rational(1, 2))]:
    frequency = sp.pi * sp.sqrt(n**2 + m**2)
    standing = size * sp.sin(n * sp.pi * x) * sp.sin(m * sp.pi * y)
    exact[e] += standing * sp.cos(frequency * t)
    exact[b_x] -= standing.diff(y) * sp.sin(frequency * t) / frequency
    exact[b_y] += standing.diff(x) * sp.sin(frequency * t) / frequency

problem = Problem(
    name="maxwell_2d",
    equations=[D(e, t) - D(b_y, x) + D(b_x, y), D(b_x, t) + D(e, y), D(b_y, t) - D(e, x)],
    unknowns=[e, b_x, b_y],
    domain=Box({t: (0, 1), x: (0, 1), y: (0, 1)}),
    conditions=[*(initial(f, value.subs(t, 0)) for f, value in exact.items()), dirichlet(e, 0)],
    time=t,
    reference=exact,
    citation="J. D. Jackson, Classical Electrodynamics, 3rd ed., Wiley (1999)",
)
