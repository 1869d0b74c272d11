import copy
import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet, initial, parameter
from pinnlab.solve import solve
from pinnlab.solver import Status
from pinnlab.solvers.deepxde_pinn import DeepxdePinn

t, x, y = sp.symbols("t x y", real=True)
TINY = DeepxdePinn(
    width=6,
    depth=2,
    domain_points=40,
    boundary_points=16,
    initial_points=12,
    adam_steps=8,
    lbfgs_steps=8,
    chunk=4,
)
NAMES = [
    "burgers",
    "heat",
    "wave",
    "allen_cahn",
    "kdv_soliton",
    "poisson_1d",
    "poisson_2d",
    "helmholtz_2d",
    "lorenz",
    "reaction_diffusion",
    "navier_stokes_vorticity",
    "kuramoto_sivashinsky",
]


def shipped(name: str) -> Problem:
    path = Path(__file__).parents[2] / "problems" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"shipped_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.problem


def interval_problem(**changes) -> Problem:
    u = sp.Function("u")(x)
    fields = {
        "name": "line",
        "equations": [D(u, x, 2)],
        "unknowns": [u],
        "domain": Box({x: (0, 1)}),
        "conditions": [dirichlet(u, 0, on="left"), dirichlet(u, 0, on="right")],
    }
    return Problem(**(fields | changes))


def error(solution, exact, points) -> float:
    values = solution.field(points)[:, 0]
    truth = exact(*points.T)
    return float(np.linalg.norm(values - truth) / np.linalg.norm(truth))


def flat(state) -> torch.Tensor:
    return torch.cat([p.reshape(-1) for p in state.parameters.values()])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_trains_on_the_shipped_problems(name, dtype):
    problem = shipped(name)
    solution = solve(problem, replace(TINY, adam_steps=2, lbfgs_steps=2, chunk=2, dtype=dtype))
    assert solution.status is Status.DONE
    assert solution.dtype == dtype
    assert solution.history["iterations"].tolist() == [2, 4]
    points = problem.spacetime.sample(5, np.random.default_rng(0))
    orders = [1] + [0] * (len(problem.coordinates) - 1)
    for field in (solution.field, solution.field.derivative(orders)):
        values = field(points)
        assert values.shape == (5, len(problem.unknowns))
        assert values.dtype == np.float64
        assert np.isfinite(values).all()


def test_reaches_the_exact_solution_on_a_rectangle_with_all_kinds_of_conditions():
    settings = DeepxdePinn(
        width=12,
        depth=2,
        domain_points=150,
        boundary_points=60,
        adam_steps=200,
        lbfgs_steps=300,
        dtype="float64",
        learning_rate=1e-2,
    )
    problem = shipped("poisson_2d")
    solution = solve(problem, settings)
    points = problem.region.sample(200, np.random.default_rng(1))
    assert error(solution, lambda x, y: np.exp(x) * np.sin(2 * y) + x**2 * y, points) < 5e-3


def test_reaches_the_exact_solution_of_a_third_order_periodic_problem():
    u = sp.Function("u")(t, x)
    problem = Problem(
        name="dispersion",
        equations=[D(u, t) + D(u, x, 3)],
        unknowns=[u],
        domain=Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x]),
        conditions=[initial(u, sp.sin(x))],
        time=t,
    )
    settings = DeepxdePinn(
        width=12,
        depth=2,
        domain_points=150,
        boundary_points=30,
        initial_points=30,
        adam_steps=100,
        lbfgs_steps=300,
        dtype="float64",
        learning_rate=1e-2,
    )
    solution = solve(problem, settings)
    points = problem.spacetime.sample(200, np.random.default_rng(1))
    assert error(solution, lambda t, x: np.sin(x + t), points) < 2e-2


def test_trains_as_a_script_of_deepxde_does(monkeypatch):
    problem = shipped("burgers")
    method = replace(TINY, adam_steps=30, lbfgs_steps=10, chunk=30).compile(problem)
    state = method.init(3)
    after_adam, adam = method.step(state)
    after_lbfgs, lbfgs = method.step(after_adam)

    import deepxde as dde

    with torch.random.fork_rng(), torch.device("cpu"):
        dde.config.set_random_seed(3)

        def pde(x, y):
            u_x, u_t = dde.grad.jacobian(y, x, i=0, j=0), dde.grad.jacobian(y, x, i=0, j=1)
            return u_t + y * u_x - 0.01 / np.pi * dde.grad.hessian(y, x, i=0, j=0)

        geometry = dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))
        start = dde.icbc.IC(geometry, lambda x: -np.sin(np.pi * x[:, :1]), lambda _, on: on)
        walls = dde.icbc.DirichletBC(geometry, lambda x: 0, lambda _, on: on)
        data = dde.data.TimePDE(geometry, pde, [start, walls], num_domain=40, num_boundary=16, num_initial=12)
        net = dde.nn.FNN([2, 6, 6, 1], "tanh", "Glorot normal")
        model = dde.Model(data, net)
        model.compile("adam", lr=1e-3, verbose=0)
        history, _ = model.train(iterations=30, display_every=30, verbose=0)
        for name, value in (("maxiter", 10), ("iter_per_step", 10), ("fun_per_step", 35)):
            monkeypatch.setitem(dde.optimizers.LBFGS_options, name, value)
        model.compile("L-BFGS", verbose=0)
        history, _ = model.train(verbose=0)

    losses = dict(zip(history.steps, [float(row.sum()) for row in history.loss_train], strict=True))
    assert np.array_equal(state.points, data.train_x_all)
    assert (adam["iterations"], lbfgs["iterations"]) == (30, 40)
    assert adam["loss"] == pytest.approx(losses[30], rel=1e-5)
    assert lbfgs["loss"] == pytest.approx(losses[40], rel=1e-3)
    torch.testing.assert_close(after_lbfgs.parameters, dict(net.state_dict()), rtol=1e-2, atol=1e-4)


def test_same_seed_same_answer_and_another_seed_another():
    problem = shipped("heat")
    points = problem.spacetime.sample(10, np.random.default_rng(0))
    first, again, other = (solve(problem, TINY, seed=s).field(points) for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_the_answer_does_not_depend_on_generators_outside():
    problem = shipped("heat")
    method = TINY.compile(problem)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    first = method.init(0)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(2)
    second = method.init(0)
    assert np.array_equal(first.points, second.points)
    assert torch.equal(flat(first), flat(second))


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_resume_equals_no_interruption(tmp_path, stop):
    problem, file = shipped("heat"), tmp_path / "run.ckpt"
    whole = solve(problem, TINY)
    solve(problem, TINY, checkpoint=file, max_steps=stop)
    resumed = solve(problem, TINY, checkpoint=file, resume=True)
    points = problem.spacetime.sample(10, np.random.default_rng(0))
    assert len(whole.history["loss"]) == 4
    assert np.array_equal(whole.history["loss"], resumed.history["loss"])
    assert np.array_equal(whole.field(points), resumed.field(points))


def test_chunks_do_not_change_the_training():
    problem = shipped("heat")
    pieces, whole = (solve(problem, replace(TINY, chunk=n)).history["loss"][-1] for n in (4, 8))
    assert pieces == pytest.approx(whole, rel=1e-5)


def test_a_step_leaves_the_given_state_as_it_is():
    method = TINY.compile(shipped("heat"))
    state = method.init(0)
    for _ in range(4):
        kept = copy.deepcopy(state)
        after, _ = method.step(state)
        assert not torch.equal(flat(after), flat(state))
        assert np.array_equal(kept.points, state.points)
        torch.testing.assert_close(kept.parameters, state.parameters, rtol=0, atol=0)
        assert repr(kept.optimizer) == repr(state.optimizer)
        state = after
    assert method.status(state) is Status.DONE


def test_lbfgs_at_a_minimum_has_converged():
    method = TINY.compile(interval_problem())
    state = method.init(0)
    zero = {name: torch.zeros_like(p) for name, p in state.parameters.items()}
    after, scalars = method.step(replace(state, iteration=TINY.adam_steps, parameters=zero))
    assert scalars["loss"] == 0
    assert method.status(after) is Status.DONE


def test_derivatives_are_those_of_the_values():
    problem = shipped("heat")
    field = solve(problem, replace(TINY, dtype="float64"), max_steps=1).field
    points, h = problem.spacetime.sample(5, np.random.default_rng(0)), 1e-4
    dt, dx = np.array([h, 0.0]), np.array([0.0, h])
    slope = (field(points + dt) - field(points - dt)) / (2 * h)
    np.testing.assert_allclose(field.derivative((1, 0))(points), slope, atol=1e-6)
    curvature = (field(points + dx) - 2 * field(points) + field(points - dx)) / h**2
    np.testing.assert_allclose(field.derivative((0, 1)).derivative((0, 1))(points), curvature, atol=1e-5)


def test_the_state_of_the_process_is_put_back():
    import deepxde as dde

    config = dde.config.default_float(), dde.config.random_seed, dde.config.autodiff
    numbers, generator = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    solve(shipped("heat"), replace(TINY, dtype="float64"))
    assert (dde.config.default_float(), dde.config.random_seed, dde.config.autodiff) == config
    assert np.array_equal(np.random.get_state()[1], numbers)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), generator)
    assert (torch.get_default_dtype(), torch.get_default_device()) == (torch.float32, torch.device("cpu"))


def test_deepxde_is_imported_by_compile_only_and_without_side_effects(tmp_path):
    script = """
import os, sys
import numpy, sympy, torch
from pinnlab import Box, D, Problem, dirichlet
from pinnlab.solvers.deepxde_pinn import DeepxdePinn
assert "deepxde" not in sys.modules
x = sympy.Symbol("x", real=True)
u = sympy.Function("u")(x)
problem = Problem("line", [D(u, x, 2)], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])
numbers = numpy.random.get_state()[1].copy()
# As where there is a CUDA device, with another device in its place.
torch.cuda.is_available = lambda: True
asked, set_device = [], torch.set_default_device
def stand_in(device):
    asked.append(device)
    set_device("meta" if device == "cuda" else device)
torch.set_default_device = stand_in
DeepxdePinn().compile(problem)
assert asked == ["cuda", None], asked
assert "deepxde" in sys.modules
assert torch.get_default_device() == torch.device("cpu"), torch.get_default_device()
assert torch.get_default_dtype() == torch.float32
assert (numpy.random.get_state()[1] == numbers).all()
assert "DDE_BACKEND" not in os.environ
"""
    environment = {k: v for k, v in os.environ.items() if k != "DDE_BACKEND"} | {"HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / ".deepxde").exists()


def test_without_deepxde_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "deepxde", None)
    with pytest.raises(UnsupportedProblem, match=r'pip install "pinnlab-pde\[deepxde\]"'):
        TINY.compile(interval_problem())


def test_another_backend_is_refused(monkeypatch):
    import deepxde as dde

    monkeypatch.setattr(dde.backend, "backend_name", "jax")
    with pytest.raises(UnsupportedProblem, match="DDE_BACKEND=pytorch"):
        TINY.compile(interval_problem())


def test_unknown_parameters_are_refused():
    u = sp.Function("u")(x)
    k = parameter("k", unknown=True, guess=1.0)
    with pytest.raises(UnsupportedProblem, match="parameter k is unknown"):
        TINY.compile(interval_problem(equations=[k * D(u, x, 2) + 1]))


def test_a_condition_without_a_point_is_named():
    with pytest.raises(ValueError, match=r"none of the points lies where u = 0 on left.*raise boundary_points"):
        replace(TINY, boundary_points=0).compile(interval_problem()).init(0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "width = 0; give a positive whole number"),
        ({"initial_points": -1}, "initial_points = -1; give a whole number from 0 on"),
        ({"adam_steps": 0, "lbfgs_steps": 0}, "nothing would be trained"),
        ({"learning_rate": float("nan")}, "learning_rate = nan; give a positive number"),
        ({"activation": "softsign"}, "activation 'softsign' is none of elu"),
        ({"dtype": "float16"}, "dtype 'float16' is none of float32, float64"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **change)


def test_a_seed_that_numpy_does_not_take_is_refused():
    with pytest.raises(ValueError, match=r"seed must be in \[0, 2\*\*32\), got -1"):
        TINY.compile(interval_problem()).init(-1)
