"""The periodic spectral solver."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pinnlab import Box, D, Problem, UnsupportedProblem, div, initial, initial_rate, laplacian, parameter
from pinnlab.field import ExactField
from pinnlab.known import known
from pinnlab.metrics import comparison_axes, relative_l2, sample
from pinnlab.numerics.etdrk4 import DiagonalSymbol, MatrixSymbol
from pinnlab.solve import solve
from pinnlab.solvers import Etdrk4
from pinnlab.testing import SolverContract

t, x, y, z = sp.symbols("t x y z", real=True)


def error(problem, solver):
    """Relative L2 error at the end of the interval."""
    field = solve(problem, solver, device="cpu").checked().field
    axes = comparison_axes(problem, 10_000)
    axes[0] = axes[0][-1:]
    return relative_l2(sample(field, axes), sample(ExactField.of(problem), axes))


def rates(errors):
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


class Zero:
    def derivative(self, orders):
        return lambda points: np.zeros((len(points), 1))


class TestEtdrk4(SolverContract):
    tolerance = 1e-9

    @pytest.fixture(autouse=True)
    def _problems(self, shipped):
        self.shipped = shipped

    def case(self):
        return self.shipped["burgers_periodic"], Etdrk4(points=256, steps=200, snapshots=50)

    def refused(self):
        return self.shipped["burgers"]


class TestEtdrk4OnIncompressibleFlow(SolverContract):
    tolerance = 1e-9

    @pytest.fixture(autouse=True)
    def _problems(self, shipped):
        self.shipped = shipped

    def case(self):
        return self.shipped["taylor_green_2d"], Etdrk4(points=16, steps=20, snapshots=20)

    def refused(self):
        flow = self.shipped["taylor_green_2d"]
        _, v, _ = flow.unknowns
        return replace(flow, name="leaking", conditions=(flow.conditions[0], initial(v, sp.sin(y))), reference=None)


@pytest.mark.parametrize(
    ("name", "points", "steps"),
    [("burgers_periodic", 256, (40, 80, 160)), ("kdv_soliton", 512, (700, 1400, 2800))],
)
def test_is_fourth_order_in_time(shipped, name, points, steps):
    errors = [error(shipped[name], Etdrk4(points=points, steps=n, snapshots=25)) for n in steps]
    assert rates(errors) == pytest.approx(4, abs=0.2)


def test_is_fourth_order_on_a_reacting_system_with_coupled_linear_part():
    u, v = (sp.Function(name)(t, x) for name in "uv")
    equations = [D(u, t) - D(u, x, 2) / 10 - v + u**3, D(v, t) - D(v, x, 2) / 5 + u + u * v]
    problem = Problem(
        "coupled",
        equations,
        [u, v],
        Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x]),
        [initial(u, 0), initial(v, 0)],
        t,
    ).manufactured({u: sp.sin(x + t), v: sp.cos(x) * sp.exp(-t)})
    errors = [error(problem, Etdrk4(points=32, steps=n, snapshots=10)) for n in (10, 20, 40)]
    assert rates(errors) == pytest.approx(4, abs=0.3)


def test_second_order_in_time_becomes_a_system_that_is_exact_without_nonlinear_terms():
    u = sp.Function("u")(t, x)
    problem = Problem(
        "string",
        [D(u, t, 2) - 4 * D(u, x, 2)],
        [u],
        Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x]),
        [initial(u, sp.sin(3 * x)), initial_rate(u, 0)],
        t,
        reference=sp.sin(3 * x) * sp.cos(6 * t),
    )
    assert error(problem, Etdrk4(points=32, steps=3)) < 1e-12


def test_variable_coefficients_and_three_dimensions():
    u = sp.Function("u")(t, x, y, z)
    box = Box({t: (0, 0.5), x: (0, 2 * sp.pi), y: (0, 2 * sp.pi), z: (0, 2 * sp.pi)}, periodic=[x, y, z])
    equation = D(u, t) + sp.sin(y) * D(u, x) - laplacian(u, (x, y, z)) / 5 + D(u**2 / 2, z)
    exact = sp.exp(-t) * sp.sin(x) * sp.cos(y) + sp.cos(z + t)
    problem = Problem("volume", [equation], [u], box, [initial(u, 0)], t).manufactured(exact)
    assert error(problem, Etdrk4(points=(16, 12, 14), steps=60, snapshots=6)) < 1e-7


def test_slaved_unknowns_follow_their_constraint(shipped):
    vorticity = shipped["navier_stokes_vorticity"]
    w, psi = vorticity.unknowns
    exact = {w: 2 * sp.cos(x) * sp.sin(2 * y) * sp.exp(-t) + sp.sin(x + y + t), psi: sp.cos(x - t) + sp.sin(y)}
    problem = vorticity.manufactured(exact)
    assert error(problem, Etdrk4(points=32, steps=100, snapshots=10)) < 1e-7


def test_slaved_unknowns_are_interpolated_with_the_rate_of_their_source():
    w, psi = (sp.Function(name)(t, x) for name in ("w", "psi"))
    exact = sp.sin(x) * sp.sin(5 * t)
    problem = Problem(
        "driven",
        [D(w, t) + w, D(psi, x, 2) + w + exact],
        [w, psi],
        Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x]),
        [initial(w, 0)],
        t,
        reference={w: sp.S.Zero, psi: exact},
    )
    field, axes = solve(problem, Etdrk4(points=16, steps=20), device="cpu").field, comparison_axes(problem, 10_000)
    assert relative_l2(sample(field, axes), sample(ExactField.of(problem), axes)) < 1e-8


def test_a_slaved_unknown_whose_mean_is_not_determined_needs_data_without_mean(shipped):
    vorticity = shipped["navier_stokes_vorticity"]
    w, _ = vorticity.unknowns
    off = replace(vorticity, conditions=(initial(w, 1 + sp.cos(x)),))
    with pytest.raises(UnsupportedProblem, match="mean"):
        solve(off, Etdrk4(points=16, steps=4), device="cpu")


def test_many_initial_states_advance_together_as_they_do_alone(shipped):
    problem = shipped["burgers_periodic"]
    method = Etdrk4(points=64, steps=40, snapshots=4).compile(problem)
    nodes = torch.arange(64, dtype=torch.float64) * 2 * np.pi / 64
    states = torch.stack([torch.sin(nodes), 0.5 * torch.cos(nodes)])[:, None]
    together = method.evolve(states)
    assert together.shape == (2, 5, 1, 64)
    for one, state in zip(together, states, strict=True):
        torch.testing.assert_close(one, method.evolve(state[None])[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(2, 3, 64), (2, 1, 32), (2, 64)])
def test_initial_states_of_another_shape_are_refused(shipped, shape):
    method = Etdrk4(points=64, steps=4).compile(shipped["burgers_periodic"])
    with pytest.raises(ValueError, match=r"must be \(batch, 1, 64\), states and nodes"):
        method.evolve(torch.zeros(shape))


def test_states_that_advance_together_may_each_have_their_own_forcing_and_damping():
    u, f, k = sp.Function("u")(t, x), known("f", Zero(), 0, t, x), known("k", Zero(), 0, sp.S.Zero)
    box = Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x])
    problem = Problem("forced", [D(u, t) + k * u - f], [u], box, [initial(u, 0)], t)
    method = Etdrk4(points=8, steps=20).compile(problem)
    rates = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    waves = torch.stack([torch.sin(method.system.nodes[0]), torch.cos(method.system.nodes[0])])
    differing = {k: lambda at: rates, f: lambda at: waves}
    found = replace(method, system=replace(method.system, differing=differing)).evolve(torch.zeros(2, 1, 8))[:, -1, 0]
    # u' + k u = f from 0 is f (1 - e^{-kt}) / k.
    torch.testing.assert_close(found, waves * (1 - torch.exp(-rates)) / rates, rtol=0, atol=1e-12)


def test_the_coarser_companion_has_half_the_steps_on_a_grid_that_is_not_nested(shipped):
    problem = shipped["burgers_periodic"]
    assert Etdrk4(points=64, steps=100).coarser(problem) == Etdrk4(points=(48,), steps=50)
    assert Etdrk4(points=4, steps=100).coarser(problem) is None
    assert Etdrk4(points=64, steps=1).coarser(problem) is None


def test_the_mean_of_a_conserved_density_stays(shipped):
    problem = shipped["burgers_periodic"]
    method = Etdrk4(points=64, steps=100, snapshots=10).compile(problem)
    means = method.evolve(method.system.initial_values()[None] + 0.3)[0].mean(dim=(-1, -2))
    torch.testing.assert_close(means, torch.full_like(means, 0.3), rtol=0, atol=1e-14)


def test_refusals_name_the_way_out(shipped):
    for name, way_out in (("poisson_1d", "Collocation"), ("burgers", "MethodOfLines"), ("lorenz", "one to three")):
        with pytest.raises(UnsupportedProblem, match=way_out):
            Etdrk4().compile(shipped[name])


@pytest.mark.parametrize("bad", [{"points": 7}, {"points": ()}, {"steps": 0}, {"snapshots": 0}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="Etdrk4"):
        Etdrk4(**bad)


def test_an_unknown_parameter_is_refused():
    u = sp.Function("u")(t, x)
    c = parameter("c", unknown=True, guess=1.0)
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    problem = Problem("inverse", [D(u, t) + c * D(u, x)], [u], box, [initial(u, sp.sin(2 * sp.pi * x))], t)
    with pytest.raises(UnsupportedProblem, match="with_parameters"):
        Etdrk4().compile(problem)


# -- incompressible flow ------------------------------------------------------------------------------------

PLANE = (x, y)
u2, v2, p2, theta = (sp.Function(name)(t, x, y) for name in ("u", "v", "p", "theta"))
EDDY = {u2: sp.sin(x) * sp.cos(y), v2: -sp.cos(x) * sp.sin(y)}
U3 = tuple(sp.Function(name)(t, x, y, z) for name in ("u", "v", "w"))
P3 = sp.Function("p")(t, x, y, z)


def flow(equations, unknowns, exact, end=1):
    """A problem on a periodic box of side 2 pi from its exact solution; the pressure has no initial value."""
    space = unknowns[0].args[1:]
    box = Box({t: (0, end)} | dict.fromkeys(space, (0, 2 * sp.pi)), periodic=space)
    evolving = [f for f in unknowns if f.func.__name__ != "p"]
    return Problem("flow", equations, unknowns, box, [initial(f, exact[f].subs(t, 0)) for f in evolving], t, exact)


def in_fluxes(velocity, pressure, space, nu):
    return [
        D(a, t) + div([a * b for b in velocity], space) + D(pressure, c) - nu * laplacian(a, space)
        for a, c in zip(velocity, space, strict=True)
    ] + [div(velocity, space)]


def advective(velocity, pressure, space, nu):
    return [
        D(a, t)
        + sum(b * D(a, c) for b, c in zip(velocity, space, strict=True))
        + D(pressure, e)
        - nu * laplacian(a, space)
        for a, e in zip(velocity, space, strict=True)
    ] + [div(velocity, space)]


def drifting(nu):
    """Taylor-Green vortices carried along by a mean flow: unlike at rest, the nonlinear terms do not cancel."""
    moved = {x: x - t, y: y - t / 2}
    decay = sp.exp(-2 * nu * t)
    return {
        u2: 1 + EDDY[u2].subs(moved, simultaneous=True) * decay,
        v2: sp.Rational(1, 2) + EDDY[v2].subs(moved, simultaneous=True) * decay,
        p2: ((sp.cos(2 * x) + sp.cos(2 * y)) / 4).subs(moved, simultaneous=True) * decay**2,
    }


def errors_by_unknown(problem, solver):
    field, axes = solve(problem, solver, device="cpu").checked().field, comparison_axes(problem, 20_000)
    found, exact = sample(field, axes).values, sample(ExactField.of(problem), axes).values
    return [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(found, exact, strict=True)]


@pytest.mark.parametrize("spelling", [in_fluxes, advective])
def test_velocity_and_pressure_of_drifting_vortices_converge_with_fourth_order(spelling):
    nu = sp.Rational(1, 20)
    problem = flow(spelling((u2, v2), p2, PLANE, nu), (u2, v2, p2), drifting(nu))
    errors = [errors_by_unknown(problem, Etdrk4(points=16, steps=n, snapshots=n)) for n in (10, 20, 40)]
    assert rates([e[0] for e in errors]) == pytest.approx(4, abs=0.3)
    assert max(errors[-1]) < 1e-7


def test_the_order_of_equations_their_signs_and_the_symmetric_stress_do_not_matter():
    nu, exact = sp.Rational(1, 20), drifting(sp.Rational(1, 20))
    momentum_x, momentum_y, continuity = in_fluxes((u2, v2), p2, PLANE, nu)
    other = [
        -continuity / 3,
        2 * (momentum_y + nu * laplacian(v2, PLANE) - nu * (D(D(u2, y) + D(v2, x), x) + D(2 * D(v2, y), y))),
        -(momentum_x + nu * laplacian(u2, PLANE) - nu * (D(2 * D(u2, x), x) + D(D(u2, y) + D(v2, x), y))),
    ]
    solver = Etdrk4(points=16, steps=20, snapshots=5)
    a, b = (
        solve(flow(e, (p2, v2, u2), exact), solver, device="cpu").field
        for e in ((momentum_x, momentum_y, continuity), other)
    )
    points = np.random.default_rng(0).uniform(0, 1, (50, 3)) * [1, 6, 6]
    np.testing.assert_allclose(a(points), b(points), rtol=0, atol=1e-13)
    assert isinstance(solver.compile(flow(other, (p2, v2, u2), exact)).system.symbol, DiagonalSymbol)


def test_forced_flow_with_any_pressure_in_three_dimensions():
    stream = (sp.sin(y - t) + sp.cos(z), sp.sin(z + t / 2) * sp.cos(x), sp.sin(x) * sp.cos(y))
    curl = (
        sp.diff(stream[2], y) - sp.diff(stream[1], z),
        sp.diff(stream[0], z) - sp.diff(stream[2], x),
        sp.diff(stream[1], x) - sp.diff(stream[0], y),
    )
    exact = dict(zip(U3, curl, strict=True)) | {P3: sp.cos(x + y) * sp.sin(z - t)}
    space = (x, y, z)
    problem = flow(in_fluxes(U3, P3, space, sp.Rational(1, 5)), (*U3, P3), exact).manufactured(exact)
    assert max(errors_by_unknown(problem, Etdrk4(points=(10, 12, 14), steps=60, snapshots=30))) < 1e-7


def test_inertial_waves_under_rotation_are_exact_in_time():
    # H. P. Greenspan, The Theory of Rotating Fluids (1968): with Ω along z a plane wave has the frequency
    # 2 Ω k_z / |k|; here k = (2, 0, 1), curl v = -|k| v, and w_t + p_z = 0 gives p = -4 Ω cos(phase) / 5.
    rotation, size = 3, sp.sqrt(5)
    phase = 2 * x + z - 2 * rotation / size * t
    u, v, w = U3
    exact = {u: sp.cos(phase) / size, v: sp.sin(phase), w: -2 * sp.cos(phase) / size}
    exact[P3] = -sp.Rational(4, 5) * rotation * sp.cos(phase)
    equations = [D(u, t) - 2 * rotation * v + D(P3, x), D(v, t) + 2 * rotation * u + D(P3, y), D(w, t) + D(P3, z)]
    problem = flow([*equations, div(U3, (x, y, z))], (*U3, P3), exact)
    solver = Etdrk4(points=8, steps=3, snapshots=3)
    assert isinstance(solver.compile(problem).system.symbol, MatrixSymbol)
    assert error(problem, solver) < 1e-13


def test_buoyancy_and_an_advected_temperature():
    stream = sp.sin(x - t) * sp.cos(y)
    exact = {
        u2: 1 + sp.diff(stream, y),
        v2: -sp.diff(stream, x),
        p2: sp.cos(x) * sp.sin(2 * y + t),
        theta: sp.cos(y) * sp.sin(x + t),
    }
    equations = in_fluxes((u2, v2), p2, PLANE, sp.Rational(1, 10))
    equations[1] -= 4 * theta
    heat = D(theta, t) + D(u2 * theta, x) + D(v2 * theta, y) - laplacian(theta, PLANE) / 10 + v2
    problem = flow([heat, *equations], (u2, v2, p2, theta), exact).manufactured(exact)
    assert max(errors_by_unknown(problem, Etdrk4(points=16, steps=60, snapshots=30))) < 1e-7


def test_the_velocity_stays_free_of_divergence_and_keeps_its_mean(shipped):
    method = Etdrk4(points=32, steps=40, snapshots=4).compile(shipped["kolmogorov_flow"])
    state = method.init(0)
    while len(state.modes) < 5:
        state, _ = method.step(state)
    modes = torch.stack(state.modes)
    divergence = method.system.projection.divergence(modes).abs().max()
    assert divergence < 1e-13 * modes.abs().max()
    torch.testing.assert_close(modes[:, :, 0, 0].abs() / 32**2, torch.zeros(5, 2).double(), rtol=0, atol=1e-14)


def test_many_flows_advance_together_and_data_with_a_divergence_are_refused(shipped):
    method = Etdrk4(points=16, steps=10, snapshots=2).compile(shipped["taylor_green_2d"])
    nodes_x, nodes_y = method.system.nodes
    eddies = method.system.initial_values()
    shear = torch.stack([torch.sin(2 * nodes_y), 0.3 + torch.cos(nodes_x)])
    together = method.evolve(torch.stack([eddies, shear]))
    assert together.shape == (2, 3, 2, 16, 16)
    torch.testing.assert_close(together[1], method.evolve(shear[None])[0], rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match=r"a share 0\.\d+ of the initial velocity is a gradient"):
        method.evolve(torch.stack([torch.sin(nodes_x), torch.cos(nodes_x)])[None])


def test_flows_that_the_projection_cannot_take_are_refused_in_words():
    equations, exact = in_fluxes((u2, v2), p2, PLANE, 1), EDDY | {p2: sp.S.Zero}
    cases = {
        "the divergence of .* zero": [*equations[:2], equations[2] - sp.sin(x)],
        "not the pressure of an incompressible flow": [equations[0] + sp.sin(x) * D(p2, x), *equations[1:]],
    }
    for words, changed in cases.items():
        with pytest.raises(UnsupportedProblem, match=words):
            Etdrk4().compile(flow(changed, (u2, v2, p2), exact))
    leaking = flow(equations, (u2, v2, p2), exact | {v2: sp.cos(x) * sp.sin(y)})
    with pytest.raises(UnsupportedProblem, match=r"has the divergence .*, up to 1\.\d+ in size"):
        Etdrk4().compile(leaking)


# -- what holds for every equation --------------------------------------------------------------------------

QUICK = settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
NUMBERS = st.floats(-0.5, 0.5)


def evolved(equation, states, points=32):
    """Nodal values at the end of a short time, for many initial states `(batch, n_1, …)`."""
    (u,) = equation.atoms(sp.core.function.AppliedUndef)
    space = u.args[1:]
    box = Box({t: (0, 0.1)} | dict.fromkeys(space, (0, 2 * sp.pi)), periodic=space)
    method = Etdrk4(points=points, steps=10, snapshots=1).compile(
        Problem("any", [equation], [u], box, [initial(u, 0)], t)
    )
    return method.evolve(states[:, None])[:, -1, 0]


def waves(numbers, shape):
    """A smooth state on each grid from a few numbers."""
    nodes = torch.meshgrid(*(2 * np.pi / n * torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij")
    phases = [sum((k + i) * axis for i, axis in enumerate(nodes)) for k in (1, 2)]
    a, b, c, d = numbers
    return (
        0.3 + a * torch.sin(phases[0]) + b * torch.cos(phases[0]) + c * torch.sin(phases[1]) + d * torch.cos(phases[1])
    )


@QUICK
@given(st.data())
def test_the_mean_is_kept_whatever_the_fluxes_are(data):
    u = sp.Function("u")(t, x, y)
    numbers = [sp.Float(data.draw(NUMBERS)) for _ in range(6)]
    kinds = [u**2, sp.sin(u), sp.sin(x + y) * u, u * D(u, y) / 20, sp.cos(y - t), D(u, x, 2)]
    fluxes = [sp.Add(*(c * data.draw(st.sampled_from(kinds)) for c in numbers[i::2])) for i in (0, 1)]
    equation = D(u, t) - laplacian(u, (x, y)) / 2
    equation += sp.Add(*(D(f, c) for f, c in zip(fluxes, (x, y), strict=True) if c in f.free_symbols))
    state = waves(data.draw(st.tuples(*[NUMBERS] * 4)), (16, 16))[None]
    end = evolved(equation, state, 16)
    torch.testing.assert_close(end.mean(), state.mean(), rtol=0, atol=1e-13)
    assert torch.isfinite(end).all()


@QUICK
@given(st.data())
def test_shifting_the_initial_state_shifts_the_answer(data):
    u = sp.Function("u")(t, x)
    numbers = [sp.Float(data.draw(NUMBERS)) for _ in range(3)]
    kinds = [u**3, u * D(u, x), D(u, x) ** 2, sp.exp(u), D(u, x, 3), u * D(u, x, 2) / 10]
    equation = D(u, t) - D(u, x, 2) + sp.Add(*(c * data.draw(st.sampled_from(kinds)) for c in numbers))
    state, by = waves(data.draw(st.tuples(*[NUMBERS] * 4)), (32,)), data.draw(st.integers(1, 31))
    end = evolved(equation, torch.stack([state, state.roll(by)]))
    torch.testing.assert_close(end[1], end[0].roll(by), rtol=0, atol=1e-11)


@QUICK
@given(st.data())
def test_linear_equations_superpose(data):
    u = sp.Function("u")(t, x)
    numbers = [sp.Float(data.draw(NUMBERS)) for _ in range(3)]
    kinds = [
        sp.sin(x) * u,
        D(sp.cos(x) * u, x),
        D(u, x, 3),
        u,
        sp.cos(t) * D(u, x),
        D((1 + sp.sin(x) / 2) * D(u, x), x),
    ]
    equation = D(u, t) - D(u, x, 2) + sp.Add(*(c * data.draw(st.sampled_from(kinds)) for c in numbers)) / 4
    a, b = (waves(data.draw(st.tuples(*[NUMBERS] * 4)), (32,)) for _ in range(2))
    end = evolved(equation, torch.stack([a, b, 2 * a - 3 * b]))
    torch.testing.assert_close(end[2], 2 * end[0] - 3 * end[1], rtol=0, atol=1e-12)
