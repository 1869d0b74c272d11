"""Flow in a square cavity under a lid that slides fastest in its middle, at Reynolds number 100.

    u u_x + v u_y + p_x - nu ∇²u = 0,   u v_x + v v_y + p_y - nu ∇²v = 0,   u_x + v_y = 0
    (x, y) in [0, 1]²,   (u, v) = (4 x (1 - x), 0) on top,   (u, v) = 0 on the other sides,   nu = 0.01

The lid stops at the corners, so that the data are continuous; settings of [1] (NS2d-C).  The classical lid [2] slides
with u = 1 into the corners, where its pressure is infinite.  p is determined up to a constant.

[1] Z. Hao et al., PINNacle: A comprehensive benchmark of physics-informed neural networks for solving PDEs,
    Advances in Neural Information Processing Systems 37 (2024).
[2] U. Ghia, K. N. Ghia, C. T. Shin, J. Comput. Phys. 48 (1982) 387-411.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, laplacian, parameter

x, y = sp.symbols("x y", real=True)
u, v, p = (sp.Function(name)(x, y) for name in ("u", "v", "p"))
nu = parameter("nu", sp.Rational(1, 100))

problem = Problem(
    name="lid_driven_cavity",
    equations=[
        u * D(u, x) + v * D(u, y) + D(p, x) - nu * laplacian(u, (x, y)),
        u * D(v, x) + v * D(v, y) + D(p, y) - nu * laplacian(v, (x, y)),
        D(u, x) + D(v, y),
    ],
    unknowns=[u, v, p],
    domain=Box({x: (0, 1), y: (0, 1)}),
    conditions=[
        dirichlet(u, 4 * x * (1 - x), on="top"),
        dirichlet(u, 0, on=["left", "right", "bottom"]),
        dirichlet(v, 0),
    ],
    citation="Z. Hao et al., Advances in Neural Information Processing Systems 37 (2024)",
)
