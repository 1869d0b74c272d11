"""Laplace equation on an L-shaped region: the gradient is infinite at the re-entrant corner.

    ∇²u = 0   on [-1, 1]² without its quadrant x > 0, y < 0,   u given on the boundary

Exact: u = r^(2/3) sin(2 θ / 3) with θ from 0 to 3 pi / 2, the angle from the positive x axis.  With the angle φ
from the bisector y = -x of the corner, θ = 3 pi / 4 + φ and u = r^(2/3) cos(2 φ / 3), where atan2 jumps outside
the region only.  u lies in H^s for s < 5/3, so that uniform meshes converge in L2 with order 4/3 whatever the degree.

The re-entrant corner of [1] with ω = 3 pi / 2; the theory of such corners is due to [2].

[1] W. F. Mitchell, Appl. Math. Comput. 220 (2013) 350-364.
[2] V. A. Kondrat'ev, Trans. Moscow Math. Soc. 16 (1967) 227-313.
"""

import sympy as sp

from pinnlab import Polygon, Problem, dirichlet, laplacian

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)

angle = sp.atan2(-x - y, y - x)
exact = sp.cbrt(x**2 + y**2) * sp.cos(2 * angle / 3)

problem = Problem(
    name="poisson_l_shape",
    equations=[-laplacian(u, (x, y))],
    unknowns=[u],
    domain=Polygon((x, y), [(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)], name="boundary"),
    conditions=[dirichlet(u, exact)],
    reference=exact,
    citation="W. F. Mitchell, Appl. Math. Comput. 220 (2013) 350-364",
)
