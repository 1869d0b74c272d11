"""Taylor-Green vortex in space: large eddies break up into small ones by the stretching of vortices.

    v_t + div(v v) + ∇p = nu ∇²v,   div v = 0,   v = (u, v, w),   (x, y, z) in [0, 2 pi)³ periodic,   t in [0, 1]

    u = sin x cos y cos z,   v = -cos x sin y cos z,   w = 0   at t = 0

The initial state of [1] at the Reynolds number 1/nu = 100 of [2].  There is no exact solution; the kinetic energy
E, 1/8 at first in the mean over the box, obeys dE/dt = -nu mean |curl v|².

[1] G. I. Taylor, A. E. Green, Proc. R. Soc. Lond. A 158 (1937) 499-521.
[2] M. E. Brachet, D. I. Meiron, S. A. Orszag, B. G. Nickel, R. H. Morf, U. Frisch, J. Fluid Mech. 130 (1983)
    411-452.
"""

import sympy as sp

from pinnlab import Box, D, Problem, div, initial, laplacian, parameter

t, x, y, z = sp.symbols("t x y z", real=True)
space = (x, y, z)
u, v, w, p = (sp.Function(name)(t, x, y, z) for name in ("u", "v", "w", "p"))
velocity = (u, v, w)
nu = parameter("nu", sp.Rational(1, 100))

problem = Problem(
    name="taylor_green_3d",
    equations=[
        *(
            D(a, t) + div([a * b for b in velocity], space) + D(p, c) - nu * laplacian(a, space)
            for a, c in zip(velocity, space, strict=True)
        ),
        div(velocity, space),
    ],
    unknowns=[u, v, w, p],
    domain=Box({t: (0, 1), x: (0, 2 * sp.pi), y: (0, 2 * sp.pi), z: (0, 2 * sp.pi)}, periodic=space),
    conditions=[
        initial(u, sp.sin(x) * sp.cos(y) * sp.cos(z)),
        initial(v, -sp.cos(x) * sp.sin(y) * sp.cos(z)),
        initial(w, 0),
    ],
    time=t,
    conserved={"momentum_x": u, "momentum_y": v, "momentum_z": w},
    citation="M. E. Brachet et al., J. Fluid Mech. 130 (1983) 411-452",
)
