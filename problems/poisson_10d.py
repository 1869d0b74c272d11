"""Laplace equation on the unit cube of ten dimensions: a harmonic polynomial.

    ∇²u = 0,   (x_1, …, x_10) in [0, 1]¹⁰,   u given on the boundary

Exact: u = x_1 x_2 + x_3 x_4 + x_5 x_6 + x_7 x_8 + x_9 x_10.  Example of [1].

[1] W. E, B. Yu, Commun. Math. Stat. 6 (2018) 1-12.
"""

import sympy as sp

from pinnlab import Box, Problem, dirichlet, laplacian

space = sp.symbols("x1:11", real=True)
u = sp.Function("u")(*space)

exact = sum(a * b for a, b in zip(space[::2], space[1::2], strict=True))

problem = Problem(
    name="poisson_10d",
    equations=[-laplacian(u, space)],
    unknowns=[u],
    domain=Box(dict.fromkeys(space, (0, 1))),
    conditions=[dirichlet(u, exact)],
    reference=exact,
    citation="W. E, B. Yu, Commun. Math. Stat. 6 (2018) 1-12",
)
