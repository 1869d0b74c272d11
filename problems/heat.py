"""Heat equation on a rod whose ends are kept at zero: each sine mode decays at its own rate.

    u_t = alpha u_xx,   x in [0, 1],   t in [0, 1],   alpha = 0.1
    u(0, x) = sin(pi x) + sin(3 pi x) / 2,   u(t, 0) = u(t, 1) = 0

Exact by separation of variables [1].  The initial value problem is the one on which implicit time stepping
was introduced [2], here with two modes so that decay rates a factor of nine apart are in play.

[1] J. Fourier, Théorie analytique de la chaleur, Firmin Didot, Paris (1822).
[2] J. Crank and P. Nicolson, Math. Proc. Cambridge Philos. Soc. 43 (1947) 50-67.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, parameter

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
alpha = parameter("alpha", sp.Rational(1, 10))


def mode(n: int) -> sp.Expr:
    return sp.exp(-alpha * (n * sp.pi) ** 2 * t) * sp.sin(n * sp.pi * x)


exact = mode(1) + mode(3) / 2

problem = Problem(
    name="heat",
    equations=[D(u, t) - alpha * D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (0, 1)}),
    conditions=[initial(u, exact.subs(t, 0)), dirichlet(u, 0, on=["left", "right"])],
    time=t,
    reference=exact,
    citation="J. Crank, P. Nicolson, Math. Proc. Cambridge Philos. Soc. 43 (1947) 50-67",
)
