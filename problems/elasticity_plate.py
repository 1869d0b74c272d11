"""Plane stress in a square plate with four round holes: the rim is moved, the walls of the holes are loaded.

    ∇·σ + f = 0,   σ = E / (1 - nu²) ((1 - nu) ε + nu tr(ε) I),   ε the symmetric gradient of (u, v),
    E = 1 and nu = 0.3,   on [-0.5, 0.5]² without four discs of radius 0.1 around (±0.3, ±0.3)
    (u, v) given on the sides of the square,   σ n given on the holes

Manufactured [2] with u = sin(pi x) cos(pi y) and v = e^x sin(2 y), from which the force f and all data follow.  The
plate is that of "Poisson2d-C" of [3]; elasticity on a square with round holes is an example of [1].

[1] J. Chen, X. Chi, W. E, Z. Yang, J. Mach. Learn. 1 (2022) 268-298.
[2] P. J. Roache, J. Fluids Eng. 124 (2002) 4-10.
[3] Z. Hao et al., PINNacle, Adv. Neural Inf. Process. Syst. 37 (2024).
"""

import sympy as sp

from pinnlab import Box, D, Difference, Disk, Problem, dirichlet, div, flux, normal, parameter

x, y = sp.symbols("x y", real=True)
u, v = sp.Function("u")(x, y), sp.Function("v")(x, y)
modulus = parameter("E", 1)
nu = parameter("nu", sp.Rational(3, 10))


def stress(a: sp.Expr, b: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The components xx, xy and yy."""
    stiffness = modulus / (1 - nu**2)
    shear = modulus / (2 * (1 + nu)) * (D(a, y) + D(b, x))
    return stiffness * (D(a, x) + nu * D(b, y)), shear, stiffness * (nu * D(a, x) + D(b, y))


exact_u, exact_v = sp.sin(sp.pi * x) * sp.cos(sp.pi * y), sp.exp(x) * sp.sin(2 * y)
xx, xy, yy = stress(u, v)
given_xx, given_xy, given_yy = (s.doit() for s in stress(exact_u, exact_v))

half, offset, radius = sp.Rational(1, 2), sp.Rational(3, 10), sp.Rational(1, 10)
square = Box({x: (-half, half), y: (-half, half)})
corners = [(-offset, -offset), (offset, -offset), (offset, offset), (-offset, offset)]
holes = [Disk({x: a, y: b}, radius, name=f"hole_{i}") for i, (a, b) in enumerate(corners, start=1)]

problem = Problem(
    name="elasticity_plate",
    equations=[
        div((xx, xy), (x, y)) - given_xx.diff(x) - given_xy.diff(y),
        div((xy, yy), (x, y)) - given_xy.diff(x) - given_yy.diff(y),
    ],
    unknowns=[u, v],
    domain=Difference(square, *holes),
    conditions=[
        dirichlet(u, exact_u, on=["left", "right", "bottom", "top"]),
        dirichlet(v, exact_v, on=["left", "right", "bottom", "top"]),
        flux(u, given_xx * normal(x) + given_xy * normal(y), on=[h.name for h in holes]),
        flux(v, given_xy * normal(x) + given_yy * normal(y), on=[h.name for h in holes]),
    ],
    reference={u: exact_u, v: exact_v},
    citation="J. Chen, X. Chi, W. E, Z. Yang, J. Mach. Learn. 1 (2022) 268-298",
)
