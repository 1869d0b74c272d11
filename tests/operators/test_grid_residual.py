"""Residuals of functions on grids, against those of formulas."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Disk, Problem, TimeInterval, dirichlet, initial, laplacian, neumann, parameter
from pinnlab.condition import Condition
from pinnlab.errors import UnsupportedProblem
from pinnlab.known import known
from pinnlab.operators.grid_residual import GridResidual, initial_values
from pinnlab.random_functions import PeriodicField
from pinnlab.symbols import Rate, unknown_function

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x)
NONE = torch.zeros(1, 0, 1, dtype=torch.float64)


def diffusion():
    """With random diffusivity, sources and initial values on an interval."""
    k, g = parameter("k", 1 + x), parameter("g", x**3)
    law = D(u, t) - D(k * D(u, x), x) + u**2
    sides = [dirichlet(u, 0, on="left"), neumann(u, sp.exp(t), on="right")]
    return Problem("diffusion", [law], [u], TimeInterval(t, 0, 1) * Box({x: (0, 1)}), [initial(u, g), *sides], t)


def on_nodes(expression, times, nodes):
    mesh = np.meshgrid(times, nodes, indexing="ij")
    return np.broadcast_to(sp.lambdify((t, x), expression)(*mesh), mesh[0].shape)


@pytest.mark.parametrize("inputs", [(), ("g", "k")])
def test_residuals_of_polynomials_are_exact_also_with_inputs_from_values(inputs):
    nodes, times = np.linspace(0, 1, 9), np.linspace(0, 1, 7)
    function = x**3 + t**2 * x**3
    residual = GridResidual.of(diffusion(), [nodes], times[1:], inputs)
    frames = torch.from_numpy(on_nodes(function, times[1:], nodes)[None, :, None].copy())
    given = torch.from_numpy(np.stack([nodes**3, 1 + nodes])[None])
    equation, left, right = residual.residuals(residual.values(frames, given), given)
    exact = sp.diff(function, t) - sp.diff((1 + x) * sp.diff(function, x), x) + function**2
    np.testing.assert_allclose(equation[0].numpy(), on_nodes(exact, times, nodes), atol=1e-11)
    np.testing.assert_allclose(left[0, :, 0].numpy(), 0, atol=1e-14)
    np.testing.assert_allclose(right[0, :, 0].numpy(), 3 + 3 * times**2 - np.exp(times), atol=1e-11)


def test_each_sample_has_its_own_inputs():
    nodes, times = np.linspace(0, 1, 9), np.linspace(0, 1, 7)
    residual = GridResidual.of(diffusion(), [nodes], times, ("g", "k"))
    given = torch.from_numpy(np.stack([[nodes, 1 + 0 * nodes], [nodes**2, 3 + 0 * nodes]]))
    values = residual.values(torch.zeros(2, 7, 1, 9), given)
    np.testing.assert_array_equal(values[:, 0, 0].numpy(), given[:, 0].numpy())
    np.testing.assert_array_equal(values[:, 0, 1:].numpy(), 0)
    still = torch.from_numpy(np.tile(nodes**2, (2, 1, 7, 1)))
    # -k u_xx + u² of u = x² for k = 1 and 3.
    found = residual.residuals(still, given)[0][:, 3].numpy()
    np.testing.assert_allclose(found, np.stack([nodes**4 - 2, nodes**4 - 6]), atol=1e-11)


def burgers(nodes, frames):
    """The residual of a manufactured solution of Burgers' equation at its nodes: the error of differences."""
    exact = sp.exp(-t) * sp.sin(2 * sp.pi * x) + sp.cos(4 * sp.pi * (x - t)) / 3
    law = D(u, t) + D(u**2 / 2, x) - D(u, x, 2) / 10
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
    problem = Problem("burgers", [law], [u], domain, [initial(u, 0)], t).manufactured(exact)
    times, axis = np.linspace(0, 1, frames), np.arange(nodes) / nodes
    residual = GridResidual.of(problem, [axis], times)
    values = residual.values(torch.from_numpy(on_nodes(exact, times, axis)[None, :, None].copy()), NONE)
    return float(residual.residuals(values, NONE)[0].abs().max())


def test_a_manufactured_solution_is_met_to_fourth_order_in_time_and_spectrally_in_space():
    errors = [burgers(16, n) for n in (41, 81, 161)]
    assert errors[0] / errors[1] > 12
    assert errors[1] / errors[2] > 13
    # Sines of up to two waves, their squares of up to four, are exact on nine nodes.
    assert burgers(9, 161) == pytest.approx(errors[2], rel=0.1)


def test_a_manufactured_solution_on_a_square_is_met_to_fourth_order():
    v, errors = sp.Function("v")(x, y), []
    box = Box({x: (0, 1), y: (0, 2)})
    problem = Problem("plate", [laplacian(v, (x, y)) - v**3], [v], box, [dirichlet(v, 0)])
    problem = problem.manufactured(sp.sin(2 * x + y))
    for n in (17, 33):
        axes = np.linspace(0, 1, n), np.linspace(0, 2, n)
        residual = GridResidual.of(problem, axes, ())
        mesh = np.meshgrid(*axes, indexing="ij")
        values = residual.values(torch.from_numpy(np.sin(2 * mesh[0] + mesh[1])[None, None, None]), NONE)
        equation, *sides = residual.residuals(values, NONE)
        errors.append(float(equation.abs().max()))
        assert max(float(s.abs().max()) for s in sides) < 1e-12
        assert len(sides) == 4
    assert errors[0] / errors[1] > 12


def test_known_functions_of_a_member_are_evaluated_at_the_nodes():
    field = PeriodicField({x: (0, 1)}, alpha=2, tau=5, modes=3).rvs(random_state=np.random.default_rng(0))
    law = D(u, t) - field.diff(x)
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
    problem = Problem("forced", [law], [u], domain, [initial(u, field)], t)
    axis, times = np.arange(8) / 8, np.linspace(0, 1, 6)
    residual = GridResidual.of(problem, [axis], times)
    at = [[float(e.subs(x, sp.Float(a)).evalf()) for a in axis] for e in (field, field.diff(x))]
    values = residual.values(torch.zeros(1, 6, 1, 8), NONE)
    np.testing.assert_allclose(values[0, 0, 0].numpy(), at[0], atol=1e-12)
    flat = torch.zeros(1, 1, 6, 8, dtype=torch.float64)
    found = residual.residuals(flat, NONE)[0][0].numpy()
    np.testing.assert_allclose(found, np.tile(-np.array(at[1]), (6, 1)), atol=1e-9)


def test_scales_are_of_what_would_be_left_if_nothing_cancelled():
    law, start = D(u, t) - 2 * D(u, x, 2) - 3, parameter("g", 4)
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)})
    problem = Problem("p", [law], [u], domain, [initial(u, start), dirichlet(u, 4)], t)
    axis, times = np.linspace(0, 1, 7), np.linspace(0, 1, 7)
    residual = GridResidual.of(problem, [axis], times, ("g",))
    values = torch.from_numpy(on_nodes(x**2 + 5 * t, times, axis)[None, None].copy())
    size = float(np.sqrt(np.mean(on_nodes(x**2 + 5 * t, times, axis) ** 2)))
    # |u_t| = 5, 2 |u_xx| = 4 and 3; on each wall |u| of all nodes, and 4.
    given = torch.zeros(1, 1, 7, dtype=torch.float64)
    scales = residual.scales(values, given)
    np.testing.assert_allclose(scales.numpy(), [[12, size + 4, size + 4]], rtol=1e-12)
    # 5 - 4 - 3 at all nodes; on the walls 5 t - 4 and 5 t - 3.
    wall = (np.mean((5 * times - 4) ** 2) + np.mean((5 * times - 3) ** 2)) / (size + 4) ** 2
    found = float(residual.relative(values, given, scales, 0.25))
    assert found == pytest.approx(np.sqrt((2 / 12) ** 2 + 0.25 * wall), rel=1e-10)


def test_initial_rates_are_terms_at_the_first_time():
    law = D(u, t, 2) - D(u, x, 2)
    start = [initial(u, sp.sin(2 * sp.pi * x)), Condition(Rate(u) - 2, "initial")]
    problem = Problem("wave", [law], [u], TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x]), start, t)
    axis, times = np.arange(8) / 8, np.linspace(0, 1, 9)
    residual = GridResidual.of(problem, [axis], times[1:])
    function = sp.sin(2 * sp.pi * x) + t**3
    frames = torch.from_numpy(on_nodes(function, times[1:], axis)[None, :, None].copy())
    _, rate = residual.residuals(residual.values(frames, NONE), NONE)
    np.testing.assert_allclose(rate.numpy(), -2 * np.ones((1, 1, 8)), atol=1e-11)
    assert initial_values(problem) == (sp.sin(2 * sp.pi * x),)


def test_what_cannot_be_judged_is_refused_in_words():
    nodes = np.linspace(0, 1, 9)
    with pytest.raises(
        ValueError, match=r"along t, which are the times of frames and the initial one: .* needs 6 nodes"
    ):
        GridResidual.of(diffusion(), [nodes], [0.5, 1.0])
    with pytest.raises(ValueError, match=r"frames from t = 0.5 to 2 are not within 0 to 1"):
        GridResidual.of(diffusion(), [nodes], [0.5, 2.0])
    disk = Problem(
        "d",
        [laplacian(sp.Function("v")(x, y), (x, y))],
        [sp.Function("v")(x, y)],
        Disk({x: 0, y: 0}, 1),
        [dirichlet(sp.Function("v")(x, y), 0)],
    )
    with pytest.raises(UnsupportedProblem, match="space must be a box"):
        GridResidual.of(disk, [nodes, nodes], ())
    law = D(u, t) + unknown_function("f", u)
    open_one = Problem("o", [law], [u], TimeInterval(t, 0, 1) * Box({x: (0, 1)}), [initial(u, 0)], t)
    with pytest.raises(UnsupportedProblem, match="f is unknown"):
        GridResidual.of(open_one, [nodes], np.linspace(0, 1, 9))


def test_an_unknown_without_initial_values_keeps_its_predicted_first_frame():
    p = sp.Function("p")(t, x)
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
    problem = Problem("two", [D(u, t) - p, p - sp.sin(t)], [u, p], domain, [initial(u, 7)], t)
    axis, times = np.arange(6) / 6, np.linspace(0, 1, 6)
    found = GridResidual.of(problem, [axis], times).values(torch.ones(1, 6, 2, 6), NONE)
    np.testing.assert_array_equal(found[0, :, 0, 0].numpy(), [7, 1])
    with pytest.raises(UnsupportedProblem, match="p has no initial value, and its frames begin later"):
        GridResidual.of(problem, [axis], times[1:])


def test_functions_known_by_time_and_place_are_taken_at_both():
    class Source:
        def derivative(self, orders):
            return lambda points: (points[:, :1] * points[:, 1:2]) if not any(orders) else 0 * points[:, :1]

    law = D(u, t) - known("s", Source(), 0, t, x)
    problem = Problem("s", [law], [u], TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x]), [initial(u, 0)], t)
    axis, times = np.arange(6) / 6, np.linspace(0, 1, 6)
    residual = GridResidual.of(problem, [axis], times)
    found = residual.residuals(torch.zeros(1, 1, 6, 6, dtype=torch.float64), NONE)[0][0]
    np.testing.assert_allclose(found.numpy(), -np.outer(times, axis))
