"""Sine-Gordon equation: a breather, two opposite kinks bound to each other, swings once to the other side.

    u_tt - u_xx + sin u = 0,   x in [-8, 8],   t in [0, 5]
    u(0, x) = 4 arctan(√(1 - omega²) / omega sech(√(1 - omega²) x)),   u_t(0, x) = 0,   u(t, ±8) given

Exact: u = 4 arctan(√(1 - omega²) / omega cos(omega t) sech(√(1 - omega²) x)), here with omega = 3/5 and thus
√(1 - omega²) = 4/5.  It is one of the solutions that the inverse scattering transform [1] gives for the whole line.

[1] M. J. Ablowitz, D. J. Kaup, A. C. Newell, H. Segur, Phys. Rev. Lett. 30 (1973) 1262-1264.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, initial_rate, parameter

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
omega = parameter("omega", sp.Rational(3, 5))

decay = sp.sqrt(1 - omega**2)
exact = 4 * sp.atan(decay / omega * sp.cos(omega * t) * sp.sech(decay * x))

problem = Problem(
    name="sine_gordon",
    equations=[D(u, t, 2) - D(u, x, 2) + sp.sin(u)],
    unknowns=[u],
    domain=Box({t: (0, 5), x: (-8, 8)}),
    conditions=[
        initial(u, exact.subs(t, 0)),
        initial_rate(u, 0),
        dirichlet(u, exact, on=["left", "right"]),
    ],
    time=t,
    reference=exact,
    citation="M. J. Ablowitz et al., Phys. Rev. Lett. 30 (1973) 1262-1264",
)
