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
WAVE = sp.sin(2 * sp.pi * x)
FIELD = PeriodicField({x: (0, 1)}, alpha=2, tau=5, modes=4)


def run(family, solver, axes, times=END):
    return BatchedRun.of(family, solver, times, axes, family.draw(0), CPU)


def heat(**distributions):
    u, u0, k, f = sp.Function("u")(t, x), parameter("u0", WAVE), parameter("k", 0.02), parameter("f", 0)
    problem = Problem("heat", [D(u, t) - k * D(u, x, 2) - f], [u], LINE, [initial(u, u0)], time=t)
    return Family(problem, {p: distributions[p.name] for p in (u0, k, f) if p.name in distributions})


def alone(family, solver, index, nodes, times):
    field = solve(family.member(index), solver, device="cpu").field
    return np.stack([field(np.column_stack([np.full(len(nodes), at), nodes])).T for at in times])


@pytest.mark.parametrize(
    "family",
    [
        heat(k=scipy.stats.uniform(0.01, 0.02), u0=FIELD),
        heat(f=FIELD),
        heat(u0=TravellingSines(t, {x: (0, 1)})),
        heat(f=TravellingSines(t, {x: (0, 1)}), u0=FIELD),
        heat(f=scipy.stats.uniform(1, 2)),
    ],
    ids=["coefficient", "forcing", "initial data of time", "forcing in time", "number"],
)
def test_members_stepped_together_are_as_when_solved_alone(family):
    solver, nodes, times = Etdrk4(points=16, steps=40, snapshots=40), np.arange(8) / 8, np.array([0.5, 1.0])
    outputs, bounds = run(family, solver, (nodes,), times).solved([family.draw(i) for i in range(3)])
    for i in range(3):
        np.testing.assert_allclose(outputs[i], alone(family, solver, i, nodes, times), atol=1e-12)
    assert np.ptp(outputs[:, 0, 0, 0]) > 1e-3
    assert np.all(np.isfinite(bounds))


def test_what_burgers_has_that_is_random_may_be_anywhere_in_it():
    u = sp.Function("u")(t, x)
    u0, nu, a, q, f = (parameter(n, v) for n, v in (("u0", WAVE), ("nu", 1), ("a", 1), ("q", 0), ("f", WAVE)))
    law = D(u, t) + D(a * u**2 / 2, x) - nu * D(u, x, 2) + q * u - D(f, x)
    problem = Problem("burgers", [law], [u], LINE, [initial(u, u0)], time=t)
    sines = TravellingSines(t, {x: (0, 1)})
    uniform = scipy.stats.uniform(0.1, 0.2)
    family = Family(problem, {u0: sines, nu: uniform, a: scipy.stats.uniform(-1, 2), q: FIELD, f: sines})
    solver, nodes = Etdrk4(points=32, steps=50), np.arange(8) / 8
    outputs, _ = run(family, solver, (nodes,)).solved([family.draw(i) for i in range(2)])
    for i in range(2):
        np.testing.assert_allclose(outputs[i], alone(family, solver, i, nodes, END), atol=1e-12)


def test_waves_of_random_speed_have_a_matrix_for_each_member():
    u, u0, c = sp.Function("u")(t, x), parameter("u0", sp.sin(2 * sp.pi * x)), parameter("c", 1)
    problem = Problem("wave", [D(u, t, 2) - c**2 * D(u, x, 2)], [u], LINE, [initial(u, u0), initial_rate(u, 0)], time=t)
    family = Family(problem, {c: scipy.stats.uniform(0.5, 1), u0: FIELD})
    nodes = np.arange(8) / 8
    draws = [family.draw(i) for i in range(2)]
    outputs, _ = run(family, Etdrk4(points=16, steps=10), (nodes,)).solved(draws)
    for found, draw in zip(outputs, draws, strict=True):
        # d'Alembert: half of the initial shape goes to either side.
        halves = [draw["u0"].args[0].held.on_grid([nodes + shift]) for shift in (draw["c"], -draw["c"])]
        np.testing.assert_allclose(found[0, 0], sum(halves) / 2, atol=1e-10)


def test_other_solvers_and_random_constraints_are_not_stepped_together():
    nodes = np.arange(8) / 8
    assert run(heat(u0=FIELD), MethodOfLines(), (nodes,)) is None
    w, psi, a = sp.Function("w")(t, x), sp.Function("psi")(t, x), parameter("a", 1)
    laws = [D(w, t) + D(w, x) - D(psi, x), a * D(psi, x, 2) - psi + w]
    problem = Problem("screened", laws, [w, psi], LINE, [initial(w, sp.sin(2 * sp.pi * x))], time=t)
    assert run(Family(problem, {a: scipy.stats.uniform(1, 2)}), Etdrk4(points=16), (nodes,)) is None


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
    assert found.coarse.system.shape == (24,)
    assert found.coarse.steps == 50
    assert found.coarse.steps * found.coarse.system.shape[0] < 0.5 * found.fine.steps * found.fine.system.shape[0]
