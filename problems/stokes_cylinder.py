"""Creeping flow past a cylinder in a channel: the Stokes equations.

    -nu ∇²u + p_x = 0,   -nu ∇²v + p_y = 0,   u_x + v_y = 0,   nu = 0.001
    (x, y) in [0, 2.2] x [0, 0.41] without the disc of radius 0.05 around (0.2, 0.2)
    (u, v) = (4 U y (H - y) / H², 0) on left, U = 0.3, H = 0.41,   no slip on bottom, top and cylinder
    p n - nu n·∇(u, v) = 0 on right

Channel, inflow and outflow of the benchmark [1], without inertia.  The velocity does not depend on nu, and the
pressure is proportional to it.

[1] M. Schäfer and S. Turek, in Flow Simulation with High-Performance Computers II, Vieweg (1996) 547-566.
"""

import sympy as sp

from pinnlab import Box, D, Difference, Disk, Problem, dirichlet, flux, laplacian, parameter

x, y = sp.symbols("x y", real=True)
u, v, p = (sp.Function(name)(x, y) for name in ("u", "v", "p"))
nu = parameter("nu", sp.Rational(1, 1000))
height, speed = sp.Rational(41, 100), sp.Rational(3, 10)

channel = Box({x: (0, sp.Rational(22, 10)), y: (0, height)})
cylinder = Disk({x: sp.Rational(2, 10), y: sp.Rational(2, 10)}, radius=sp.Rational(5, 100), name="cylinder")

problem = Problem(
    name="stokes_cylinder",
    equations=[
        D(p, x) - nu * laplacian(u, (x, y)),
        D(p, y) - nu * laplacian(v, (x, y)),
        D(u, x) + D(v, y),
    ],
    unknowns=[u, v, p],
    domain=Difference(channel, cylinder),
    conditions=[
        dirichlet(u, 4 * speed * y * (height - y) / height**2, on="left"),
        dirichlet(v, 0, on="left"),
        *(dirichlet(w, 0, on=["bottom", "top", "cylinder"]) for w in (u, v)),
        *(flux(w, 0, on="right") for w in (u, v)),
    ],
    citation="M. Schäfer, S. Turek, Flow Simulation with High-Performance Computers II, Vieweg (1996) 547-566",
)
