"""The split into a symbol and a pointwise rest, by hand and against a slow reading of the declaration."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pinnlab import Box, D, Etdrk4, Problem, UnsupportedProblem, div, initial, initial_rate, laplacian, parameter
from pinnlab.forms.jet import Jet
from pinnlab.forms.rates import Rates
from pinnlab.forms.spectral import Projection, SpectralForm

t, x, y = sp.symbols("t x y", real=True)
u1, v1 = (sp.Function(name)(t, x) for name in "uv")
u2, v2 = (sp.Function(name)(t, x, y) for name in "uv")


def on_circle(equations, unknowns=(u1,), conditions=None):
    box = Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x])
    return Problem("any", equations, unknowns, box, conditions or [initial(u, 0) for u in unknowns], t)


def on_torus(equations, unknowns=(u2,), evolving=None):
    box = Box({t: (0, 1), x: (0, 2 * sp.pi), y: (0, 4 * sp.pi)}, periodic=[x, y])
    return Problem("any", equations, unknowns, box, [initial(u, 0) for u in evolving or unknowns], t)


def terms(form):
    return {(n.state, n.orders): (n.factor, n.expression) for n in form.nonlinear}


U, UX = Jet("u", (0, 0)).symbol, Jet("u", (0, 1)).symbol


def test_burgers_by_hand(shipped):
    form = SpectralForm.of(shipped["burgers_periodic"])
    assert form.states == (Jet("u", (0, 0)),)
    assert form.linear == ({Jet("u", (0, 2)): 0.05},)
    assert terms(form) == {(0, (1,)): (-1.0, U**2 / 2)}
    assert (form.slaved, form.constraints, form.sources) == ((), (), ())
    assert form.symbols == (U,)


def test_korteweg_de_vries_by_hand(shipped):
    form = SpectralForm.of(shipped["kdv_soliton"])
    assert form.linear == ({Jet("u", (0, 3)): -1},)
    assert terms(form) == {(0, (1,)): (-1.0, 3 * U**2)}


def test_kuramoto_sivashinsky_by_hand(shipped):
    form = SpectralForm.of(shipped["kuramoto_sivashinsky"])
    assert form.linear == ({Jet("u", (0, 2)): -0.5, Jet("u", (0, 4)): -0.005},)
    assert terms(form) == {(0, (1,)): (-1.0, 5 * U**2 / 2)}


def test_a_product_that_is_no_flux_stays_one():
    form = SpectralForm.of(on_circle([2 * D(u1, t) + u1 * D(u1, x) + 6 * u1]))
    assert form.linear == ({Jet("u", (0, 0)): -3},)
    assert terms(form) == {(0, (0,)): (-0.5, U * UX)}


def test_the_wave_equation_is_a_system_by_hand():
    c = parameter("c", 2)
    problem = on_circle([D(u1, t, 2) - c**2 * D(u1, x, 2) + u1**3], (u1,), [initial(u1, 0), initial_rate(u1, 0)])
    form = SpectralForm.of(problem)
    assert form.states == (Jet("u", (0, 0)), Jet("u", (1, 0)))
    assert form.linear == ({Jet("u", (1, 0)): 1}, {Jet("u", (0, 2)): 4})
    assert terms(form) == {(1, (0,)): (1.0, -(U**3))}


def test_vorticity_by_hand(shipped):
    form = SpectralForm.of(shipped["navier_stokes_vorticity"])
    w, px, py = (Jet(*j).symbol for j in (("w", (0, 0, 0)), ("psi", (0, 1, 0)), ("psi", (0, 0, 1))))
    assert form.linear == ({Jet("w", (0, 2, 0)): 0.01, Jet("w", (0, 0, 2)): 0.01},)
    assert terms(form) == {(0, (1, 0)): (-1.0, py * w), (0, (0, 1)): (-1.0, -px * w)}
    assert form.slaved == ("psi",)
    assert form.constraints == ({Jet("psi", (0, 2, 0)): 1, Jet("psi", (0, 0, 2)): 1, Jet("w", (0, 0, 0)): 1},)
    assert form.sources == (0,)


def test_forcing_and_variable_coefficients_belong_to_the_rest():
    form = SpectralForm.of(on_circle([D(u1, t) - sp.sin(x) * u1 - t * D(u1, x, 2) - sp.cos(x)]))
    assert form.linear == ({},)
    assert {n.orders for n in form.nonlinear} <= {(0,), (1,)}
    assert form.symbols == (U, UX)


def test_symbols_of_the_linear_part_by_hand(shipped):
    # At the wavenumber k: Burgers -nu k², Korteweg-de Vries i k³, Kuramoto-Sivashinsky beta k² - gamma k⁴.
    cases = {
        "burgers_periodic": lambda k: -0.05 * k**2,
        "kdv_soliton": lambda k: 1j * k**3,
        "kuramoto_sivashinsky": lambda k: 0.5 * k**2 - 0.005 * k**4,
    }
    for name, symbol in cases.items():
        problem = shipped[name]
        (low, high) = problem.region.bounds[problem.space[0]]
        k = 2 * np.pi / (high - low) * np.arange(5)
        found = Etdrk4(points=16).compile(problem).system.symbol.values[0].numpy()[:5]
        np.testing.assert_allclose(found, symbol(k), rtol=1e-14)


def test_the_symbol_of_the_wave_equation_by_hand():
    problem = on_circle([D(u1, t, 2) - 4 * D(u1, x, 2)], (u1,), [initial(u1, 0), initial_rate(u1, 0)])
    found = Etdrk4(points=16).compile(problem).system.symbol.values.numpy()
    np.testing.assert_allclose(found[:, :, 3], [[0, 1], [-36, 0]])


def test_a_constraint_that_is_not_linear_with_constant_coefficients_is_refused():
    for constraint in (laplacian(v2, (x, y)) + v2**3 - u2, sp.sin(x) * v2 - u2):
        with pytest.raises(UnsupportedProblem, match="cannot be solved mode by mode"):
            SpectralForm.of(on_torus([D(u2, t) + v2, constraint], (u2, v2), (u2,)))


def test_incompressible_flow_by_hand(shipped):
    form = SpectralForm.of(shipped["taylor_green_2d"])
    u, v = (Jet(name, (0, 0, 0)) for name in "uv")
    assert form.states == (u, v)
    assert form.linear[0] == {Jet("u", (0, 2, 0)): 0.1, Jet("u", (0, 0, 2)): 0.1}
    assert terms(form) == {
        (0, (1, 0)): (-1.0, u.symbol**2),
        (0, (0, 1)): (-1.0, u.symbol * v.symbol),
        (1, (1, 0)): (-1.0, u.symbol * v.symbol),
        (1, (0, 1)): (-1.0, v.symbol**2),
    }
    assert form.projection == Projection((0, 1), "p", 1.0)
    assert (form.slaved, form.constraints, form.sources) == ((), (), ())


def test_products_that_several_terms_share_are_listed_once(shipped):
    # The six products of three components, and three transforms there.
    form = SpectralForm.of(shipped["taylor_green_3d"])
    assert len(form.nonlinear) == 9
    assert len(form.products) == 6
    assert len(form.symbols) == 3


def test_the_projection_knows_the_order_of_space_and_the_density():
    p2 = sp.Function("p")(t, x, y)
    rho = parameter("rho", 4)
    equations = [
        laplacian(u2, (x, y)) - rho * D(u2, t) - D(p2, y),
        D(v2, x) + D(u2, y),
        rho * D(v2, t) + D(p2, x) - laplacian(v2, (x, y)),
    ]
    form = SpectralForm.of(on_torus(equations, (p2, u2, v2), (u2, v2)))
    assert [s.field for s in form.states] == ["u", "v"]
    assert form.projection == Projection((1, 0), "p", 0.25)
    assert form.linear[1] == {Jet("v", (0, 2, 0)): 0.25, Jet("v", (0, 0, 2)): 0.25}


def test_rates_of_products_by_hand():
    form = SpectralForm.of(on_circle([D(u1, t) + D(sp.sin(t) * u1**2, x) + u1 * D(u1, x)]))
    rates = dict(zip(form.symbols, form.rate_symbols, strict=True))
    found = dict(zip(form.products, form.product_rates(t), strict=True))
    assert sp.expand(found[U * UX] - rates[U] * UX - U * rates[UX]) == 0
    assert sp.expand(found[U**2 * sp.sin(t)] - 2 * U * rates[U] * sp.sin(t) - U**2 * sp.cos(t)) == 0


def test_an_unknown_that_nothing_determines_is_refused():
    q2 = sp.Function("q")(t, x, y)
    with pytest.raises(UnsupportedProblem, match="no equation without a time derivative determines q"):
        SpectralForm.of(on_torus([D(u2, t) + D(q2, x), laplacian(u2, (x, y))], (u2, q2), (u2,)))


def test_a_pressure_in_the_rate_of_a_temperature_is_refused():
    p2, heat = (sp.Function(name)(t, x, y) for name in ("p", "heat"))
    equations = [D(u2, t) + D(p2, x), D(v2, t) + D(p2, y), D(u2, x) + D(v2, y), D(heat, t) + D(u2, t)]
    with pytest.raises(UnsupportedProblem, match="the pressure p enters the rate of heat"):
        SpectralForm.of(on_torus(equations, (u2, v2, p2, heat), (u2, v2, heat)))


# -- N + L against a slow interpreter of the declaration ----------------------------------------------------

TIME = 0.3


def smooth(problem, seed):
    """One random trigonometric polynomial per state, of low degree, as an expression."""
    rng = np.random.default_rng(seed)
    phases = [2 * sp.pi / sp.nsimplify(high - low, [sp.pi]) * c for c, (low, high) in problem.region.bounds.items()]
    out = []
    for _ in Rates.of(problem).states:
        modes = rng.integers(0, 3, (3, len(phases)))
        waves = (
            sp.Float(rng.uniform(0.2, 0.6))
            * sp.sin(sum(int(m) * p for m, p in zip(row, phases, strict=True)) + sp.Float(rng.uniform(0, 6)))
            for row in modes
        )
        out.append(sp.Float(rng.uniform(0.5, 1)) + sp.Add(*waves))
    return out


def slow_rates(problem, fields, nodes):
    """The rates by plain sympy: the time derivatives are solved for after the fields have been put in."""
    states = Rates.of(problem).states
    highest = {s.field: s for s in states}
    polynomial = {}
    for s, f in zip(states, fields, strict=True):
        polynomial.setdefault(s.field, []).append(f)
    marks = {name: sp.Symbol(f"rate_{name}") for name in highest}
    tau = problem.time
    table = {}
    for u in problem.unknowns:
        name = u.func.__name__
        series = [*polynomial[name], marks[name]]
        table[u] = sum(f * (tau - TIME) ** k / sp.factorial(k) for k, f in enumerate(series))
    residuals = [
        e.xreplace({p: p.value for p in problem.parameters}).xreplace(table).doit().subs(tau, TIME)
        for e in problem.equations
    ]
    matrix, data = sp.linear_eq_to_matrix(residuals, list(marks.values()))
    functions = [sp.lambdify(problem.space, list(m), "numpy") for m in (matrix, data)]
    numbers = [
        np.stack([np.broadcast_to(c, nodes[0].shape).astype(float) for c in f(*nodes)], axis=-1) for f in functions
    ]
    m = len(marks)
    solved = np.linalg.solve(numbers[0].reshape(*nodes[0].shape, m, m), numbers[1].reshape(*nodes[0].shape, m, 1))[
        ..., 0
    ]
    named = dict(zip(marks, np.moveaxis(solved, -1, 0), strict=True))
    out = []
    for i, s in enumerate(states):
        if s == highest[s.field]:
            out.append(named[s.field])
        else:
            out.append(np.broadcast_to(sp.lambdify(problem.space, fields[i + 1], "numpy")(*nodes), nodes[0].shape))
    return np.stack(out)


def fast_rates(problem, fields, points):
    system = Etdrk4(points=points).compile(problem).system
    nodes = [n.numpy() for n in system.nodes]
    values = np.stack([np.broadcast_to(sp.lambdify(problem.space, f, "numpy")(*nodes), nodes[0].shape) for f in fields])
    modes = system.modes.forward(torch.as_tensor(values)[None])
    return system.modes.backward(system.rate(modes, TIME))[0].numpy(), nodes


def gap(problem, points, seed=0):
    fields = smooth(problem, seed)
    fast, nodes = fast_rates(problem, fields, points)
    slow = slow_rates(problem, fields, nodes)
    return np.abs(fast - slow).max() / (1 + np.abs(slow).max())


k = parameter("k", sp.Rational(3, 2))
CASES = {
    "fluxes": on_circle([D(u1, t) + D(u1**3 / 3 - k * D(u1, x), x) - sp.cos(x) * sp.exp(-t)]),
    "mass": on_circle([3 * D(u1, t) + D(u1**2 + u1, x) + k * D(u1, x, 4)]),
    "variable mass": on_circle([(2 + sp.cos(x)) * D(u1, t) + D(u1, x, 2) * u1 + u1]),
    "variable flux": on_circle([D(u1, t) + D(sp.sin(x) * u1, x) + k * u1]),
    "cancelling flux and source": on_circle([D(u1, t) + D(sp.sin(x) * u1, x) - sp.cos(x) * u1 + u1]),
    "flux and source in one unknown": on_circle([D(u1, t) + D((1 + sp.sin(x)) * D(u1, x), x) + (2 - t) * u1]),
    "no divergence form": on_circle([D(u1, t) + u1 * D(u1, x) + D(u1, x, 3)]),
    "klein gordon": on_circle(
        [D(u1, t, 2) - 4 * D(u1, x, 2) + k * D(u1, t) + u1**3], (u1,), [initial(u1, 0), initial_rate(u1, 0)]
    ),
    "coupled rates": on_circle([D(u1, t) + D(v1, t) - D(u1, x, 2) + v1**2, D(u1, t) - D(v1, t) + u1 * v1], (u1, v1)),
    "system": on_circle([D(u1, t) - D(u1 * v1, x) + v1, D(v1, t) - D(v1, x, 2) / 5 - k * u1 + u1 * v1], (u1, v1)),
    "swapped equations": on_circle([D(v1, t) + D(u1**2, x) + 2 * u1, D(u1, t) + 3 * v1], (u1, v1)),
    "plane": on_torus([D(u2, t) + div((u2**2 / 2, sp.sin(y / 2) * u2), (x, y)) - laplacian(u2, (x, y)) / 7]),
    "plane system": on_torus(
        [D(u2, t) + u2 * D(u2, x) + v2 * D(u2, y) - D(D(u2, x), y), D(v2, t) + D(u2 * v2, y) + laplacian(v2, (x, y))],
        (u2, v2),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rates_equal_those_of_a_slow_interpreter(name):
    assert gap(CASES[name], 96 if len(CASES[name].space) == 1 else (32, 32)) < 1e-9


def test_rates_of_shipped_problems_equal_those_of_a_slow_interpreter(shipped):
    for name in ("burgers_periodic", "kdv_soliton", "kuramoto_sivashinsky", "advection"):
        assert gap(shipped[name], 48) < 1e-9, name


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.data())
def test_rates_of_random_flux_forms_equal_those_of_a_slow_interpreter(data):
    draw = data.draw
    coefficient = st.sampled_from([1, -2, sp.Rational(1, 3), sp.sin(x), 1 + sp.cos(x), sp.exp(-t), 2 - sp.sin(x) * t])
    factor = st.sampled_from([u1, v1, D(u1, x), D(v1, x), u1**2, u1 * v1, D(u1, x, 2), sp.S.One])

    def combination():
        return sp.Add(*(draw(coefficient) * draw(factor) for _ in range(draw(st.integers(1, 3)))))

    def flux():
        found = combination()
        return D(found, x) if x in found.free_symbols else sp.S.Zero

    mass = draw(st.sampled_from([1, 2, 2 + sp.cos(x)]))
    problem = on_circle([mass * D(u1, t) + flux() + combination(), D(v1, t) + flux() + combination()], (u1, v1))
    assert gap(problem, 64, draw(st.integers(0, 9))) < 1e-9
