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
    TimeInterval,
    dirichlet,
    initial,
    laplacian,
    parameter,
    reference,
    solve,
)
from pinnlab.domain.shapes import Disk
from pinnlab.field import ExactField, Snapshots, Trajectory
from pinnlab.fields.mesh import MeshField
from pinnlab.files import hdf5
from pinnlab.meshing.structured import box_mesh
from pinnlab.numerics.lagrange import LagrangeSpace
from pinnlab.places import default_shape
from pinnlab.solution import ErrorBound, Solution, _stepwise_maximum, from_contents
from pinnlab.solvers.method_of_lines import MethodOfLines
from pinnlab.stored_fields import values_of
from pinnlab.training.estimate import Estimate, numbers_of

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


def test_a_note_is_there_also_when_read_back(burgers, tmp_path):
    assert burgers.note == ""
    replace(burgers, note="training stalled").to_hdf5(tmp_path / "u.hdf", (5, 33))
    assert Solution.from_hdf5(tmp_path / "u.hdf").note == "training stalled"


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
    shapes = {name: default_shape(p) for name, p in shipped.items() if len(p.space) <= 3}
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


# -- meshes ----------------------------------------------------------------------------------------------------


def stokes():
    """A steady flow whose velocity is quadratic and whose pressure is linear: P2 and P1 hold them exactly."""
    u, v, p = (sp.Function(name)(x, y) for name in "uvp")
    equations = [
        -laplacian(u, (x, y)) + D(p, x) + 2,
        -laplacian(v, (x, y)) + D(p, y),
        D(u, x) + D(v, y),
    ]
    box = Box({x: (0, 2), y: (0, 1)})
    problem = Problem("channel", equations, [u, v, p], box, [dirichlet(u, y * (1 - y)), dirichlet(v, 0)])
    mesh = box_mesh(np.zeros(2), np.array([2.0, 1]), 0.3, [("left", "right"), ("bottom", "top")])
    quadratic, linear = LagrangeSpace(mesh, 2), LagrangeSpace(mesh, 1)
    a, b = quadratic.nodes.T
    values = (b * (1 - b), a * b, -2 * linear.nodes[:, 0] + 1)
    field = MeshField(problem, (quadratic, quadratic, linear), tuple(w[None] for w in values))
    return Solution(problem, {"type": "Made"}, field, Status.DONE, 0.1, {"step": np.arange(1, 3)})


def heat_on_a_mesh(dim, degree):
    """The values t^3 times the sum of the coordinates to the degree, between t = 0 and 2."""
    axes = sp.symbols("x y z", real=True)[:dim]
    u = sp.Function("u")(t, *axes)
    box = Box({t: (0, 2), **dict.fromkeys(axes, (0, 1))})
    problem = Problem("warm", [D(u, t) - laplacian(u, axes)], [u], box, [initial(u, 0), dirichlet(u, 0)], t)
    sides = [("left", "right"), ("bottom", "top"), ("back", "front")][:dim]
    space = LagrangeSpace(box_mesh(np.zeros(dim), np.ones(dim), 0.5, sides), degree)
    times = np.linspace(0, 2, 41)
    values = times[:, None] ** 3 * (space.nodes**degree).sum(axis=1)
    return Solution(
        problem, {"type": "Made"}, MeshField(problem, (space,), (values,), Snapshots(times)), Status.DONE, 1.0
    )


def test_taylor_hood_comes_back_from_its_file_with_the_pressure_as_it_was(tmp_path):
    flow = stokes()
    flow.to_hdf5(tmp_path / "flow.hdf")
    assert hdf5.check(tmp_path / "flow.hdf") == []
    contents = hdf5.read(tmp_path / "flow.hdf")
    assert contents.mesh.kind == "triangle6"
    assert {name: v.shape for name, v in contents.fields.items()} == dict.fromkeys("uvp", (len(contents.mesh.nodes),))
    np.testing.assert_allclose(contents.fields["p"], 1 - 2 * contents.mesh.nodes[:, 0], atol=1e-14)
    assert set(contents.mesh.pieces) == {"left", "right", "bottom", "top"}
    copy = Solution.from_hdf5(tmp_path / "flow.hdf")
    assert isinstance(copy.field, MeshField)
    points = flow.problem.region.sample(300, np.random.default_rng(0))
    np.testing.assert_allclose(copy.field(points), flow.field(points), atol=1e-13)
    np.testing.assert_allclose(copy.field.derivative((0, 1))(points), flow.field.derivative((0, 1))(points), atol=1e-11)
    assert copy.field.spaces[0].mesh.pieces.keys() == {"left", "right", "bottom", "top"}


@pytest.mark.parametrize(("dim", "degree"), [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)])
def test_an_evolution_on_a_mesh_comes_back_from_its_file(tmp_path, dim, degree):
    made = heat_on_a_mesh(dim, degree)
    made.to_hdf5(tmp_path / "u.hdf")
    assert hdf5.check(tmp_path / "u.hdf") == []
    copy = Solution.from_hdf5(tmp_path / "u.hdf")
    points = made.problem.spacetime.sample(100, np.random.default_rng(0))
    np.testing.assert_allclose(copy.field(points), made.field(points), atol=1e-12)
    # At nodes, by hand.
    space = copy.field.spaces[0]
    np.testing.assert_allclose(copy.field.at(np.array([1.5]), space.nodes)[0, 0], 1.5**3 * (space.nodes**degree).sum(1))


def test_what_was_learned_of_parameters_comes_back_on_a_mesh_too():
    learned = {"k": Estimate(1.0, 0.5, (0.0, 2.0), 0.25)}
    made = heat_on_a_mesh(1, 1).contents()
    field = from_contents(replace(made, metrics=numbers_of(learned))).field
    assert isinstance(field, MeshField)
    assert field.parameters == learned
    assert from_contents(made).field.parameters == {}


def test_a_mesh_on_a_box_may_be_sampled_on_a_grid_instead(tmp_path):
    flow = stokes()
    grid = flow.contents((5, 9))
    assert grid.mesh is None
    assert grid.axes["y"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    np.testing.assert_allclose(grid.fields["u"][2], 0.25)


def test_other_programs_get_the_mesh(tmp_path):
    import meshio

    flow = stokes()
    flow.to_vtu(tmp_path / "flow.vtu")
    mesh = meshio.read(tmp_path / "flow.vtu")
    assert [block.type for block in mesh.cells] == ["triangle6"]
    np.testing.assert_allclose(mesh.point_data["v"], mesh.points[:, 0] * mesh.points[:, 1], atol=1e-14)
    pytest.importorskip("xarray")
    data = flow.to_xarray()
    assert data["p"].dims == ("node",)


def test_curved_cells_and_fields_of_another_problem_are_refused():
    contents = stokes().contents()
    bent = contents.mesh.nodes.copy()
    bent[contents.mesh.connectivity[0, 3]] += 0.01
    with pytest.raises(ValueError, match="the file's cells have curved edges"):
        from_contents(replace(contents, mesh=replace(contents.mesh, nodes=bent)))
    with pytest.raises(ValueError, match=r"on \('a', 'b'\) are not those of its problem"):
        from_contents(replace(contents, mesh=replace(contents.mesh, coordinates=("a", "b"))))
    fewer = {"u": contents.fields["u"]}
    with pytest.raises(ValueError, match="are not those of its problem"):
        values_of(replace(contents, fields=fewer))


# -- runs that end early ---------------------------------------------------------------------------------------


def test_the_file_of_a_run_that_ended_early_ends_where_the_run_did(shipped, tmp_path):
    problem = shipped["burgers_periodic"]
    early = solve(problem, Etdrk4(points=64, steps=40, snapshots=20), max_steps=8, device="cpu")
    assert early.field.reached == pytest.approx(0.4)
    early.to_hdf5(tmp_path / "u.hdf", (9, 33))
    times = hdf5.read(tmp_path / "u.hdf").axes["t"]
    np.testing.assert_allclose(times, np.linspace(0, 0.4, 9), atol=1e-15)
    copy = Solution.from_hdf5(tmp_path / "u.hdf")
    assert copy.status is Status.RUNNING
    assert copy.field.reached == times[-1]
    points = np.column_stack([np.full(5, 0.2), np.linspace(0, 6, 5)])
    np.testing.assert_allclose(copy.field(points), early.field(points), atol=1e-3)
    # A copy holds the last state as the original does.
    late = points + np.array([0.7, 0])
    np.testing.assert_allclose(copy.field(late), early.field(late), atol=1e-3)
    again = copy.contents((9, 33))
    np.testing.assert_array_equal(again.axes["t"], times)


def test_a_finished_run_ends_at_the_end_whatever_rounding_says(burgers, tmp_path):
    assert burgers.contents((5, 9)).axes["t"][-1] == 1.0
    time, space = burgers.field.axes
    rounded = replace(burgers.field, axes=(Trajectory(time.times * (1 - 1e-15)), space))
    short = replace(burgers, field=rounded)
    assert short.contents((5, 9)).axes["t"][-1] == 1.0


def test_a_run_without_any_step_has_the_initial_state_in_its_file(shipped, tmp_path):
    none = solve(shipped["burgers_periodic"], Etdrk4(points=64, steps=40, snapshots=20), max_steps=0, device="cpu")
    none.to_hdf5(tmp_path / "u.hdf")
    contents = hdf5.read(tmp_path / "u.hdf")
    assert contents.axes["t"].tolist() == [0.0]
    copy = Solution.from_hdf5(tmp_path / "u.hdf")
    points = np.array([[0.0, 1.0], [0.7, 1.0]])
    np.testing.assert_allclose(copy.field(points), none.field(points), atol=1e-6)
    assert not copy.field.derivative((1, 0))(points).any()


def test_a_mesh_run_that_ended_early_ends_there_too():
    made = heat_on_a_mesh(1, 1)
    field = made.field
    cut = replace(field, values=(field.values[0][:11],), time=Snapshots(field.time.times[:11]))
    contents = replace(made, field=cut, status=Status.DIVERGED).contents()
    assert contents.axes["t"][-1] == 0.5
    assert contents.provenance["status"] == "diverged"


def test_any_answer_on_a_region_that_is_no_box_has_a_file_and_a_picture(tmp_path):
    u = sp.Function("u")(t, x, y)
    exact = sp.exp(-t) * x * y
    heat = [D(u, t) - laplacian(u, (x, y))]
    region = TimeInterval(t, 0, 1) * Disk({x: 0, y: 0}, radius=1, name="rim")
    problem = Problem("plate", heat, [u], region, [initial(u, 0), dirichlet(u, 0)], t).manufactured(exact)
    made = Solution(problem, {"type": "Made"}, ExactField.of(problem), Status.DONE, 1.0)
    made.to_hdf5(tmp_path / "u.hdf")
    assert hdf5.check(tmp_path / "u.hdf") == []
    copy = Solution.from_hdf5(tmp_path / "u.hdf")
    points = problem.spacetime.sample(200, np.random.default_rng(0))
    # Linear cells of 1/40: an error of h^2 / 8 times second derivatives of size 1, at most.
    assert np.abs(copy.field(points) - made.field(points)).max() < 1e-3
    assert len(copy.plot().axes) == 2
    with pytest.raises(ValueError, match="does not lie on a box, so its file has the nodes of a mesh and no shape"):
        made.to_hdf5(tmp_path / "u.hdf", (3, 4, 5))
