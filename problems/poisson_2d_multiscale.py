"""Poisson equation on the unit square whose solution holds four scales, the finest with eight waves a side.

    -∇²u = (1/2) Σ w² sin(w x) sin(w y),   (x, y) in [0, 1]²,   w = 4 pi, 8 pi, 12 pi, 16 pi
    u = 0 on the boundary

Exact: u = (1/4) Σ sin(w x) sin(w y).  The four terms are equally large in u and differ by a factor of sixteen in
the source, so that a residual in the mean square sees hardly anything but the finest.  Settings of [1].

[1] Webb, Jerad, Cartis, An Optimisation Framework for the Well-Conditioned Training of PINNs,
    arXiv:2607.02194 (2026).
"""

import sympy as sp

from pinnlab import Box, Problem, dirichlet, laplacian

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
frequencies = [n * sp.pi for n in (4, 8, 12, 16)]

exact = sum(sp.sin(w * x) * sp.sin(w * y) for w in frequencies) / 4
source = sum(w**2 * sp.sin(w * x) * sp.sin(w * y) for w in frequencies) / 2

problem = Problem(
    name="poisson_2d_multiscale",
    equations=[-laplacian(u, (x, y)) - source],
    unknowns=[u],
    domain=Box({x: (0, 1), y: (0, 1)}),
    conditions=[dirichlet(u, 0)],
    reference=exact,
    citation="Webb, Jerad, Cartis, arXiv:2607.02194 (2026)",
)
