"""Maxwell's equations in a cubic cavity with perfectly conducting walls: two standing waves.

    E_t = ∇×B,   B_t = -∇×E,   (x, y, z) in [0, 1]³,   t in [0, 1],   the part of E along each wall is zero

In units in which light has the speed 1.  ∇·E = ∇·B = 0 at t = 0, and the equations keep it so: their divergence is
(∇·E)_t = (∇·B)_t = 0.  Exact: the sum of the modes [2] with wave vectors k = pi (1, 1, 1) and pi (2, 1, 2), polarised
along a = (1, 1, -2) and (1, -4, 1) / 2,

    E_x = a_x cos(k_x x) sin(k_y y) sin(k_z z) cos(|k| t)  and likewise E_y and E_z,   B = -∫ ∇×E dt.

The equations without walls are the example of [1].

[1] M. Härkönen, M. Lange-Hegermann, B. Raiţă, Proc. Mach. Learn. Res. 202 (2023) 12587-12615, arXiv:2212.14319.
[2] J. D. Jackson, Classical Electrodynamics, 3rd ed., Wiley (1999), Section 8.7.
"""

import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial

t, x, y, z = sp.symbols("t x y z", real=True)
space = (x, y, z)
electric = tuple(sp.Function(f"E{c}")(t, *space) for c in "xyz")
magnetic = tuple(sp.Function(f"B{c}")(t, *space) for c in "xyz")
# Wave vectors over pi, and polarisations at right angles to them.
half = sp.Rational(1, 2)
modes = [((1, 1, 1), (1, 1, -2)), ((2, 1, 2), (half, -4 * half, half))]


def curl(field: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
    a, b, c = field
    return D(c, y) - D(b, z), D(a, z) - D(c, x), D(b, x) - D(a, y)


def shape(wave: tuple[int, ...], along: int) -> sp.Expr:
    return sp.Mul(
        *((sp.cos if i == along else sp.sin)(n * sp.pi * c) for i, (n, c) in enumerate(zip(wave, space, strict=True)))
    )


exact_electric, exact_magnetic = [sp.Integer(0)] * 3, [sp.Integer(0)] * 3
for wave, polarisation in modes:
    frequency = sp.pi * sp.sqrt(sum(n**2 for n in wave))
    standing = tuple(a * shape(wave, i) for i, a in enumerate(polarisation))
    for i, rotation in enumerate(curl(standing)):
        exact_electric[i] += standing[i] * sp.cos(frequency * t)
        exact_magnetic[i] -= rotation.doit() * sp.sin(frequency * t) / frequency

fields = (*electric, *magnetic)
exact = dict(zip(fields, (*exact_electric, *exact_magnetic), strict=True))
x_walls, y_walls, z_walls = ["left", "right"], ["bottom", "top"], ["back", "front"]
walls = [y_walls + z_walls, x_walls + z_walls, x_walls + y_walls]

problem = Problem(
    name="maxwell",
    equations=[
        *(D(e, t) - c for e, c in zip(electric, curl(magnetic), strict=True)),
        *(D(b, t) + c for b, c in zip(magnetic, curl(electric), strict=True)),
    ],
    unknowns=fields,
    domain=Box({t: (0, 1), x: (0, 1), y: (0, 1), z: (0, 1)}),
    conditions=[
        *(initial(f, exact[f].subs(t, 0)) for f in fields),
        *(dirichlet(e, 0, on=sides) for e, sides in zip(electric, walls, strict=True)),
    ],
    time=t,
    reference=exact,
    citation="M. Härkönen, M. Lange-Hegermann, B. Raiţă, Proc. Mach. Learn. Res. 202 (2023) 12587-12615",
)
