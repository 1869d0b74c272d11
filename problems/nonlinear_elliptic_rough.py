"""Nonlinear elliptic equation on the unit square whose solution has modes of all sizes.

    -∇²u + u³ = f,   (x, y) in [0, 1]²,   u = 0 on the boundary

Manufactured with u = Σ_{k=1}^{100} sin(k pi x) sin(k pi y) / k⁶, whose fifth derivatives jump across the diagonal as
far as the modes reach.  [1] sums up to k = 600; what is left out here is below Σ_{k>100} k⁻⁶ = 2e-11 in u and below
7e-6, or 4e-7 of its largest value, in f.

[1] Y. Chen, H. Owhadi, F. Schäfer, Math. Comp. 94 (2025), arXiv:2304.01294.
"""

import sympy as sp

from pinnlab import Box, Problem, dirichlet, laplacian

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)

modes = [(k, sp.sin(k * sp.pi * x) * sp.sin(k * sp.pi * y)) for k in range(1, 101)]
exact = sp.Add(*(mode / k**6 for k, mode in modes))
curvature = 2 * sp.pi**2 * sp.Add(*(mode / k**4 for k, mode in modes))

problem = Problem(
    name="nonlinear_elliptic_rough",
    equations=[-laplacian(u, (x, y)) + u**3 - curvature - exact**3],
    unknowns=[u],
    domain=Box({x: (0, 1), y: (0, 1)}),
    conditions=[dirichlet(u, 0)],
    reference=exact,
    citation="Y. Chen, H. Owhadi, F. Schäfer, Math. Comp. 94 (2025), arXiv:2304.01294",
)
