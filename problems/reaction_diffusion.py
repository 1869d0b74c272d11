"""FitzHugh-Nagumo reaction-diffusion system on a square: an activator u and an inhibitor v.

    u_t = Du ∇²u + u - u³ - k - v,   v_t = Dv ∇²v + u - v,   (x, y) in [-1, 1]²,   t in [0, 1]
    Du = 1e-3, Dv = 5e-3, k = 5e-3,   n·∇u = n·∇v = 0 on the boundary
    u(0, x, y) = (cos(pi x) + cos(pi (y + 1) / 2)) / 2,   v(0, x, y) = cos(pi (x + 1) / 2) cos(pi y) / 4

Equations, coefficients, square and boundary conditions are those of the two-dimensional diffusion-reaction
data set of [1]; its random initial state is replaced by a smooth one that satisfies the boundary
conditions, and the time is shortened from 5 to 1.  The kinetics go back to [2].

[1] M. Takamoto et al., PDEBench, Adv. Neural Inf. Process. Syst. 35 (2022) 1596-1611.
[2] R. FitzHugh, Biophys. J. 1 (1961) 445-466.
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, laplacian, neumann, parameter

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x, y)
v = sp.Function("v")(t, x, y)
Du = parameter("Du", sp.Rational(1, 1000))
Dv = parameter("Dv", sp.Rational(5, 1000))
k = parameter("k", sp.Rational(5, 1000))

problem = Problem(
    name="reaction_diffusion",
    equations=[
        D(u, t) - Du * laplacian(u, (x, y)) - u + u**3 + k + v,
        D(v, t) - Dv * laplacian(v, (x, y)) - u + v,
    ],
    unknowns=[u, v],
    domain=Box({t: (0, 1), x: (-1, 1), y: (-1, 1)}),
    conditions=[
        initial(u, (sp.cos(sp.pi * x) + sp.cos(sp.pi * (y + 1) / 2)) / 2),
        initial(v, sp.cos(sp.pi * (x + 1) / 2) * sp.cos(sp.pi * y) / 4),
        neumann(u, 0),
        neumann(v, 0),
    ],
    time=t,
    citation="M. Takamoto et al., PDEBench, Adv. Neural Inf. Process. Syst. 35 (2022) 1596-1611",
)
