"""Linear advection: a sine wave travels around a circle nearly five times without changing shape.

    u_t + c u_x = 0,   x in [0, 2 pi) periodic,   t in [0, 1],   c = 30
    u(0, x) = sin x

Exact: u = sin(x - c t).  At c = 30 this is the standard example of a linear problem on which a plainly
trained network fails [1].

[1] A. S. Krishnapriyan, A. Gholami, S. Zhe, R. M. Kirby, M. W. Mahoney, Adv. Neural Inf. Process. Syst. 34
    (2021) 26548-26560.
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
c = parameter("c", 30)

problem = Problem(
    name="advection",
    equations=[D(u, t) + D(c * u, x)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x]),
    conditions=[initial(u, sp.sin(x))],
    time=t,
    reference=sp.sin(x - c * t),
    conserved={"mass": u, "energy": u**2 / 2},
    citation="A. S. Krishnapriyan et al., Adv. Neural Inf. Process. Syst. 34 (2021) 26548-26560",
)
