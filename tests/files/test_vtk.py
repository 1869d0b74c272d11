import h5py
import numpy as np
import pytest

from pinnlab.files import hdf5, vtk
from pinnlab.files.contents import Contents

SIZES = {"z": 3, "y": 4, "x": 5}


def grid_contents(dimensions, steps, components, uneven):
    rng = np.random.default_rng(0)
    space = {name: np.linspace(-1, 1, n) for name, n in [*SIZES.items()][-dimensions:]}
    if uneven:
        space["x"] = -np.cos(np.linspace(0, np.pi, SIZES["x"]))
    axes = ({"t": 0.1 + 0.3 * np.arange(steps) ** 2} if steps else {}) | space
    shape = tuple(map(len, axes.values()))
    fields = {"u": rng.standard_normal(shape), "flow": rng.standard_normal((*shape, components))}
    return Contents(axes, "t" if steps else None, fields, deviations={"u_std": rng.random(shape)})


def vtk_steps(path):
    """The times, and for each the grid that VTK's reader makes of the file."""
    from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline
    from vtkmodules.vtkIOHDF import vtkHDFReader

    reader = vtkHDFReader()
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    times = reader.GetOutputInformation(0).Get(vtkStreamingDemandDrivenPipeline.TIME_STEPS()) or (None,)
    for n, time in enumerate(times):
        reader.SetStep(n)
        reader.Update()
        grid = reader.GetOutput().NewInstance()
        grid.DeepCopy(reader.GetOutput())
        yield time, grid


def point_coordinates(grid):
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkImageData

    if isinstance(grid, vtkImageData):
        dimensions, origin, spacing = grid.GetDimensions(), grid.GetOrigin(), grid.GetSpacing()
        return [o + h * np.arange(n) for o, h, n in zip(origin, spacing, dimensions, strict=True)]
    return [vtk_to_numpy(axis()) for axis in (grid.GetXCoordinates, grid.GetYCoordinates, grid.GetZCoordinates)]


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize(("dimensions", "components"), [(1, 3), (2, 3), (2, 2), (3, 3)])
def test_h5py_xarray_and_vtk_read_equal_numbers_from_one_file(tmp_path, dimensions, steps, components, uneven):
    import xarray
    from vtkmodules.util.numpy_support import vtk_to_numpy

    contents = grid_contents(dimensions, steps, components, uneven)
    path = tmp_path / "a.hdf"
    hdf5.write(path, contents)
    with h5py.File(path) as file, xarray.open_dataset(path, engine="h5netcdf") as dataset:
        for name, values in contents.arrays.items():
            np.testing.assert_array_equal(file[name][...], values)
            np.testing.assert_array_equal(dataset[name].values, values)
        for name, values in contents.axes.items():
            np.testing.assert_array_equal(dataset[name].values, values)
        assert dataset["u"].dims == tuple(contents.axes)
        assert dataset["flow"].dims == (*contents.axes, "component")
    seen = list(vtk_steps(path))
    assert len(seen) == max(steps, 1)
    for n, (time, grid) in enumerate(seen):
        assert time == (contents.axes["t"][n] if steps > 1 else None)
        for values, axis in zip(point_coordinates(grid), reversed(contents.space), strict=False):
            np.testing.assert_allclose(values, contents.axes[axis], rtol=0, atol=1e-15)
        for name, values in contents.arrays.items():
            array = vtk_to_numpy(grid.GetPointData().GetArray(name))
            expected = values[n] if steps else values
            np.testing.assert_array_equal(array.ravel(), expected.ravel())
            assert array.size == expected.size


VTK_NUMBERS = {
    "line": 3, "triangle": 5, "quad": 9, "tetra": 10, "hexahedron": 12,
    "line3": 21, "triangle6": 22, "tetra10": 24, "quad9": 28,
}  # fmt: skip


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize("kind", VTK_NUMBERS)
def test_h5py_xarray_and_vtk_read_equal_numbers_on_a_mesh(tmp_path, mesh_contents, kind, steps):
    import xarray
    from vtkmodules.util.numpy_support import vtk_to_numpy

    contents = mesh_contents(kind, steps)
    path = tmp_path / "a.hdf"
    hdf5.write(path, contents)
    with h5py.File(path) as file, xarray.open_dataset(path, engine="h5netcdf") as dataset:
        for name, values in contents.arrays.items():
            np.testing.assert_array_equal(file[name][...], values)
            np.testing.assert_array_equal(dataset[name].values, values)
        assert dataset["u"].dims == tuple(contents.axes)
        for k, name in enumerate(contents.mesh.coordinates):
            np.testing.assert_array_equal(dataset["u"][f"node_{name}"].values, contents.mesh.nodes[:, k])
    seen = list(vtk_steps(path))
    assert len(seen) == max(steps, 1)
    for n, (time, grid) in enumerate(seen):
        assert time == (contents.axes["t"][n] if steps > 1 else None)
        points = vtk_to_numpy(grid.GetPoints().GetData())
        np.testing.assert_array_equal(points[:, : contents.mesh.dim], contents.mesh.nodes)
        assert not points[:, contents.mesh.dim :].any()
        assert [grid.GetCellType(c) for c in range(grid.GetNumberOfCells())] == [VTK_NUMBERS[kind]] * len(
            contents.mesh.connectivity
        )
        for name, values in contents.arrays.items():
            array = vtk_to_numpy(grid.GetPointData().GetArray(name))
            np.testing.assert_array_equal(array, values[n] if steps else values)


@pytest.mark.parametrize("kind", ["line3", "triangle6", "quad9", "tetra10"])
def test_quadratic_cells_in_vtk_are_exact_for_quadratic_polynomials(tmp_path, mesh_contents, kind):
    """Nodes in another order than VTK's would give other values between them."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import mutable

    hdf5.write(tmp_path / "a.hdf", mesh_contents(kind, 0))
    ((_, grid),) = vtk_steps(tmp_path / "a.hdf")
    values = vtk_to_numpy(grid.GetPointData().GetArray("u"))
    for c in range(grid.GetNumberOfCells()):
        cell = grid.GetCell(c)
        count = cell.GetNumberOfPoints()
        for inside in ((0.2, 0.3, 0.1), (0.6, 0.1, 0.25)):
            place, weights, part = [0.0] * 3, [0.0] * count, mutable(0)
            cell.EvaluateLocation(part, inside, place, weights)
            nodes = [cell.GetPointId(k) for k in range(count)]
            x, y, z = place
            expected = 1 + x + 2 * y - z + x**2 - x * y + 3 * z**2
            assert np.dot(weights, values[nodes]) == pytest.approx(expected, abs=1e-12)


def test_on_a_mesh_only_points_and_cell_sizes_are_stored_twice(tmp_path, mesh_contents):
    path = tmp_path / "a.hdf"
    hdf5.write(path, mesh_contents("triangle6", 5))
    with h5py.File(path) as file:
        group = file["VTKHDF"]
        for view in ("Connectivity", "PointData/u", "PointData/flow", "Steps/Values"):
            assert group[view].is_virtual
            assert group[view].id.get_storage_size() == 0
        # By hand: two cells of six nodes; four corners and five edges.
        assert list(group["Offsets"]) == [0, 6, 12]
        assert list(group["NumberOfPoints"]) == [9]
        assert list(group["NumberOfConnectivityIds"]) == [12]
        assert list(group["Steps/PointDataOffsets/u"]) == [0, 9, 18, 27, 36]
        assert group["Steps"].attrs["NSteps"] == 5


def test_a_broken_view_of_a_mesh_is_found(tmp_path, mesh_contents):
    path = tmp_path / "a.hdf"
    hdf5.write(path, mesh_contents("quad", 2))
    assert hdf5.check(path) == []
    with h5py.File(path, "r+") as file:
        copy = file["VTKHDF/PointData/u"][...]
        del file["VTKHDF/PointData/u"]
        file["VTKHDF/PointData/u"] = copy
        del file["VTKHDF/Connectivity"]
        file["VTKHDF/Points"][0, 0] = 7.0
    faults = hdf5.check(path)
    assert len(faults) == 3
    assert "/VTKHDF/Connectivity is not the same data as /mesh/connectivity" in faults[0]
    assert "/VTKHDF/PointData/u is not the same data as /u" in faults[1]
    assert "/VTKHDF/Points is not the same data as /node_x" in faults[2]


def test_the_extent_of_a_plane_runs_x_first():
    """By hand: 4 x 5 points (y, x) on [-1, 1]^2 have the extent 0..4, 0..3, 0..0 and the spacing 1/2, 2/3."""
    contents = grid_contents(2, 0, 3, False)
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        for name, values in {**contents.axes, **contents.arrays}.items():
            file[name] = values
        vtk.link(file, contents, 1)
        group = file["VTKHDF"]
        assert list(group.attrs["WholeExtent"]) == [0, 4, 0, 3, 0, 0]
        assert list(group.attrs["Origin"]) == [-1, -1, 0]
        np.testing.assert_allclose(group.attrs["Spacing"], [1 / 2, 2 / 3, 1], rtol=1e-15)
        assert group.attrs["Type"] == b"ImageData"


def test_nothing_is_stored_twice(tmp_path):
    contents = grid_contents(2, 5, 3, True)
    path = tmp_path / "a.hdf"
    hdf5.write(path, contents)
    with h5py.File(path) as file:
        assert file["VTKHDF/PointData/u"] == file["u"]
        assert file["VTKHDF/PointData/flow"] == file["flow"]
        for view in ("Steps/Values", "XCoordinates", "YCoordinates"):
            assert file[f"VTKHDF/{view}"].is_virtual
            assert file[f"VTKHDF/{view}"].id.get_storage_size() == 0
        np.testing.assert_array_equal(file["VTKHDF/Steps/Values"][...], contents.axes["t"])
        np.testing.assert_array_equal(file["VTKHDF/Steps/PointDataOffsets/u"][...], np.arange(5))


def test_a_file_with_a_million_values_grows_by_less_than_a_page_for_each_link(tmp_path):
    values = np.random.default_rng(0).standard_normal((8, 256, 512))
    plain = {"t": np.arange(8.0), "y": np.arange(256.0), "x": np.arange(512.0)}
    hdf5.write(tmp_path / "grid.hdf", Contents(plain, "t", {"u": values}))
    with h5py.File(tmp_path / "grid.hdf") as file:
        stored = file["u"].id.get_storage_size()
    assert (tmp_path / "grid.hdf").stat().st_size - stored < 60_000


@pytest.mark.parametrize(
    "axes",
    [
        {"t": [0.0, 1.0, 2.0]},
        {"t": [0.0, 1.0], "y": [0.0], "x": [0.0, 1.0]},
        {n: [0.0, 1.0] for n in "twzyx"},
    ],
)
def test_axes_that_vtk_has_no_grid_for_get_no_group_and_are_no_fault(tmp_path, axes):
    shape = tuple(map(len, axes.values()))
    hdf5.write(tmp_path / "a.hdf", Contents(axes, "t", {"u": np.ones(shape)}))
    with h5py.File(tmp_path / "a.hdf") as file:
        assert "VTKHDF" not in file
    assert hdf5.check(tmp_path / "a.hdf") == []


def test_round_off_is_equispaced_and_a_stretch_is_not():
    assert vtk.is_equispaced(0.1 * np.arange(1001))
    assert vtk.is_equispaced(np.linspace(-1, 1, 7))
    assert not vtk.is_equispaced(np.linspace(0, 1, 7) * (1 + 1e-12 * np.linspace(0, 1, 7)))


@pytest.mark.parametrize("steps", [1, 5])
def test_a_broken_link_is_found(tmp_path, steps):
    path = tmp_path / "a.hdf"
    hdf5.write(path, grid_contents(2, steps, 3, True))
    with h5py.File(path, "r+") as file:
        copy = file["VTKHDF/PointData/u"][...]
        del file["VTKHDF/PointData/u"]
        file["VTKHDF/PointData/u"] = copy
        del file["VTKHDF/XCoordinates"]
    faults = hdf5.check(path)
    assert len(faults) == 2
    assert "/VTKHDF/PointData/u is not the same data as /u" in faults[0]
    assert "/VTKHDF/XCoordinates is not the same data as /x" in faults[1]
    with h5py.File(path, "r+") as file:
        del file["VTKHDF"]
    assert "the group /VTKHDF is missing" in hdf5.check(path)[0]
