"""Taylor-Green vortices in the plane: a periodic array of eddies that decays without changing its shape.

    u_t + (u² + p)_x + (u v)_y = nu ∇²u,   v_t + (u v)_x + (v² + p)_y = nu ∇²v,   u_x + v_y = 0,
    (x, y) in [0, 2 pi)² periodic,   t in [0, 1]

    u = sin x cos y e^(-2 nu t),   v = -cos x sin y e^(-2 nu t),   p = (cos 2x + cos 2y) / 4 e^(-4 nu t)

The exact solution [1] is a test of codes for incompressible flow since [2]; here nu = 1/10.  The pressure is
determined up to a constant, and is the one without mean.

[1] G. I. Taylor, Phil. Mag. 46 (1923) 671-674.
[2] A. J. Chorin, Math. Comp. 22 (1968) 745-762.
"""

import sympy as sp

from pinnlab import Box, D, Problem, div, initial, laplacian, parameter

t, x, y = sp.symbols("t x y", real=True)
u, v, p = (sp.Function(name)(t, x, y) for name in ("u", "v", "p"))
nu = parameter("nu", sp.Rational(1, 10))

eddy_u, eddy_v = sp.sin(x) * sp.cos(y), -sp.cos(x) * sp.sin(y)
decay = sp.exp(-2 * nu * t)

problem = Problem(
    name="taylor_green_2d",
    equations=[
        D(u, t) + D(u**2 + p, x) + D(u * v, y) - nu * laplacian(u, (x, y)),
        D(v, t) + D(u * v, x) + D(v**2 + p, y) - nu * laplacian(v, (x, y)),
        div((u, v), (x, y)),
    ],
    unknowns=[u, v, p],
    domain=Box({t: (0, 1), x: (0, 2 * sp.pi), y: (0, 2 * sp.pi)}, periodic=[x, y]),
    conditions=[initial(u, eddy_u), initial(v, eddy_v)],
    time=t,
    reference={u: eddy_u * decay, v: eddy_v * decay, p: (sp.cos(2 * x) + sp.cos(2 * y)) / 4 * decay**2},
    conserved={"momentum_x": u, "momentum_y": v},
    citation="G. I. Taylor, Phil. Mag. 46 (1923) 671-674",
)
