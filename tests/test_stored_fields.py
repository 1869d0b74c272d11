"""Answers with a deviation in files: written, read by us, by h5py and by xarray, told and refused."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, laplacian
from pinnlab.domain.shapes import Disk
from pinnlab.field import ExactField, Grid
from pinnlab.fields.nodal import Nodal
from pinnlab.files import hdf5
from pinnlab.integral import Integral
from pinnlab.posterior import WeightPosterior
from pinnlab.solution import Solution
from pinnlab.solver import Status
from pinnlab.stored_fields import deviations_named, deviations_of, field_of, values_of
from pinnlab.training.estimate import Estimate

t, x, y = sp.symbols("t x y", real=True)
V, W = sp.Function("v")(t, x), sp.Function("w")(t, x)
PLANE = Problem(
    "plane", [D(V, t) + D(W, x), D(W, t) + D(V, x)], [V, W], Box({t: (0, 1), x: (0, 2)}, periodic=[x]),
    [initial(V, 0), initial(W, 0)], t, reference=[t, x],
)  # fmt: skip
U = sp.Function("u")(x, y)
PLATE = Problem("plate", [laplacian(U, (x, y))], [U], Disk({x: 0, y: 0}, radius=1.0, name="rim"), [dirichlet(U, x)])


def solved(posterior: WeightPosterior) -> Solution:
    return Solution(posterior.problem, {"type": "Made"}, posterior, Status.DONE, 1.0)


@pytest.fixture
def plane(polynomials):
    """Cubic polynomials, of which one mass is known, with a parameter that was learned."""
    prior = polynomials(PLANE, 3, {"k": Estimate.of_normal(2.0, 0.5)})
    return solved(prior.given([Integral.over_space(PLANE, "v", 1.25, time=0.0)]))


def test_a_file_gives_mean_deviation_and_parameters_back(plane, tmp_path):
    path = tmp_path / "u.hdf"
    plane.to_hdf5(path, (13, 21))
    assert hdf5.check(path) == []
    copy = Solution.from_hdf5(path)
    places = PLANE.spacetime.sample(100, np.random.default_rng(0))
    np.testing.assert_allclose(copy.field(places), plane.field(places), atol=1e-11)
    deviation = copy.field.deviation
    assert deviation is not None
    # The deviation is no polynomial: what is left is the interpolation to sixth order.
    np.testing.assert_allclose(deviation(places), plane.field.deviation(places), rtol=2e-3)
    assert copy.field.parameters == plane.field.parameters
    # No file holds what the deviation of a derivative needs.
    assert copy.field.derivative([0, 1]).deviation is None
    # Written again, nothing is lost.
    copy.to_hdf5(tmp_path / "again.hdf", (13, 21))
    first, second = hdf5.read(path), hdf5.read(tmp_path / "again.hdf")
    for name, values in first.deviations.items():
        np.testing.assert_allclose(second.deviations[name], values, rtol=1e-13, atol=1e-15)


def test_h5py_and_xarray_read_the_same_deviations(plane, tmp_path):
    import xarray

    path = tmp_path / "u.hdf"
    plane.to_hdf5(path, (5, 9))
    expected = plane.field.deviation.on_axes([np.linspace(0, 1, 5), np.linspace(0, 2, 9)])
    with h5py.File(path) as file, xarray.open_dataset(path, engine="h5netcdf") as dataset:
        for name in ("v", "w"):
            np.testing.assert_array_equal(file[f"{name}_std"][...], expected.values[name])
            np.testing.assert_array_equal(dataset[f"{name}_std"].values, expected.values[name])
            assert dataset[f"{name}_std"].dims == ("t", "x")
            assert dataset[f"{name}_std"].attrs["long_name"] == f"standard deviation of {name}"
            assert file[name].attrs["ancillary_variables"] == f"{name}_std"
            assert file[f"VTKHDF/PointData/{name}_std"] == file[f"{name}_std"]
    np.testing.assert_array_equal(plane.to_xarray((5, 9))["v_std"].values, expected.values["v"])


def test_values_and_deviations_are_had_where_they_are(plane):
    contents = plane.contents((5, 9))
    problem, values = values_of(contents)
    spread = deviations_of(contents)
    assert isinstance(values, Grid)
    assert isinstance(spread, Grid)
    assert problem.sha256 == PLANE.sha256
    assert tuple(values.values) == tuple(spread.values) == ("v", "w")
    np.testing.assert_array_equal(spread.values["w"], contents.deviations["w_std"])
    exact = Solution(PLANE, {"type": "Made"}, ExactField.of(PLANE), Status.DONE, 1.0)
    assert deviations_of(exact.contents((5, 9))) is None
    assert field_of(PLANE, exact.contents((5, 9))).deviation is None


def test_on_a_mesh_the_deviation_has_the_nodes_of_the_answer(polynomials, tmp_path):
    made = solved(polynomials(PLATE, 2))
    made.to_hdf5(tmp_path / "u.hdf")
    assert hdf5.check(tmp_path / "u.hdf") == []
    contents = hdf5.read(tmp_path / "u.hdf")
    spread = deviations_of(contents)
    assert isinstance(spread, Nodal)
    assert spread.values["u"].shape == contents.fields["u"].shape
    copy = Solution.from_hdf5(tmp_path / "u.hdf").field
    assert copy.deviation is not None
    places = PLATE.region.sample(50, np.random.default_rng(0))
    # Linear cells of 1/40: an error of h^2 / 8 times second derivatives of about 1.
    np.testing.assert_allclose(copy.deviation(places), made.field.deviation(places), atol=1e-3)
    assert copy.derivative([1, 0]).deviation is None


def test_pictures_have_the_deviation(plane):
    titles = [axes.get_title() for axes in plane.plot().axes if axes.get_title()]
    assert titles == ["v", "w", "standard deviation of v", "standard deviation of w"]


def test_a_file_with_the_deviation_of_one_unknown_only_is_refused(plane):
    contents = plane.contents((5, 9))
    less = replace(contents, deviations={"v_std": contents.deviations["v_std"]})
    with pytest.raises(ValueError, match="holds v_std and no deviation of the other unknowns"):
        field_of(PLANE, less)


def test_rounding_below_zero_is_zero_in_files():
    named = deviations_named(Grid({}, {"u": np.array([-1e-18, 0.5])}))
    np.testing.assert_array_equal(named["u_std"], [0, 0.5])
