"""Kolmogorov flow: a shear flow driven by a sinusoidal force loses its stability.

    u_t + (u² + p)_x + (u v)_y = nu ∇²u + sin(n y),   v_t + (u v)_x + (v² + p)_y = nu ∇²v,   u_x + v_y = 0,
    (x, y) in [0, 2 pi)² periodic,   t in [0, 1]

The force of [1] with n = 4 at the Reynolds number 1/nu = 40 as studied in [2]; in the declaration it is the
divergence of a stress, which shows that it keeps the momentum.  The laminar flow u = sin(n y) / (nu n²) is
unstable there [1]; the initial state is this flow with longer waves added,

    u = sin(n y) / (nu n²) + a cos y cos x,   v = a (sin x sin y + sin 2x),   a = 1/2.

[1] L. D. Meshalkin, Ya. G. Sinai, J. Appl. Math. Mech. 25 (1961) 1700-1705.
[2] G. J. Chandler, R. R. Kerswell, J. Fluid Mech. 722 (2013) 554-595.
"""

import sympy as sp

from pinnlab import Box, D, Problem, div, initial, laplacian, parameter

t, x, y = sp.symbols("t x y", real=True)
u, v, p = (sp.Function(name)(t, x, y) for name in ("u", "v", "p"))
nu = parameter("nu", sp.Rational(1, 40))
n, a = 4, sp.Rational(1, 2)

problem = Problem(
    name="kolmogorov_flow",
    equations=[
        D(u, t) + D(u**2 + p, x) + D(u * v + sp.cos(n * y) / n, y) - nu * laplacian(u, (x, y)),
        D(v, t) + D(u * v, x) + D(v**2 + p, y) - nu * laplacian(v, (x, y)),
        div((u, v), (x, y)),
    ],
    unknowns=[u, v, p],
    domain=Box({t: (0, 1), x: (0, 2 * sp.pi), y: (0, 2 * sp.pi)}, periodic=[x, y]),
    conditions=[
        initial(u, sp.sin(n * y) / (nu * n**2) + a * sp.cos(x) * sp.cos(y)),
        initial(v, a * (sp.sin(x) * sp.sin(y) + sp.sin(2 * x))),
    ],
    time=t,
    conserved={"momentum_x": u, "momentum_y": v},
    citation="G. J. Chandler, R. R. Kerswell, J. Fluid Mech. 722 (2013) 554-595",
)
