"""Vibrating string with fixed ends: two standing waves of very different frequency.

    u_tt = c² u_xx,   x in [0, 1],   t in [0, 1],   c = 2
    u(0, x) = sin(pi x) + sin(4 pi x) / 2,   u_t(0, x) = 0,   u(t, 0) = u(t, 1) = 0

Exact: u = cos(c pi t) sin(pi x) + cos(4 c pi t) sin(4 pi x) / 2.  Setting of [1]; it is "Wave1d-C" of [2].

[1] S. Wang, X. Yu, P. Perdikaris, J. Comput. Phys. 449 (2022) 110768, Section 7.
[2] Z. Hao et al., PINNacle, Adv. Neural Inf. Process. Syst. 37 (2024).
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, initial_rate, parameter

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
c = parameter("c", 2)


def mode(n: int) -> sp.Expr:
    return sp.cos(n * c * sp.pi * t) * sp.sin(n * sp.pi * x)


exact = mode(1) + mode(4) / 2

problem = Problem(
    name="wave",
    equations=[D(u, t, 2) - c**2 * D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (0, 1)}),
    conditions=[
        initial(u, exact.subs(t, 0)),
        initial_rate(u, 0),
        dirichlet(u, 0, on=["left", "right"]),
    ],
    time=t,
    reference=exact,
    citation="S. Wang, X. Yu, P. Perdikaris, J. Comput. Phys. 449 (2022) 110768",
)
