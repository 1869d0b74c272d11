from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from pinnlab import Problem
from pinnlab.exact import cole_hopf
from pinnlab.forms.balance_law import BalanceLaw
from pinnlab.forms.evaluate import on_points
from pinnlab.forms.jet import to_jets
from pinnlab.symbols import NormalDerivative, OutwardFlux, Rate, normal, with_values

PROBLEMS = Path(__file__).parents[1] / "problems"
NAMES = sorted(path.stem for path in PROBLEMS.glob("*.py"))
EXPECTED = {
    *("burgers", "burgers_periodic", "heat", "advection", "wave", "allen_cahn", "kdv_soliton"),
    *("kuramoto_sivashinsky", "reaction_diffusion", "navier_stokes_vorticity", "poisson_1d", "poisson_2d"),
    *("helmholtz_2d", "lorenz", "lotka_volterra", "van_der_pol", "robertson", "three_body", "brusselator"),
    *("inviscid_burgers", "buckley_leverett", "sod", "shu_osher", "dam_break", "dam_break_2d", "euler_riemann_2d"),
    *("porous_medium", "poisson_l_shape", "poisson_plate", "poisson_quasilinear", "cooks_membrane", "heat_part"),
    *("stokes_cylinder", "navier_stokes_cylinder", "lid_driven_cavity", "taylor_green_2d", "taylor_green_3d"),
    *("kolmogorov_flow", "kdv", "klein_gordon", "sine_gordon", "poisson_2d_multiscale", "poisson_5d", "poisson_10d"),
    *("heat_2d", "kovasznay", "elasticity_plate", "kuramoto_sivashinsky_chaotic", "convection_diffusion"),
    *("burgers_transport", "decaying_turbulence", "schroedinger", "schroedinger_linear", "rotating_cone"),
    *("poisson_hf_1", "poisson_hf_2", "poisson_hf_3", "poisson_hf_4", "poisson_hf_5", "poisson_hf_2d_1"),
    *("poisson_hf_2d_2", "allen_cahn_steady_1", "allen_cahn_steady_2", "allen_cahn_steady_2d", "advection_fast"),
    *("nonlinear_elliptic", "nonlinear_elliptic_rough", "burgers_smooth", "eikonal", "heat_line", "wave_2d"),
    *("maxwell", "maxwell_2d", "elasticity_square"),
}


def lambdified(expressions, arguments):
    """An evaluation that shares no code with pinnlab's own."""
    function = sp.lambdify(arguments, list(expressions), modules=["numpy", "scipy"])
    return lambda columns: [np.broadcast_to(c, len(columns[0])) for c in function(*columns)]


def on_exact(expression, problem):
    """An equation or condition with the exact solution put in, by plain sympy."""
    table = dict(zip(problem.unknowns, problem.exact_expressions, strict=True))
    expression = with_values(expression)
    for node in expression.atoms(NormalDerivative):
        value = sum(normal(c) * sp.diff(table[node.args[0]], c) for c in problem.space)
        expression = expression.xreplace({node: value})
    for node in expression.atoms(OutwardFlux):
        row = BalanceLaw.of(problem).flux[problem.unknowns.index(node.args[0])]
        value = sp.Add(*(normal(c) * with_values(f) for c, f in zip(problem.space, row, strict=True)))
        expression = expression.xreplace({node: value})
    for node in expression.atoms(Rate):
        expression = expression.xreplace({node: sp.diff(table[node.args[0]], problem.time)})
    return expression.xreplace(table).doit()


def with_expressions(shipped):
    return [p for p in shipped.values() if p.exact_expressions is not None]


def with_callables(shipped):
    return [p for p in shipped.values() if p.reference is not None and p.exact_expressions is None]


def test_all_promised_problems_are_there():
    assert set(NAMES) >= EXPECTED


@pytest.mark.parametrize("name", NAMES)
def test_a_problem_is_named_after_its_file_and_cites_its_source(name, shipped_modules):
    module = shipped_modules[name]
    assert isinstance(module.problem, Problem)
    assert module.problem.name == name
    assert len(module.__doc__.splitlines()[0]) > 20
    assert re.search(r"^\[1\] .*?\(?\d{4}\)", module.__doc__, re.MULTILINE | re.DOTALL)
    assert re.search(r"\(?(18|19|20)\d\d\)", module.problem.citation)
    surname = module.problem.citation.split(",")[0].removesuffix(" et al.").split()[-1]
    assert surname in module.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_a_problem_imports_the_language_and_nothing_else(name):
    tree = ast.parse((PROBLEMS / f"{name}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {a.name for a in node.names} <= {"sympy", "numpy", "pathlib"}
        if isinstance(node, ast.ImportFrom):
            assert node.module in ("pinnlab", "pinnlab.exact", "pathlib")


@pytest.mark.parametrize("name", NAMES)
def test_a_problem_is_declared_without_a_warning(name, shipped):
    text = shipped[name].to_json()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Problem.from_json(text)


def test_the_settings_are_those_of_the_literature(shipped):
    value = {(n, p.name): float(p.value) for n, problem in shipped.items() for p in problem.parameters}
    assert value["burgers", "nu"] == pytest.approx(0.01 / np.pi, rel=1e-15)
    assert value["burgers_periodic", "nu"] == 0.05
    assert value["wave", "c"] == 2
    assert value["kdv", "delta"] == 0.022
    assert value["kovasznay", "nu"] == 1 / 40
    assert value["sine_gordon", "omega"] == 0.6
    assert value["helmholtz_2d", "k"] == 1
    assert value["lid_driven_cavity", "nu"] == 0.01
    assert [value["elasticity_plate", n] for n in ("E", "nu")] == [1, 0.3]
    assert value["advection", "c"] == 30
    assert value["allen_cahn", "kappa"] == 1e-4
    assert [value["kuramoto_sivashinsky", n] for n in ("alpha", "beta", "gamma")] == [5, 0.5, 0.005]
    chaotic = [value["kuramoto_sivashinsky_chaotic", n] for n in ("alpha", "beta", "gamma")]
    assert chaotic == [100 / 16, 100 / 16**2, 100 / 16**4]
    assert [value["convection_diffusion", n] for n in ("c", "nu")] == [30, 0.01]
    assert value["burgers_transport", "nu"] == value["decaying_turbulence", "nu"] == 0.01
    assert [value["lorenz", n] for n in ("sigma", "rho", "beta")] == [10, 28, pytest.approx(8 / 3)]
    assert [value["navier_stokes_vorticity", n] for n in ("nu", "rho", "delta")] == pytest.approx(
        [0.01, np.pi / 15, 0.05], rel=1e-15
    )
    assert [value["reaction_diffusion", n] for n in ("Du", "Dv", "k")] == [1e-3, 5e-3, 5e-3]
    assert value["advection_fast", "beta"] == 200
    assert [value["burgers_smooth", "nu"], value["eikonal", "eps"]] == [0.02, 0.1]
    fast = {"1": 100, "4": 200, "5": 500, "2d_1": 100}
    assert {n: value[f"poisson_hf_{n}", "omega"] for n in fast} == fast
    pairs = {"poisson_hf_2": [20, 100], "poisson_hf_3": [6, 100], "poisson_hf_2d_2": [6, 20]}
    pairs |= {"allen_cahn_steady_2": [6, 100], "allen_cahn_steady_2d": [20, 100]}
    assert {n: [value[n, "omega_1"], value[n, "omega_2"]] for n in pairs} == pairs
    ends = {n: p.interval.end for n, p in shipped.items() if p.interval}
    assert ends.pop("lorenz") == 20
    assert [ends.pop(n) for n in ("sine_gordon", "heat_2d", "heat_line", "wave_2d")] == [5, 5, 5, 3]
    carried = {"kuramoto_sivashinsky_chaotic": 0.5, "burgers_transport": 1.5, "decaying_turbulence": 0.2}
    for name, end in (carried | {"schroedinger": np.pi / 2}).items():
        assert ends.pop(name) == end
    shocks = {"sod": 0.2, "shu_osher": 1.8, "dam_break": 2, "dam_break_2d": 1.5, "euler_riemann_2d": 0.3}
    for name, end in (shocks | {"porous_medium": 2}).items():
        assert ends.pop(name) == end
    assert [value["inviscid_burgers", n] for n in ("alpha", "beta")] == [1, 0.5]
    assert {value[n, "gamma"] for n in ("sod", "shu_osher", "euler_riemann_2d")} == {1.4}
    assert value["buckley_leverett", "M"] == 0.5
    dynamics = {"lotka_volterra": 20, "brusselator": 20, "van_der_pol": 3000, "three_body": 6.32591398}
    for name, end in dynamics.items():
        assert ends.pop(name) == end
    assert 1e-6 * np.expm1(ends.pop("robertson")) == pytest.approx(1e11, rel=1e-13)
    assert [value["robertson", n] for n in ("k1", "k2", "k3")] == [0.04, 3e7, 1e4]
    assert value["van_der_pol", "mu"] == 1000
    assert [value["brusselator", n] for n in "AB"] == [1, 3]
    assert set(ends.values()) == {1.0}


def test_exact_expressions_satisfy_every_equation(shipped):
    problems = with_expressions(shipped)
    assert {p.name for p in problems} >= {
        *("heat", "wave", "advection", "kdv_soliton", "poisson_1d", "helmholtz_2d"),
        *("klein_gordon", "sine_gordon", "poisson_2d_multiscale", "poisson_5d", "poisson_10d", "heat_2d"),
        *("kovasznay", "elasticity_plate", "convection_diffusion", "schroedinger_linear", "rotating_cone"),
        *("poisson_hf_1", "poisson_hf_2d_2", "allen_cahn_steady_2d", "maxwell", "elasticity_square", "heat_line"),
    }
    for problem in problems:
        points = problem.spacetime.sample(200, np.random.default_rng(1))
        # Every summand apart, so that "zero" has a scale.
        for equation in problem.equations:
            terms = [on_exact(e, problem) for e in sp.Add.make_args(equation)]
            values = np.array(lambdified(terms, problem.coordinates)(points.T))
            assert np.abs(values.sum(axis=0)).max() <= 1e-12 * np.abs(values).max(), problem.name


def test_exact_expressions_satisfy_every_condition(shipped):
    for problem in with_expressions(shipped):
        for condition in problem.conditions:
            residual = on_exact(condition.residual, problem)
            arguments = [*problem.coordinates, *(normal(c) for c in problem.space)]
            for piece in problem.pieces_of(condition):
                points, normals = problem.spacetime.sample_piece(piece, 50, np.random.default_rng(2))
                columns = [*points.T, *normals.T[-len(problem.space) :]]
                (values,) = lambdified([residual], arguments)(columns)
                assert np.abs(values).max() < 1e-13, (problem.name, piece)


def test_exact_solutions_are_periodic_where_the_box_is(shipped):
    for problem in (p for p in shipped.values() if p.reference is not None):
        exact = values_of(problem)
        for c in getattr(problem.region, "periodic", ()):
            points = problem.spacetime.sample(50, np.random.default_rng(3))
            axis = problem.coordinates.index(c)
            low, high = points.copy(), points.copy()
            low[:, axis], high[:, axis] = problem.region.bounds[c]
            np.testing.assert_allclose(exact(low), exact(high), rtol=0, atol=2e-14, err_msg=problem.name)


def values_of(problem):
    if problem.exact_expressions is None:
        return problem.reference
    return on_points(problem.exact_expressions, problem.coordinates)


FIRST = np.array([-1, 9, -45, 0, 45, -9, 1]) / 60
SECOND = np.array([2, -27, 270, -490, 270, -27, 2]) / 180


def differences(exact, points, axis, h):
    """First and second derivative along one axis by centred differences of sixth order."""
    step = np.zeros(points.shape[1])
    step[axis] = h
    stencil = np.array([exact(points + i * step)[:, 0] for i in range(-3, 4)])
    return FIRST @ stencil / h, SECOND @ stencil / h**2


def test_exact_callables_satisfy_burgers_equation(shipped):
    easier = shipped["burgers"].with_parameters(nu=0.01)
    others = (shipped[f"burgers_{n}"] for n in ("periodic", "transport", "smooth"))
    for problem in (shipped["burgers"], easier, *others):
        assert problem.exact_expressions is None
        nu = float(problem.parameters[0].value)
        points = problem.spacetime.sample(400, np.random.default_rng(4))
        points[:, 0] = 0.01 + 0.98 * points[:, 0]
        points[:100, 1] *= 0.02  # a quarter of them in the shock
        u = problem.reference(points)[:, 0]
        u_t, _ = differences(problem.reference, points, 0, 2e-4)
        u_x, u_xx = differences(problem.reference, points, 1, 2e-4)
        residual = u_t + u * u_x - nu * u_xx
        assert np.abs(residual).max() < 2e-6 * np.abs(u * u_x).max(), problem.name


def test_exact_callables_satisfy_every_condition(shipped):
    for problem in with_callables(shipped):
        for condition in (c for c in problem.conditions if not c.residual.has(Rate)):
            (u,) = (u for u in problem.unknowns if condition.residual.has(u))
            column = problem.unknowns.index(u)
            data = on_points([with_values(u - condition.residual)], problem.coordinates)
            for piece in problem.pieces_of(condition):
                points, _ = problem.spacetime.sample_piece(piece, 100, np.random.default_rng(5))
                values = problem.reference(points)[:, [column]]
                np.testing.assert_allclose(values, data(points), rtol=0, atol=1e-13)


def test_exact_solutions_conserve_what_is_declared(shipped):
    conserving = (p for p in shipped.values() if p.conserved and p.reference is not None)
    # Sums over nodes are totals to rounding where the solution is smooth and periodic.
    smooth = (p for p in conserving if len(p.space) == 1 and p.name != "inviscid_burgers")
    problems = [p for p in smooth if set(p.space) == p.region.periodic]
    assert {p.name for p in problems} >= {"burgers_periodic", "advection", "kdv_soliton", "schroedinger_linear"}
    for problem in problems:
        (c,) = problem.space
        low, high = problem.region.bounds[c]
        x = np.linspace(low, high, 512, endpoint=False)
        states = [values_of(problem)(np.column_stack([np.full_like(x, s), x])).T for s in (0.0, 0.37, 1.0)]
        for name, density in problem.conserved.items():
            values = sp.lambdify(problem.unknowns, with_values(density), "numpy")
            totals = [values(*state).mean() for state in states]
            np.testing.assert_allclose(totals, totals[0], rtol=0, atol=1e-13, err_msg=f"{problem.name} {name}")


@pytest.mark.parametrize("name", ["inviscid_burgers", "sod", "dam_break", "porous_medium"])
def test_exact_solutions_with_shocks_and_fronts_conserve_what_is_declared(name, shipped):
    problem = shipped[name]
    ((low, high),), n = problem.region.bounds.values(), 100_000
    x = low + (high - low) * (np.arange(n) + 0.5) / n
    columns = [problem.unknowns.index(u) for u in problem.conserved.values()]
    interval = problem.interval
    times = interval.start + interval.length * np.array([0.0, 0.37, 1.0])
    totals = [values_of(problem)(np.column_stack([np.full(n, t), x]))[:, columns].mean(axis=0) for t in times]
    np.testing.assert_allclose(totals[1:], [totals[0]] * 2, rtol=2e-5)


def test_densities_that_are_unknowns_have_no_source_and_cannot_leave(shipped):
    checked = set()
    for problem in shipped.values():
        for density in problem.conserved.values():
            # That u u_x is a derivative is for the exact solution to show, above.
            if density not in problem.unknowns or problem.name in ("burgers_transport", "rotating_cone"):
                continue
            law = BalanceLaw.of(problem)
            (row,) = [i for i, mass in enumerate(law.mass) if mass == {density: 1}]
            assert law.source[row] == 0, problem.name
            for piece, (c, _) in problem.region.sides.items():
                crossing = law.flux[row][problem.space.index(c)]
                assert with_values_on(problem, piece, crossing) == 0, (problem.name, piece)
            checked.add(problem.name)
    assert checked >= {"burgers_periodic", "kuramoto_sivashinsky", "navier_stokes_vorticity", "kdv_soliton"}


def test_nothing_crosses_the_wall_around_the_rotating_cone(shipped):
    problem = shipped["rotating_cone"]
    law = BalanceLaw.of(problem)
    assert law.source == (0,)
    points, normals = problem.spacetime.sample_piece("wall", 40, np.random.default_rng(6))
    flux = on_points([f.xreplace({problem.unknowns[0]: 1}) for f in law.flux[0]], problem.coordinates)(points)
    assert np.abs(flux).max() > 6
    assert np.abs((flux * normals[:, -2:]).sum(axis=1)).max() < 1e-13


def with_values_on(problem, piece, expression):
    """An expression with the values that are prescribed on a side put in."""
    table = {}
    for condition in problem.conditions:
        if piece in problem.pieces_of(condition):
            (u,) = (u for u in problem.unknowns if condition.residual.has(u))
            value = with_values(u - condition.residual)
            table[to_jets(u, problem.coordinates)] = value
    return sp.simplify(to_jets(expression, problem.coordinates).subs(table))


def initial_data(problem, unknown):
    (condition,) = [c for c in problem.conditions if c.on == ("initial",) and c.residual.has(unknown)]
    return on_points([with_values(unknown - condition.residual)], problem.coordinates)


def test_the_shear_layer_is_smooth_with_mean_zero_and_the_cited_velocity(shipped):
    problem = shipped["navier_stokes_vorticity"]
    data = initial_data(problem, problem.unknowns[0])
    n = 256
    side = 2 * np.pi * np.arange(n) / n
    x, y = np.meshgrid(side, side, indexing="ij")
    w = data(np.column_stack([np.zeros(n * n), x.ravel(), y.ravel()])).reshape(n, n)
    assert abs(w.mean()) < 1e-14
    modes = np.abs(np.fft.fft2(w)) / n**2
    assert modes[:, n // 2 - 8 : n // 2 + 8].max() < 1e-9
    # w = v_x - u_y with u from E and Shu: u(y) - u(0) is the integral of -w at x = pi/2.
    rho = np.pi / 15
    fine = np.linspace(0, 2 * np.pi, 20_001)
    column = data(np.column_stack([0 * fine, 0 * fine + np.pi / 2, fine]))[:, 0]
    velocity = -np.concatenate([[0], np.cumsum((column[1:] + column[:-1]) / 2)]) * (fine[1] - fine[0])
    for height in (np.pi / 2, 0.9 * np.pi, 1.6 * np.pi):
        cited = np.tanh((height - np.pi / 2) / rho) if height <= np.pi else np.tanh((1.5 * np.pi - height) / rho)
        found = np.interp(height, fine, velocity)
        assert found == pytest.approx(cited + 1, abs=1e-5)


def test_the_initial_state_of_reaction_diffusion_meets_its_boundary_conditions(shipped):
    problem = shipped["reaction_diffusion"]
    for u in problem.unknowns:
        (condition,) = [c for c in problem.conditions if c.on == ("initial",) and c.residual.has(u)]
        g = u - condition.residual
        for c in problem.space:
            for end in problem.region.bounds[c]:
                assert sp.simplify(sp.diff(g, c).subs(c, sp.Integer(int(end)))) == 0


def test_the_tails_of_the_soliton_are_below_rounding_at_the_ends_of_its_box(shipped):
    problem = shipped["kdv_soliton"]
    exact = values_of(problem)
    times = np.linspace(0, 1, 11)
    for end in problem.region.bounds[problem.space[0]]:
        assert exact(np.column_stack([times, np.full(11, end)])).max() < 1e-14


def test_the_exact_solution_of_burgers_follows_the_viscosity(shipped):
    easier = shipped["burgers"].with_parameters(nu=0.01)
    points = np.array([[0.0, 0.3], [0.5, 0.1], [1.0, -0.01]])
    expected = cole_hopf(points, viscosity=0.01, amplitude=-1.0, wavenumber=np.pi)
    np.testing.assert_allclose(easier.reference(points), expected, rtol=1e-14)
    assert np.abs(easier.reference(points) - shipped["burgers"].reference(points)).max() > 0.1


def test_the_finest_scale_of_the_multiscale_problem_dominates_its_source(shipped):
    # (1/4) Σ sin² at x = y = 1/32: sines of pi/8, pi/4, 3 pi/8 and pi/2.
    problem = shipped["poisson_2d_multiscale"]
    assert values_of(problem)(np.array([[1 / 32, 1 / 32]]))[0, 0] == pytest.approx((0.5 + 1 + 1) / 4)


def test_the_breather_has_swung_to_the_other_side_at_half_its_period(shipped):
    exact = values_of(shipped["sine_gordon"])
    x = np.linspace(-8, 8, 17)
    start, half = (exact(np.column_stack([0 * x + time, x])) for time in (0.0, np.pi / 0.6))
    np.testing.assert_allclose(half, -start, atol=1e-14)
    # arctan(4/3) = 0.92730.
    assert start[8, 0] == pytest.approx(4 * 0.9272952180016122)


def test_the_wake_of_kovasznay_decays_at_the_rate_of_reynolds_number_40(shipped):
    exact = values_of(shipped["kovasznay"])
    # lambda = 20 - √(400 + 4 pi²) = -0.96374.
    u, v, p = exact(np.array([[1.0, 0.0]]))[0]
    assert u == pytest.approx(1 - np.exp(-0.963740544195769))
    assert v == 0
    assert p == pytest.approx((1 - np.exp(-2 * 0.963740544195769)) / 2)


def test_the_plate_of_elasticity_is_that_of_the_mesh_but_with_round_holes(shipped):
    plate, mesh = shipped["elasticity_plate"].region, shipped["poisson_plate"].region
    points = plate.sample(2_000, np.random.default_rng(0))
    # Chords cut a hole off the mesh by less than it has area.
    assert mesh.contains(points).mean() > 0.99
    assert {*plate.pieces} == {*mesh.pieces}


def values_at_start(problem, grid):
    unknown = problem.unknowns[0]
    columns = [c.ravel() for c in np.meshgrid(*[grid] * len(problem.space), indexing="ij")]
    return initial_data(problem, unknown)(np.column_stack([0 * columns[0], *columns]))[:, 0]


def test_turbulence_starts_with_unit_speed_in_the_ring_of_wavenumbers_that_is_declared(shipped):
    n = 32
    w = values_at_start(shipped["decaying_turbulence"], 2 * np.pi * np.arange(n) / n).reshape(n, n)
    modes = np.abs(np.fft.fft2(w)) / n**2
    k = np.hypot(*np.meshgrid(*[np.fft.fftfreq(n, 1 / n)] * 2))
    ring = (k >= 2) & (k <= 5)
    assert modes[~ring].max() < 1e-14
    # Σ |w_k|² / k² is the mean square of the velocity; a wave's energy goes like exp(-(k - 7/2)²).
    assert ((modes[ring] / k[ring]) ** 2).sum() == pytest.approx(1, abs=1e-4)
    strength = {j: modes[abs(k - j) < 1e-9] / j for j in (2.0, 4.0)}
    assert np.ptp(strength[4.0]) < 1e-4
    assert strength[4.0][0] / strength[2.0][0] == pytest.approx(np.exp(1.0), rel=1e-3)


def test_the_phases_of_the_turbulence_are_the_same_on_every_machine(shipped):
    # From the rounded phases and weights of the file as they came from numpy's PCG64.
    w = values_at_start(shipped["decaying_turbulence"], np.array([0.0, 1.0]))
    start = [3.4797738122733106, 0.6937229537596585, 4.307979807040983, -3.304042316071468]
    np.testing.assert_allclose(w, start, rtol=0, atol=1e-12)


def test_the_chaotic_setting_grows_fastest_at_the_rate_25(shipped):
    alpha, beta, gamma = (float(p.value) for p in shipped["kuramoto_sivashinsky_chaotic"].parameters)
    k = np.arange(32)
    # beta k² - gamma k⁴ at k² = beta / (2 gamma) = 128; k = 16 neither grows nor fades.
    assert (beta * k**2 - gamma * k**4).max() == pytest.approx(25, rel=0.01)
    assert beta * 16**2 == gamma * 16**4
    assert alpha == 6.25


def test_advection_keeps_its_exact_solution_at_every_speed(shipped):
    points = np.array([[0.0, 1.0], [0.3, 2.0], [1.0, 5.0]])
    for c in (50, 80):
        faster = shipped["advection"].with_parameters(c=c)
        expected = np.sin(points[:, 1] - c * points[:, 0])
        np.testing.assert_allclose(values_of(faster)(points)[:, 0], expected, atol=1e-13)
        swept = shipped["convection_diffusion"].with_parameters(c=c)
        faded = np.exp(-0.01 * points[:, 0]) * expected
        np.testing.assert_allclose(values_of(swept)(points)[:, 0], faded, atol=1e-13)


def test_the_packet_of_waves_starts_as_declared_and_travels_with_its_group(shipped):
    exact = values_of(shipped["schroedinger_linear"])
    u, v = exact(np.array([[0.0, 0.0], [0.0, np.pi / 2]])).T
    # cos(pi/4)^16 = 2^-8, times e^(4 pi i) = 1.
    np.testing.assert_allclose(u, [1, 2.0**-8], atol=1e-15)
    np.testing.assert_allclose(v, 0, atol=1e-15)
    x = np.linspace(-np.pi, np.pi, 2001)
    size = (exact(np.column_stack([np.full_like(x, 0.1), x])) ** 2).sum(axis=1)
    assert x[size.argmax()] == pytest.approx(0.8, abs=0.01)


def test_the_cone_is_back_at_its_start_after_one_turn_and_at_most_a_hundredth_high_at_the_wall(shipped):
    problem = shipped["rotating_cone"]
    exact = values_of(problem)
    # A quarter of a turn carries the top from (-1/2, 0) to (0, -1/2); at r = 1/2 the hill is 1/100 high.
    heights = exact(np.array([[0.25, 0.0, -0.5], [0.25, 0.0, 0.0], [0.25, 0.0, -1.0]]))[:, 0]
    np.testing.assert_allclose(heights, [1, 0.01, 0.01], rtol=1e-13)
    points, _ = problem.spacetime.sample_piece("initial", 50, np.random.default_rng(8))
    later = points + np.array([1, 0, 0])
    np.testing.assert_allclose(exact(later), exact(points), atol=1e-13)
    wall, _ = problem.spacetime.sample_piece("wall", 50, np.random.default_rng(9))
    assert exact(wall).max() <= 0.01 + 1e-12


def test_the_frequencies_of_a_manufactured_solution_move_with_its_source(shipped):
    off_grid = {
        "poisson_hf_1": ({"omega": 100.37}, lambda x: np.sin(100.37 * x)),
        "poisson_hf_3": ({"omega_1": 6.31, "omega_2": 100.37}, lambda x: np.sin(6.31 * x) * np.cos(100.37 * x)),
        "poisson_hf_4": ({"omega": 200.37}, lambda x: x * np.sin(200.37 * x)),
    }
    x = np.linspace(0.1, 6.2, 40)
    for name, (values, expected) in off_grid.items():
        moved = shipped[name].with_parameters(**values)
        np.testing.assert_allclose(values_of(moved)(x[:, None])[:, 0], expected(x), rtol=0, atol=1e-12)
        (residual,) = [on_exact(e, moved) for e in moved.equations]
        terms = [lambdified([e], moved.coordinates)([x])[0] for e in sp.Add.make_args(residual)]
        assert np.abs(sum(terms)).max() <= 1e-12 * np.abs(terms).max()


def test_the_exact_membrane_satisfies_the_wave_equation_and_rests_at_the_start(shipped):
    problem = shipped["wave_2d"]
    points = problem.spacetime.sample(200, np.random.default_rng(10))
    points[:, 1:] *= 0.95
    points[:, 0] = 0.1 + 0.9 * points[:, 0]
    seconds = [differences(problem.reference, points, axis, 4e-3)[1] for axis in range(3)]
    assert np.abs(seconds[0] - seconds[1] - seconds[2]).max() < 1e-6 * np.abs(seconds[0]).max()
    points[:, 0] = 0
    rate, _ = differences(problem.reference, points, 0, 4e-3)
    assert np.abs(rate).max() < 1e-12
    # The mirror images weigh exp(-10 1.3²) and less at the top of the bump.
    assert problem.reference(np.array([[0.0, 0.35, 0.25]]))[0, 0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("eps", "h"), [(0.1, 4e-3), (0.01, 4e-4)])
def test_the_exact_solution_of_the_eikonal_equation_follows_its_regularisation(eps, h, shipped):
    exact = shipped["eikonal"].with_parameters(eps=eps).reference
    points = np.random.default_rng(11).uniform(0.1, 0.9, (50, 2))
    (u_x, u_xx), (u_y, u_yy) = (differences(exact, points, axis, h) for axis in range(2))
    assert np.abs(u_x**2 + u_y**2 - 1 - eps * (u_xx + u_yy)).max() < 1e-6


def test_the_fields_of_a_cavity_have_no_divergence(shipped):
    problem = shipped["maxwell"]
    points = problem.spacetime.sample(50, np.random.default_rng(12))
    electric, magnetic = problem.exact_expressions[:3], problem.exact_expressions[3:]
    plane = shipped["maxwell_2d"]
    for field, space in (
        (electric, problem.space),
        (magnetic, problem.space),
        (plane.exact_expressions[1:], plane.space),
    ):
        terms = [sp.diff(f, c) for f, c in zip(field, space, strict=True)]
        values = np.array(lambdified(terms, [problem.time, *space])(points.T[: 1 + len(space)]))
        assert np.abs(values).max() > 1
        assert np.abs(values.sum(axis=0)).max() < 1e-12


def test_the_spreading_cubic_is_the_published_solution(shipped):
    t, x = shipped["heat_line"].spacetime.sample(40, np.random.default_rng(13)).T
    # The formula of the example's code, multiplied out by its authors.
    cubic = 64 * t**3 + 125 * (x - 3) * (x - 1) * (x + 2) - 50 * t * (x - 2) * (13 + 4 * x) + 40 * t**2 * (16 + 5 * x)
    published = np.sqrt(5) * cubic / (np.exp(x**2 / (5 + 4 * t)) * (5 + 4 * t) ** 3.5)
    found = values_of(shipped["heat_line"])(np.column_stack([t, x]))[:, 0]
    np.testing.assert_allclose(found, published, rtol=0, atol=1e-13)


def test_the_modes_left_out_of_the_rough_solution_are_as_small_as_stated(shipped):
    k = np.arange(101, 100_000, dtype=float)
    assert (k**-6).sum() == pytest.approx(2e-11, rel=0.05)
    assert 2 * np.pi**2 * (k**-4).sum() < 7e-6
    problem = shipped["nonlinear_elliptic_rough"]
    # At the centre odd modes alone are left: (1 - 2^-6) ζ(6) with ζ(6) = pi⁶ / 945.
    assert values_of(problem)(np.array([[0.5, 0.5]]))[0, 0] == pytest.approx(63 / 64 * np.pi**6 / 945, abs=1e-11)
