"""Burgers' equation with viscosity 1/10 from random periodic initial values to t = 1."""

import sympy as sp

from pinnlab import Box, D, Family, PeriodicField, Problem, initial, parameter

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
u0 = parameter("u0", sp.sin(2 * sp.pi * x))

problem = Problem(
    name="burgers",
    equations=[D(u, t) + D(u**2 / 2, x) - sp.Rational(1, 10) * D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (0, 1)}, periodic=[x]),
    conditions=[initial(u, u0)],
    time=t,
    citation="Z. Li et al., ICLR 2021 (arXiv:2010.08895), section 5.1: u0 from N(0, 625 (-Laplace + 25)^-2)",
)
family = Family(problem, {u0: PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=25, modes=512)})
