"""Plane stress in a square plate without a load: the rim is moved, and the rest follows.

    ∇·σ = 0,   σ = E / (1 - nu²) ((1 - nu) ε + nu tr(ε) I),   ε the symmetric gradient of (u, v),
    E = 1 and nu = 0.3,   (x, y) in [0, 1]²,   (u, v) given on the boundary

A homogeneous system with constant coefficients, unlike `elasticity_plate`.  Every solution is

    E / (1 + nu) (u + i v) = κ φ(ζ) - ζ conj(φ'(ζ)) - conj(ψ(ζ)),   ζ = x + i y,   κ = (3 - nu) / (1 + nu),

with two holomorphic functions [1], here φ = exp(2 ζ) / 10 and ψ = cos(3 ζ) / 2.

[1] N. I. Muskhelishvili, Some Basic Problems of the Mathematical Theory of Elasticity, Noordhoff (1953), Section 32.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, div, parameter

x, y = sp.symbols("x y", real=True)
u, v = sp.Function("u")(x, y), sp.Function("v")(x, y)
modulus = parameter("E", 1)
nu = parameter("nu", sp.Rational(3, 10))

stiffness = modulus / (1 - nu**2)
shear = modulus / (2 * (1 + nu)) * (D(u, y) + D(v, x))
stress = ((stiffness * (D(u, x) + nu * D(v, y)), shear), (shear, stiffness * (nu * D(u, x) + D(v, y))))

# Real and imaginary parts of 10 φ = exp(2 ζ), of 10 ζ conj(φ') = 2 ζ conj(exp(2 ζ)) and of 2 conj(ψ) = conj(cos(3 ζ)).
kappa = (3 - nu) / (1 + nu)
growth = sp.exp(2 * x)
phi = (growth * sp.cos(2 * y), growth * sp.sin(2 * y))
moment = (2 * (x * phi[0] + y * phi[1]), 2 * (y * phi[0] - x * phi[1]))
psi = (sp.cos(3 * x) * sp.cosh(3 * y), sp.sin(3 * x) * sp.sinh(3 * y))
exact = {w: (1 + nu) / modulus * ((kappa * phi[i] - moment[i]) / 10 - psi[i] / 2) for i, w in enumerate((u, v))}

problem = Problem(
    name="elasticity_square",
    equations=[div(row, (x, y)) for row in stress],
    unknowns=[u, v],
    domain=Box({x: (0, 1), y: (0, 1)}),
    conditions=[dirichlet(w, exact[w]) for w in (u, v)],
    reference=exact,
    citation="N. I. Muskhelishvili, Some Basic Problems of the Mathematical Theory of Elasticity, Noordhoff (1953)",
)
