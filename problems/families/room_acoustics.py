"""Sound in a room from a source at a random place: hard walls with an absorbing lining, air warmer at the ceiling.

    p_tt + d(x, y) p_t = c(y)² (p_xx + p_yy),   (x, y) in [0, 1]²,   t in [0, 2],   n·∇p = 0 on the walls
    p(0, x, y) = exp(-((x - X)² + (y - Y)²) / (2 · 0.08²)),   p_t(0, x, y) = 0,   X, Y uniform on [0.2, 0.8]
    c = 1.1 - cos(π y) / 10,   d = 4 (e(x) + e(1 - x) + e(y) + e(1 - y)),   e(s) = exp(-(10 s)²)

Lengths are in widths of the room, times in the time that sound takes along the floor, where c = 1.  A plane wave there
that meets a wall head-on comes back with exp(-0.4 √π / 2) = 70 % of its pressure.  There is no closed form.  The source
is that of [1], where it is moved about by hand: each of its places is one member.

[1] N. Borrel-Jensen, S. Goswami, A. P. Engsig-Karup, G. E. Karniadakis, C.-H. Jeong, Proc. Natl. Acad. Sci. 121 (2024)
e2312159120, arXiv:2308.05141.
"""

import sympy as sp

from pinnlab import Box, D, Family, Problem, initial, initial_rate, laplacian, neumann, parameter
from pinnlab.random_sources import GaussianPulse

t, x, y = sp.symbols("t x y", real=True)
p = sp.Function("p")(t, x, y)
source = GaussianPulse({x: (0.2, 0.8), y: (0.2, 0.8)}, width=0.08)
p0 = parameter("p0", source.at({x: 0.4, y: 0.55}))
c = sp.Rational(11, 10) - sp.cos(sp.pi * y) / 10
lining = 4 * sum(sp.exp(-((10 * s) ** 2)) for s in (x, 1 - x, y, 1 - y))

problem = Problem(
    name="room_acoustics",
    equations=[D(p, t, 2) + lining * D(p, t) - c**2 * laplacian(p, (x, y))],
    unknowns=[p],
    domain=Box({t: (0, 2), x: (0, 1), y: (0, 1)}),
    conditions=[initial(p, p0), initial_rate(p, 0), neumann(p, 0)],
    time=t,
    citation="N. Borrel-Jensen et al., Proc. Natl. Acad. Sci. 121 (2024) e2312159120 (arXiv:2308.05141)",
)
family = Family(problem, {p0: source})
