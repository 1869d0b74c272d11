"""Poisson equation on the unit cube of five dimensions: a sum of cosines.

    -∇²u = pi² Σ cos(pi x_i),   (x_1, …, x_5) in [0, 1]⁵,   u given on the boundary

Exact: u = Σ cos(pi x_i).  Example of [1].  No grid reaches this dimension: fields are compared at random points.

[1] J. Müller, M. Zeinhofer, Proc. 40th Int. Conf. Machine Learning, PMLR 202 (2023) 25471-25485.
"""

import sympy as sp

from pinnlab import Box, Problem, dirichlet, laplacian

space = sp.symbols("x1:6", real=True)
u = sp.Function("u")(*space)

exact = sum(sp.cos(sp.pi * x) for x in space)

problem = Problem(
    name="poisson_5d",
    equations=[-laplacian(u, space) - sp.pi**2 * exact],
    unknowns=[u],
    domain=Box(dict.fromkeys(space, (0, 1))),
    conditions=[dirichlet(u, exact)],
    reference=exact,
    citation="J. Müller, M. Zeinhofer, PMLR 202 (2023) 25471-25485",
)
