"""Heat equation on the whole line, seen through a window: a cubic times a Gaussian spreads.

    u_t = u_xx,   x in [-5, 5],   t in [0, 5]
    u(0, x) = (x - 3) (x - 1) (x + 2) exp(-x² / 5),   u given at both ends

Exact: with s = 1 + 4 t / 5, m = x / s and q = 2 t / s, the product of two Gaussians is one of mean m and variance q, so

    u = exp(-x² / (5 s)) / √s (m³ + 3 m q - 2 (m² + q) - 5 m + 6).

Example of [1], where values of u at a few points, at t = 0 or scattered, take the place of conditions.

[1] M. Härkönen, M. Lange-Hegermann, B. Raiţă, Proc. Mach. Learn. Res. 202 (2023) 12587-12615, arXiv:2212.14319.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)

spread = 1 + 4 * t / 5
mean, variance = x / spread, 2 * t / spread
cubic = mean**3 + 3 * mean * variance - 2 * (mean**2 + variance) - 5 * mean + 6
exact = sp.exp(-(x**2) / (5 * spread)) / sp.sqrt(spread) * cubic

problem = Problem(
    name="heat_line",
    equations=[D(u, t) - D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 5), x: (-5, 5)}),
    conditions=[initial(u, exact.subs(t, 0)), dirichlet(u, exact, on=["left", "right"])],
    time=t,
    reference=exact,
    citation="M. Härkönen, M. Lange-Hegermann, B. Raiţă, Proc. Mach. Learn. Res. 202 (2023) 12587-12615",
)
