"""Cook's membrane: a tapered panel in plane stress, clamped on its left, sheared upwards on its right.

    ∇·σ = 0,   σ = E / (1 - nu²) ((1 - nu) ε + nu tr(ε) I),   ε the symmetric gradient of (u, v)
    (u, v) = 0 on left,   σ n = (0, 1/16) on right,   σ n = 0 on bottom and top

The corners are (0, 0), (48, 44), (48, 60), (0, 44); E = 1, nu = 1/3, and the right side of length 16 carries a unit
load [1].  The equations are written so that the flux of a displacement is the traction σ n.  What is compared is the
vertical displacement in the middle (48, 52) of the right side, for which the literature has 23.96.

[1] R. D. Cook, J. Struct. Div. ASCE 100 (1974) 1851-1863.
"""

import sympy as sp

from pinnlab import D, Polygon, Problem, dirichlet, div, flux, parameter

x, y = sp.symbols("x y", real=True)
u, v = sp.Function("u")(x, y), sp.Function("v")(x, y)
modulus = parameter("E", 1)
nu = parameter("nu", sp.Rational(1, 3))

stiffness = modulus / (1 - nu**2)
shear = modulus / (2 * (1 + nu)) * (D(u, y) + D(v, x))
stress_x = stiffness * (D(u, x) + nu * D(v, y))
stress_y = stiffness * (nu * D(u, x) + D(v, y))

problem = Problem(
    name="cooks_membrane",
    equations=[div((stress_x, shear), (x, y)), div((shear, stress_y), (x, y))],
    unknowns=[u, v],
    domain=Polygon((x, y), [(0, 0), (48, 44), (48, 60), (0, 44)], names=["bottom", "right", "top", "left"]),
    conditions=[
        *(dirichlet(w, 0, on="left") for w in (u, v)),
        *(flux(w, 0, on=["bottom", "top"]) for w in (u, v)),
        flux(u, 0, on="right"),
        flux(v, sp.Rational(1, 16), on="right"),
    ],
    citation="R. D. Cook, J. Struct. Div. ASCE 100 (1974) 1851-1863",
)
