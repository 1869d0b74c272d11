"""Two-dimensional incompressible flow in vorticity form: two shear layers roll up.

    w_t + (psi_y w)_x - (psi_x w)_y = nu ∇²w,   ∇²psi + w = 0,   (x, y) in [0, 2 pi)² periodic,   t in [0, 1]

The velocity is (psi_y, -psi_x) and w its curl.  The initial state is the double shear layer of [1] as set
up in [2],

    velocity = (tanh((y - pi/2) / rho), delta sin x)     for y ≤ pi,
               (tanh((3 pi/2 - y) / rho), delta sin x)   for y > pi,

with rho = pi / 15 and delta = 0.05, at nu = 0.01.  Each layer is periodised by the images next to the box,
so that the data are smooth to rounding; the mean of w is zero, as a periodic stream function needs.  psi is
determined up to a constant.

[1] J. B. Bell, P. Colella, H. M. Glaz, J. Comput. Phys. 85 (1989) 257-283.
[2] W. E and C.-W. Shu, J. Comput. Phys. 110 (1994) 39-46.
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, laplacian, parameter

t, x, y = sp.symbols("t x y", real=True)
w = sp.Function("w")(t, x, y)
psi = sp.Function("psi")(t, x, y)
nu = parameter("nu", sp.Rational(1, 100))
rho = parameter("rho", sp.pi / 15)
delta = parameter("delta", sp.Rational(5, 100))

# Layers of vorticity ±2 at y = -pi/2, pi/2, 3 pi/2, 5 pi/2: the next images are below 1e-18 inside the box.
layers = sum((-1) ** (n + 1) * sp.sech((y - sp.pi / 2 - n * sp.pi) / rho) ** 2 for n in (-1, 0, 1, 2))

problem = Problem(
    name="navier_stokes_vorticity",
    equations=[
        D(w, t) + D(D(psi, y) * w, x) - D(D(psi, x) * w, y) - nu * laplacian(w, (x, y)),
        laplacian(psi, (x, y)) + w,
    ],
    unknowns=[w, psi],
    domain=Box({t: (0, 1), x: (0, 2 * sp.pi), y: (0, 2 * sp.pi)}, periodic=[x, y]),
    conditions=[initial(w, delta * sp.cos(x) + layers / rho)],
    time=t,
    conserved={"circulation": w},
    citation="J. B. Bell, P. Colella, H. M. Glaz, J. Comput. Phys. 85 (1989) 257-283",
)
