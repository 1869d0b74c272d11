"""Three equal masses chase each other around a figure eight.

    r_i'' = sum_{j != i} (r_j - r_i) / |r_j - r_i|³,   r_i = (x_i, y_i),   i = 1, 2, 3,   t in [0, 6.32591398]
    r_1 = -r_2 = (0.97000436, -0.24308753),  r_3 = 0,   r_3' = -2 r_1' = -2 r_2' = (-0.93240737, -0.86473146)

Gravitation with constant and masses 1, over one period.  The orbit, and the initial state by C. Simó, are those
of [1]; it is stable, so errors grow slowly.  Energy and angular momentum are conserved; the angular momentum is 0.

[1] A. Chenciner, R. Montgomery, Ann. of Math. 152 (2000) 881-901.
"""

import sympy as sp

from pinnlab import Box, D, Problem, initial, initial_rate

t = sp.Symbol("t", real=True)
X = [sp.Function(f"x{i}")(t) for i in (1, 2, 3)]
Y = [sp.Function(f"y{i}")(t) for i in (1, 2, 3)]
px, py = sp.Rational("0.97000436"), sp.Rational("-0.24308753")
vx, vy = sp.Rational("-0.93240737"), sp.Rational("-0.86473146")


def distance(i: int, j: int) -> sp.Expr:
    return sp.sqrt((X[i] - X[j]) ** 2 + (Y[i] - Y[j]) ** 2)


def attraction(r: list[sp.Expr], i: int) -> sp.Expr:
    return sp.Add(*((r[j] - r[i]) / distance(i, j) ** 3 for j in range(3) if j != i))


starts = {**dict(zip(X, (px, -px, 0), strict=True)), **dict(zip(Y, (py, -py, 0), strict=True))}
speeds = {**dict(zip(X, (-vx / 2, -vx / 2, vx), strict=True)), **dict(zip(Y, (-vy / 2, -vy / 2, vy), strict=True))}
kinetic = sp.Add(*(D(r, t) ** 2 / 2 for r in (*X, *Y)))
potential = -1 / distance(0, 1) - 1 / distance(0, 2) - 1 / distance(1, 2)

problem = Problem(
    name="three_body",
    equations=[D(r[i], t, 2) - attraction(r, i) for i in range(3) for r in (X, Y)],
    unknowns=[r[i] for i in range(3) for r in (X, Y)],
    domain=Box({t: (0, sp.Rational("6.32591398"))}),
    conditions=[*(initial(r, g) for r, g in starts.items()), *(initial_rate(r, g) for r, g in speeds.items())],
    time=t,
    conserved={"energy": kinetic + potential},
    citation="A. Chenciner, R. Montgomery, Ann. of Math. 152 (2000) 881-901",
)
