"""Steady flow past a cylinder in a channel at Reynolds number 20: the benchmark DFG 2D-1.

    u u_x + v u_y + p_x - nu ∇²u = 0,   u v_x + v v_y + p_y - nu ∇²v = 0,   u_x + v_y = 0,   nu = 0.001
    (x, y) in [0, 2.2] x [0, 0.41] without the disc of radius 0.05 around (0.2, 0.2)
    (u, v) = (4 U y (H - y) / H², 0) on left, U = 0.3, H = 0.41,   no slip on bottom, top and cylinder
    p n - nu n·∇(u, v) = 0 on right

The Reynolds number is that of the mean inflow 2 U / 3 = 0.2 and the diameter 0.1.  Settings of [1]; drag 5.57953523384,
lift 0.010618948146 and the drop of pressure 0.11752016697 between (0.15, 0.2) and (0.25, 0.2) are those of [2].

[1] M. Schäfer and S. Turek, in Flow Simulation with High-Performance Computers II, Vieweg (1996) 547-566.
[2] G. Nabh, On high order methods for the stationary incompressible Navier-Stokes equations, Heidelberg (1998).
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
    name="navier_stokes_cylinder",
    equations=[
        u * D(u, x) + v * D(u, y) + D(p, x) - nu * laplacian(u, (x, y)),
        u * D(v, x) + v * D(v, y) + D(p, y) - nu * laplacian(v, (x, y)),
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
