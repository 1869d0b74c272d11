"""Van der Pol oscillator, strongly damped: slow drift along two branches, with jumps between them.

    u'' - mu (1 - u²) u' + u = 0,   t in [0, 3000],   mu = 1000,   u = 2, u' = 0 at t = 0

The oscillator is that of [1]; mu, time span and initial state are those of the stiff example of [2].  Along the
branches perturbations decay like exp(-3000 t) while u takes 800 units of time to change; the jumps last about 1e-3.

[1] B. van der Pol, Philos. Mag. 2 (1926) 978-992.
[2] L. F. Shampine, M. W. Reichelt, SIAM J. Sci. Comput. 18 (1997) 1-22.
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, initial_rate, parameter

t = sp.Symbol("t", real=True)
u = sp.Function("u")(t)
mu = parameter("mu", 1000)

problem = Problem(
    name="van_der_pol",
    equations=[D(u, t, 2) - mu * (1 - u**2) * D(u, t) + u],
    unknowns=[u],
    domain=Box({t: (0, 3000)}),
    conditions=[initial(u, 2), initial_rate(u, 0)],
    time=t,
    citation="B. van der Pol, Philos. Mag. 2 (1926) 978-992",
)
