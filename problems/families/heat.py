"""Heat on a ring: random initial values and a random conductivity."""

import scipy.stats
import sympy as sp

from pinnlab import Box, D, Family, PeriodicField, Problem, initial, parameter

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
u0 = parameter("u0", sp.sin(2 * sp.pi * x))
k = parameter("k", 0.01)

problem = Problem(
    name="heat",
    equations=[D(u, t) - k * D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (0, 1)}, periodic=[x]),
    conditions=[initial(u, u0)],
    time=t,
)
family = Family(problem, {u0: PeriodicField({x: (0, 1)}, alpha=2, tau=5), k: scipy.stats.loguniform(0.003, 0.03)})
