"""Robertson's chemical reactions: three species whose rates differ by nine orders of magnitude.

    dx/dt = -k1 x + k3 y z,   dy/dt = k1 x - k3 y z - k2 y²,   dz/dt = k2 y²,   t in [0, 1e11]
    k1 = 0.04, k2 = 3e7, k3 = 1e4,   x = 1, y = z = 0 at t = 0

The reactions are those of [1], the time span is that of [2, Section IV.10].  Since everything happens on a
logarithmic scale of time, s with t = 1e-6 (exp s - 1) takes the place of t: dx/ds = 1e-6 exp(s) dx/dt, and so on.
The amounts of the species add up to 1.

[1] H. H. Robertson, in J. Walsh (ed.), Numerical Analysis: An Introduction, Academic Press (1966) 178-182.
[2] E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 2nd ed., Springer (1996).
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter

s = sp.Symbol("s", real=True)
x, y, z = (sp.Function(name)(s) for name in "xyz")
k1 = parameter("k1", sp.Rational(4, 100))
k2 = parameter("k2", 3 * 10**7)
k3 = parameter("k3", 10**4)
stretch = sp.exp(s) / 10**6

problem = Problem(
    name="robertson",
    equations=[
        D(x, s) + stretch * (k1 * x - k3 * y * z),
        D(y, s) - stretch * (k1 * x - k3 * y * z - k2 * y**2),
        D(z, s) - stretch * k2 * y**2,
    ],
    unknowns=[x, y, z],
    domain=Box({s: (0, sp.log(1 + 10**17))}),
    conditions=[initial(x, 1), initial(y, 0), initial(z, 0)],
    time=s,
    conserved={"amount": x + y + z},
    citation="H. H. Robertson, in Numerical Analysis: An Introduction, Academic Press (1966) 178-182",
)
