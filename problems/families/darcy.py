"""Flow through a porous medium of two random phases, driven by an even source."""

import sympy as sp

from pinnlab import Box, D, Family, NeumannField, Problem, TwoPhase, dirichlet, parameter

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
a = parameter("a", 3)

problem = Problem(
    name="darcy",
    equations=[-D(a * D(u, x), x) - D(a * D(u, y), y) - 1],
    unknowns=[u],
    domain=Box({x: (0, 1), y: (0, 1)}),
    conditions=[dirichlet(u, 0)],
    citation="programs published with Z. Li et al., ICLR 2021 (arXiv:2010.08895): a is 12 or 4 by the sign of a field",
)
family = Family(problem, {a: TwoPhase(NeumannField({x: (0, 1), y: (0, 1)}, alpha=2, tau=3, modes=64))})
