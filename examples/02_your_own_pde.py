"""A PDE of your own: nonlinear diffusion with a source, checked by a manufactured solution.

    u_t = ((1 + u²) u_x)_x + u (1 - u),   x in [0, 1],   t in [0, 1]

Run time: a few seconds.
"""

import numpy as np
import sympy as sp

from pinnlab import Box, D, ExactField, Problem, dirichlet, initial, neumann, reference
from pinnlab.reference import error_against

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)

problem = Problem(
    name="nonlinear_diffusion",
    equations=[D(u, t) - D((1 + u**2) * D(u, x), x) - u * (1 - u)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (0, 1)}),
    conditions=[
        initial(u, sp.cos(sp.pi * x / 2)),
        neumann(u, 0, on="left"),
        dirichlet(u, 0, on="right"),
    ],
    time=t,
)


def main() -> tuple[float, float]:
    # The same problem, with a source such that this function solves it: a test with a known answer.
    known = problem.manufactured(sp.exp(-t) * sp.cos(sp.pi * x / 2))
    solution = reference(known, rtol=1e-7)
    error = error_against(solution.field, ExactField.of(known))["relative_l2"]
    print(f"manufactured: true error {error:.1e}, measured bound {solution.error_bound:.1e}")

    # The problem as it was declared: no exact answer, but the same kind of bound.
    solution = reference(problem, rtol=1e-7)
    middle = float(solution.field(np.array([[1.0, 0.5]]))[0, 0])
    print(f"declared: u(1, 1/2) = {middle:.6f}, measured bound {solution.error_bound:.1e}")
    return error / solution.error_bound, middle


if __name__ == "__main__":
    main()
