"""Heat in a bracket: hot fluid runs through its hole, air cools its surface, the end of one leg is kept cold.

    u_t = ∇²u in the part,   t in [0, 1],   u = 0 at t = 0
    u = 0 on clamped,   n·∇u + B u = 0 on surface,   n·∇u + H (u - (1 - exp(-20 t))) = 0 on heated

u is the temperature above the air's, relative to that of the fluid; lengths are in units of the length L of a leg and
times in L² / diffusivity, so that B = 0.5 and H = 5 are the Biot numbers of the surface and of the wall of the hole.
The law of heat transfer into a medium, Newton's, is equation 1.9 (1) of [1].  The part is the mesh in `meshes/`.

[1] H. S. Carslaw and J. C. Jaeger, Conduction of Heat in Solids, 2nd edition, Oxford University Press (1959).
"""

from pathlib import Path

import sympy as sp

from pinnlab import D, MeshDomain, Problem, TimeInterval, dirichlet, initial, laplacian, parameter, robin

t, x, y, z = sp.symbols("t x y z", real=True)
u = sp.Function("u")(t, x, y, z)
cooling = parameter("B", sp.Rational(1, 2))
heating = parameter("H", 5)
part = MeshDomain(Path(__file__).parent.parent / "meshes" / "part.msh", coordinates=(x, y, z))

problem = Problem(
    name="heat_part",
    equations=[D(u, t) - laplacian(u, (x, y, z))],
    unknowns=[u],
    domain=TimeInterval(t, 0, 1) * part,
    conditions=[
        initial(u, 0),
        dirichlet(u, 0, on="clamped"),
        robin(u, cooling, 1, 0, on="surface"),
        robin(u, heating, 1, heating * (1 - sp.exp(-20 * t)), on="heated"),
    ],
    time=t,
    citation="H. S. Carslaw, J. C. Jaeger, Conduction of Heat in Solids, Oxford University Press (1959)",
)
