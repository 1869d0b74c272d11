"""The network on shapes and meshes, with conditions built in or soft."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    D,
    Difference,
    Disk,
    Hard,
    LevenbergMarquardt,
    MeshDomain,
    Mlp,
    Pinn,
    Polygon,
    Problem,
    Soft,
    TimeInterval,
    dirichlet,
    initial,
    laplacian,
    solve,
)
from pinnlab.field import ExactField
from pinnlab.reference import error_against
from pinnlab.training.samplers import Uniform

t, x, y = sp.symbols("t x y", real=True)
SHAPES = {
    "disk": (Disk({x: 0, y: 0}, radius=1), 1 - x**2 - y**2),
    "corner": (Polygon((x, y), [(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)]),
               sp.sin(sp.pi * x) * sp.sin(sp.pi * y)),
    "plate": (Difference(Box({x: (0, 1), y: (0, 1)}), Disk({x: 0.5, y: 0.5}, radius=0.25)),
              30 * (x - x**2) * (y - y**2) * ((x - 0.5) ** 2 + (y - 0.5) ** 2 - 0.0625)),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("constraints", [Hard(), Soft()])
def test_few_steps_lower_the_error_on_shapes(name, constraints):
    u = sp.Function("u")(x, y)
    region, bubble = SHAPES[name]
    exact = bubble * sp.exp(x)
    source = exact.diff(x, 2) + exact.diff(y, 2)
    problem = Problem("poisson", [laplacian(u, (x, y)) - source], [u], region, [dirichlet(u, 0)], reference=exact)
    solver = Pinn(Mlp(10, 2), constraints, Uniform(300), optimizer=LevenbergMarquardt(steps=20), condition_points=60)
    method = solver.compile(problem)
    truth = ExactField.of(problem)
    before = error_against(method.field(method.init(0)), truth, 2_000)["relative_l2"]
    after = error_against(solve(problem, solver, device="cpu").checked().field, truth, 2_000)["relative_l2"]
    assert after < min(0.2, before / 5)


def test_an_evolution_on_a_shape_and_one_on_a_mesh():
    u = sp.Function("u")(t, x, y)
    disk = Disk({x: 0, y: 0}, radius=1)
    exact = sp.exp(-t) * (1 - x**2 - y**2)
    source = exact.diff(t) - exact.diff(x, 2) - exact.diff(y, 2)
    mesh = MeshDomain.from_mesh(disk.mesh(0.3), (x, y))
    for region, constraints in ((disk, Hard()), (mesh, Soft())):
        problem = Problem("heat", [D(u, t) - laplacian(u, (x, y)) - source], [u], TimeInterval(t, 0, 1) * region,
                          [initial(u, 1 - x**2 - y**2), dirichlet(u, exact)], t, reference=exact)  # fmt: skip
        solver = Pinn(Mlp(8, 2), constraints, Uniform(300), optimizer=LevenbergMarquardt(steps=15), condition_points=60)
        found = solve(problem, solver, device="cpu").checked().field
        points = 0.7 * np.random.default_rng(0).random((50, 3))
        wanted = ExactField.of(problem)(points)
        assert np.abs(found(points) - wanted).max() < 0.05
