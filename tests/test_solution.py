"""Solutions: what they tell, and what a file keeps of them."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    Chebyshev,
    Collocation,
    D,
    Etdrk4,
    Problem,
    SolveFailed,
    Status,
    dirichlet,
    initial,
    laplacian,
    parameter,
    reference,
    solve,
)
from pinnlab.field import ExactField
from pinnlab.files import hdf5
from pinnlab.solution import ErrorBound, Solution, _stepwise_maximum, default_shape, from_contents
from pinnlab.solvers.method_of_lines import MethodOfLines

t, x, y = sp.symbols("t x y", real=True)


@pytest.fixture(scope="module")
def burgers(shipped):
    return solve(shipped["burgers_periodic"], Etdrk4(points=64, steps=40, snapshots=20), seed=3, device="cpu")


def bounded(solution, times):
    metrics = {"relative_l2": 3e-5, "max_error": 2e-5, "relative_h1": 1e-4}
    in_time = {"u": np.linspace(1e-6, 2e-5, len(times))}
    return replace(solution, bound=ErrorBound(metrics, 1e-5, 2e-5, times, in_time, requested=1e-4))


def test_a_file_gives_the_solution_back(burgers, tmp_path):
    times = np.linspace(0, 1, 7)
    told = bounded(burgers, times)
    told.to_hdf5(tmp_path / "u.hdf", (13, 65))
    copy = Solution.from_hdf5(tmp_path / "u.hdf")
    assert copy.problem.sha256 == burgers.problem.sha256
    assert copy.solver == burgers.settings == copy.settings
    assert (copy.status, copy.seconds, copy.seed) == (Status.DONE, burgers.seconds, 3)
    assert (copy.device, copy.dtype, copy.failure) == ("cpu", "float64", "")
    assert set(copy.history) == set(burgers.history)
    for name, column in burgers.history.items():
        np.testing.assert_array_equal(copy.history[name], column)
    assert copy.error_bound == 3e-5
    assert dict(copy.bound.metrics) == dict(told.bound.metrics)
    assert (copy.bound.space, copy.bound.time, copy.bound.requested) == (1e-5, 2e-5, 1e-4)
    assert copy.bound.reached
    # At t = 0.5 (a node of the bound) exactly; between nodes the larger neighbour.
    assert copy.bound.in_time["u"][6] == told.bound.in_time["u"][3]
    assert copy.bound.in_time["u"][5] == told.bound.in_time["u"][3]
    grid, again = burgers.on_grid((13, 65)), copy.on_grid((13, 65))
    np.testing.assert_allclose(again.values["u"], grid.values["u"], rtol=0, atol=1e-13)


def test_a_field_that_was_read_is_interpolated_to_sixth_order(tmp_path):
    u = sp.Function("u")(x)
    problem = Problem("fit", [D(u, x, 2) + u], [u], Box({x: (0, 1)}), [dirichlet(u, 0)]).manufactured(sp.sin(6 * x))
    solution = solve(problem, Collocation(Chebyshev(32)), device="cpu")
    points = np.linspace(0, 1, 333)[:, None]
    errors = []
    for n in (21, 41):
        solution.to_hdf5(tmp_path / "u.hdf", (n,))
        found = Solution.from_hdf5(tmp_path / "u.hdf").field
        errors.append(np.abs(found(points) - np.sin(6 * points)).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(6, abs=0.7)


def test_axes_of_two_dimensions_come_back_in_their_places(tmp_path):
    u = sp.Function("u")(t, x, y)
    box = Box({t: (0, 1), x: (0, 2 * sp.pi), y: (0, 4 * sp.pi)}, periodic=[x, y])
    exact = sp.exp(-t) * sp.sin(x) + sp.cos(y / 2 + x)
    problem = Problem("plane", [D(u, t) - laplacian(u, (x, y))], [u], box, [initial(u, 0)], t).manufactured(exact)
    solution = solve(problem, Etdrk4(points=(16, 12), steps=40, snapshots=10), device="cpu")
    solution.to_hdf5(tmp_path / "u.hdf", (11, 61, 41))
    contents = hdf5.read(tmp_path / "u.hdf")
    assert {name: len(axis) for name, axis in contents.axes.items()} == {"t": 11, "y": 61, "x": 41}
    points = problem.spacetime.sample(200, np.random.default_rng(0))
    found = Solution.from_hdf5(tmp_path / "u.hdf").field(points)
    np.testing.assert_allclose(found, ExactField.of(problem)(points), atol=2e-5)


def test_steady_and_ordinary_problems_have_files_too(shipped, tmp_path):
    steady = solve(shipped["poisson_1d"], Collocation(Chebyshev(24)), device="cpu")
    bound = ErrorBound({"relative_l2": 1e-8}, 1e-8, 0.0, np.zeros(0), {"u": np.array(2e-8)}, 1e-6)
    replace(steady, bound=bound).to_hdf5(tmp_path / "steady.hdf")
    copy = Solution.from_hdf5(tmp_path / "steady.hdf")
    assert copy.bound.in_time["u"] == 2e-8
    assert copy.bound.times.shape == (0,)
    lorenz = solve(shipped["lorenz"], MethodOfLines(snapshots=20), max_steps=1, device="cpu")
    lorenz.to_hdf5(tmp_path / "lorenz.hdf")
    again = Solution.from_hdf5(tmp_path / "lorenz.hdf")
    assert again.status is Status.RUNNING
    assert again.problem.names == ("x", "y", "z")


def test_parameters_that_are_functions_do_not_hinder_a_file(tmp_path):
    u = sp.Function("u")(x)
    k, c = parameter("k", 1 + x**2), parameter("c", 2)
    problem = Problem("layers", [D(k * D(u, x), x) - c], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])
    solution = solve(problem, Collocation(Chebyshev(12)), device="cpu")
    assert solution.contents().parameters == {"c": 2.0}
    solution.to_hdf5(tmp_path / "u.hdf")
    assert Solution.from_hdf5(tmp_path / "u.hdf").problem == problem


def test_a_diverged_solution_says_why_also_when_read_back(burgers, tmp_path):
    failed = replace(burgers, status=Status.DIVERGED, failure="largest became non-finite in step 4")
    with pytest.raises(SolveFailed, match=r"Etdrk4 on 'burgers_periodic' failed: largest became .* smaller steps"):
        failed.checked()
    failed.to_hdf5(tmp_path / "u.hdf", (5, 33))
    with pytest.raises(SolveFailed, match="largest became non-finite in step 4"):
        Solution.from_hdf5(tmp_path / "u.hdf").checked()
    assert burgers.checked() is burgers


def test_a_file_of_another_problem_is_refused(burgers, shipped):
    other = replace(burgers.contents((5, 33)), problem_json=shipped["poisson_1d"].to_json())
    with pytest.raises(ValueError, match="are not those of its problem"):
        from_contents(other)


def test_a_solution_without_error_bar_has_no_bound(burgers, tmp_path):
    assert burgers.bound is None
    assert burgers.error_bound is None
    burgers.to_hdf5(tmp_path / "u.hdf", (5, 33))
    assert Solution.from_hdf5(tmp_path / "u.hdf").bound is None


def test_a_bound_between_its_nodes_is_the_larger_neighbour():
    times = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    found = _stepwise_maximum(times, np.array([0.0, 1.0, 2.0]), np.array([3.0, 1.0, 2.0]))
    np.testing.assert_array_equal(found, [3, 3, 3, 2, 2])


def test_default_grids(shipped):
    shapes = {name: default_shape(problem) for name, problem in shipped.items()}
    assert shapes["lorenz"] == (101,)
    assert shapes["heat"] == (101, 401)
    assert shapes["poisson_2d"] == (129, 129)
    assert shapes["reaction_diffusion"] == (101, 129, 129)


def test_to_vtu_writes_readable_files_and_nothing_else(burgers, shipped, tmp_path):
    import meshio

    burgers.to_vtu(tmp_path / "run.vtu", (3, 17))
    names = sorted(f.name for f in tmp_path.iterdir())
    assert names == ["run.pvd", "run_0000.vtu", "run_0001.vtu", "run_0002.vtu"]
    mesh = meshio.read(tmp_path / "run_0002.vtu")
    np.testing.assert_allclose(mesh.point_data["u"], burgers.on_grid((3, 17)).values["u"][2])
    np.testing.assert_allclose(mesh.points[:, 0], np.linspace(0, 2 * np.pi, 17))
    steady = solve(shipped["poisson_2d"], Collocation(Chebyshev(12)), device="cpu")
    steady.to_vtu(tmp_path / "steady.vtu", (5, 6))
    assert meshio.read(tmp_path / "steady.vtu").point_data["u"].shape == (30,)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        steady.to_vtu(tmp_path / "nowhere" / "u.vtu")


def test_to_xarray_labels_its_axes(burgers):
    pytest.importorskip("xarray")
    data = burgers.to_xarray((5, 17))
    assert data["u"].dims == ("t", "x")
    np.testing.assert_array_equal(data["u"].values, burgers.on_grid((5, 17)).values["u"])


def test_provenance_names_versions_and_the_run(burgers):
    told = burgers.contents((3, 9)).provenance
    assert told["software"].startswith("pinnlab ")
    assert (told["seed"], told["device"], told["dtype"], told["status"]) == ("3", "cpu", "float64", "done")
    assert float(told["seconds"]) == burgers.seconds


def test_a_reference_survives_its_file_as_a_reference(shipped, tmp_path):
    truth = reference(shipped["kuramoto_sivashinsky"], 1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        truth.to_hdf5(tmp_path / "ks.hdf", (41, 129))
        copy = Solution.from_hdf5(tmp_path / "ks.hdf")
    assert copy.error_bound == truth.error_bound
    assert copy.bound.reached is truth.bound.reached is True
