"""Members stepped together."""

import numpy as np
import pytest
import scipy.stats
import sympy as sp
import torch

from pinnlab import Box, D, Family, Problem, TimeInterval, UnsupportedProblem, initial, initial_rate, parameter
from pinnlab.operators.batched import BatchedRun
from pinnlab.random_functions import PeriodicField, TravellingSines
from pinnlab.solve import solve
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.solvers.method_of_lines import MethodOfLines

t, x, y = sp.symbols("t x y", real=True)
CPU = torch.device("cpu")
END = np.array([1.0])
LINE = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
FIELD = PeriodicField({x: (0, 1)}, alpha=2, tau=5, modes=4)


def run(family, solver, axes, times=END):
    return BatchedRun.of(family, solver, times, axes, family.draw(0), CPU)


def heat(**distributions):
    u, u0, k, f = sp.Function("u")(t, x), parameter("u0", sp.sin(2 * sp.pi * x)), parameter("k", 1), parameter("f", 0)
    problem = Problem("heat", [D(u, t) - k * D(u, x, 2) - f], [u], LINE, [initial(u, u0)], time=t)
    return Family(problem, {p: distributions[p.name] for p in (u0, k, f) if p.name in distributions})


@pytest.mark.parametrize(
    ("family", "solver"),
    [
        (heat(k=scipy.stats.uniform(1, 2), u0=FIELD), Etdrk4(points=16)),
        (heat(f=FIELD), Etdrk4(points=16)),
        (heat(u0=TravellingSines(t, {x: (0, 1)})), Etdrk4(points=16)),
        (heat(u0=FIELD), MethodOfLines()),
    ],
    ids=["number", "forcing", "of time", "solver"],
)
def test_what_is_not_random_in_initial_data_alone_is_not_stepped_together(family, solver):
    assert run(family, solver, (np.arange(8) / 8,)) is None


def test_a_wave_has_two_initial_data_of_which_one_is_drawn():
    u, u0 = sp.Function("u")(t, x), parameter("u0", sp.sin(2 * sp.pi * x))
    law = D(u, t, 2) - D(u, x, 2)
    conditions = [initial(u, u0), initial_rate(u, -D(u0, x))]
    problem = Problem("wave", [law], [u], LINE, conditions, time=t)
    family = Family(problem, {u0: FIELD})
    nodes = np.arange(8) / 8
    found = run(family, Etdrk4(points=16, steps=20), (nodes,), np.array([0.25, 1.0]))
    outputs, bounds = found.solved([family.draw(i) for i in range(2)])
    assert outputs.shape == (2, 2, 1, 8)
    for i in range(2):
        series = family.draw(i)["u0"].args[0].held
        np.testing.assert_allclose(outputs[i, 0, 0], series.on_grid([nodes - 0.25]), atol=1e-10)
        np.testing.assert_allclose(outputs[i, 1, 0], series.on_grid([nodes]), atol=1e-10)
    assert np.all(bounds < 1e-9)


def test_two_dimensions_and_grids_that_do_not_divide_each_other():
    u, u0 = sp.Function("u")(t, x, y), parameter("u0", sp.sin(2 * sp.pi * x))
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1), y: (0, 2)}, periodic=[x, y])
    law = D(u, t) - D(u, x, 2) / 50 - D(u, y, 2) / 50 + D(u**2 / 2, x)
    problem = Problem("plane", [law], [u], domain, [initial(u, u0)], time=t)
    family = Family(problem, {u0: PeriodicField({x: (0, 1), y: (0, 2)}, alpha=3, tau=3, modes=3)})
    axes = np.arange(12) / 12, np.arange(10) / 5
    solver = Etdrk4(points=(16, 24), steps=20)
    outputs, bounds = run(family, solver, axes).solved([family.draw(i) for i in range(2)])
    points = np.stack(np.meshgrid([1.0], *axes, indexing="ij"), axis=-1).reshape(-1, 3)
    alone = solve(family.member(1), solver, device="cpu").field(points).reshape(12, 10)
    np.testing.assert_allclose(outputs[1, 0, 0], alone, atol=1e-10)
    assert np.all((bounds > 1e-12) & (bounds < 1e-1))


def test_a_stream_function_follows_the_vorticity_of_each_member():
    w, psi = (sp.Function(n)(t, x, y) for n in ("w", "psi"))
    w0 = parameter("w0", sp.sin(2 * sp.pi * x))
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1), y: (0, 1)}, periodic=[x, y])
    transport = D(w, t) + D(psi, y) * D(w, x) - D(psi, x) * D(w, y) - (D(w, x, 2) + D(w, y, 2)) / 100
    laws = [transport, D(psi, x, 2) + D(psi, y, 2) + w]
    problem = Problem("vortices", laws, [w, psi], domain, [initial(w, w0)], time=t)
    family = Family(problem, {w0: PeriodicField({x: (0, 1), y: (0, 1)}, alpha=2.5, tau=7, modes=3)})
    axes, solver = (np.arange(8) / 8, np.arange(8) / 8), Etdrk4(points=16, steps=20)
    outputs, _ = run(family, solver, axes).solved([family.draw(i) for i in range(2)])
    points = np.stack(np.meshgrid([1.0], *axes, indexing="ij"), axis=-1).reshape(-1, 3)
    alone = solve(family.member(1), solver, device="cpu").field(points).T.reshape(2, 8, 8)
    np.testing.assert_allclose(outputs[1, 0], alone, atol=1e-11)
    with_mean = Family(problem, {w0: PeriodicField({x: (0, 1), y: (0, 1)}, alpha=2.5, tau=7, modes=3, mean=1)})
    with pytest.raises(UnsupportedProblem, match="mean must vanish"):
        run(with_mean, solver, axes).solved([with_mean.draw(0)])


def test_where_no_companion_has_steps_at_the_frames_no_bound_is_known():
    family = heat(u0=FIELD)
    found = run(family, Etdrk4(points=16, steps=3), (np.arange(8) / 8,), np.array([1 / 3, 1.0]))
    assert np.isnan(found.solved([family.draw(0)])[1]).all()


def test_the_companion_costs_less_than_half_of_the_run():
    found = run(heat(u0=FIELD), Etdrk4(points=32, steps=100), (np.arange(8) / 8,))
    assert found.coarse.shape == (24,)
    assert found.coarse.steps == 50
    assert found.coarse.steps * found.coarse.shape[0] < 0.5 * found.fine.steps * found.fine.shape[0]
