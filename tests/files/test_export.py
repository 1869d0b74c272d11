import csv
import dataclasses
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from pinnlab.files import export, hdf5
from pinnlab.files.contents import Contents

SPACE = {"z": np.array([0.0, 1, 3]), "y": np.linspace(-1, 1, 4), "x": np.linspace(0, 1, 5) ** 2}


def grid_contents(dimensions, steps, components=3):
    rng = np.random.default_rng(1)
    axes = {"t": 0.5 * np.arange(steps) ** 2} if steps else {}
    axes |= dict([*SPACE.items()][3 - dimensions :])
    shape = tuple(map(len, axes.values()))
    fields = {
        "u": rng.standard_normal(shape),
        "w": rng.standard_normal(shape).astype(np.float32),
        "flow": rng.standard_normal((*shape, components)),
    }
    bounds = {"u_error_bound": np.arange(steps) * 1e-9 if steps else np.array(1e-9)}
    return Contents(
        axes,
        "t" if steps else None,
        fields,
        bounds,
        title="Täuschung",
        units={"u": "m"},
        problem_json='{"é": 1}',
        deviations={"u_std": rng.random(shape), "flow_std": rng.random((*shape, components))},
    )


@pytest.fixture(params=[(1, 0), (1, 3), (2, 0), (2, 1), (2, 3), (3, 0), (3, 3)], ids=str)
def case(request, tmp_path):
    contents = grid_contents(*request.param)
    path = tmp_path / "a folder" / "a.hdf"
    path.parent.mkdir()
    hdf5.write(path, contents)
    return contents, path


def steps_of(contents):
    """For each time step: the number of the step, and the fields at it."""
    if contents.time is None:
        return [(None, contents.arrays)]
    return [(n, {k: v[n] for k, v in contents.arrays.items()}) for n in range(len(contents.axes["t"]))]


def test_vtk_reads_the_same_numbers_through_xdmf(case, tmp_path):
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXdmf2 import vtkXdmfReader

    contents, path = case
    target = tmp_path / "side car.xdmf"
    assert export.to_xdmf(path, target) == [target]
    assert target.stat().st_size < 10_000
    reader = vtkXdmfReader()
    reader.SetFileName(str(target))
    for n, fields in steps_of(contents):
        reader.UpdateInformation()
        if n is not None:
            reader.UpdateTimeStep(contents.axes["t"][n])
        reader.Update()
        grid = reader.GetOutputDataObject(0)
        getters = (grid.GetXCoordinates, grid.GetYCoordinates, grid.GetZCoordinates)
        for getter, axis in zip(getters, reversed(contents.space), strict=False):
            np.testing.assert_array_equal(vtk_to_numpy(getter()), contents.axes[axis])
        for name, values in fields.items():
            array = vtk_to_numpy(grid.GetPointData().GetArray(name))
            np.testing.assert_array_equal(array.ravel(), values.ravel(), err_msg=f"{name} at {n}")


def test_meshio_reads_the_same_numbers_from_vtu(case, tmp_path):
    import meshio

    contents, path = case
    written = export.to_vtu(path, tmp_path / "out.vtu")
    grids = [file for file in written if file.suffix == ".vtu"]
    assert all(file.is_file() for file in written)
    coordinates = np.meshgrid(*(contents.axes[name] for name in contents.space), indexing="ij")
    kind = {1: "line", 2: "quad", 3: "hexahedron"}[len(contents.space)]
    for file, (_, fields) in zip(grids, steps_of(contents), strict=True):
        mesh = meshio.read(file)
        for column, values in enumerate(reversed(coordinates)):
            np.testing.assert_array_equal(mesh.points[:, column], values.ravel())
        for name, values in fields.items():
            np.testing.assert_array_equal(mesh.point_data[name].ravel(), values.ravel())
            assert mesh.point_data[name].dtype == values.dtype
        assert [block.type for block in mesh.cells] == [kind]
        assert len(mesh.cells[0].data) == np.prod([len(contents.axes[name]) - 1 for name in contents.space])
    if contents.time is not None:
        listed = ElementTree.parse(tmp_path / "out.pvd").findall("Collection/DataSet")
        assert [float(entry.get("timestep")) for entry in listed] == contents.axes["t"].tolist()
        assert [tmp_path / entry.get("file") for entry in listed] == grids


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_the_cells_fill_the_box_with_positive_volume(tmp_path, dimensions):
    """A wrong order of corners would make VTK's volumes negative or their sum wrong: z 3, y 2, x 1."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkFiltersVerdict import vtkCellSizeFilter
    from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader

    hdf5.write(tmp_path / "a.hdf", grid_contents(dimensions, 0))
    (file,) = export.to_vtu(tmp_path / "a.hdf", tmp_path / "a.vtu")
    reader = vtkXMLUnstructuredGridReader()
    reader.SetFileName(str(file))
    sizes = vtkCellSizeFilter()
    sizes.SetInputConnection(reader.GetOutputPort())
    sizes.Update()
    name = {1: "Length", 2: "Area", 3: "Volume"}[dimensions]
    volumes = vtk_to_numpy(sizes.GetOutput().GetCellData().GetArray(name))
    assert (volumes > 0).all()
    np.testing.assert_allclose(volumes.sum(), {1: 1, 2: 2, 3: 6}[dimensions], rtol=1e-12)


def test_an_ordinary_equation_is_one_vertex_a_step(tmp_path):
    import meshio

    contents = Contents({"t": [0.0, 0.1]}, "t", {"u": [1.0, 2.0], "v": [[1.0, 2], [3, 4]]})
    hdf5.write(tmp_path / "a.hdf", contents)
    first, second, _ = export.to_vtu(tmp_path / "a.hdf", tmp_path / "a.pvd")
    assert meshio.read(first).point_data["u"] == [1.0]
    np.testing.assert_array_equal(meshio.read(second).point_data["v"], [[3.0, 4.0]])
    assert [block.type for block in meshio.read(second).cells] == ["vertex"]


def test_xarray_opens_the_same_numbers_from_netcdf(case, tmp_path):
    import xarray

    contents, path = case
    export.to_netcdf(path, tmp_path / "a.nc")
    with xarray.open_dataset(tmp_path / "a.nc", engine="scipy") as dataset:
        for name, values in {**contents.axes, **contents.arrays, **contents.bounds}.items():
            np.testing.assert_array_equal(dataset[name].values, values)
            assert dataset[name].dtype.itemsize == values.dtype.itemsize
        assert dataset["flow"].dims == (*contents.axes, "component")
        assert dataset["u"].attrs["units"] == "m"
        assert dataset.attrs["title"] == "Täuschung"
        assert dataset.attrs["problem_json"] == '{"é": 1}'


def test_csv_holds_one_row_a_point_with_the_shortest_exact_numbers(case, tmp_path):
    contents, path = case
    export.to_csv(path, tmp_path / "a.csv")
    with open(tmp_path / "a.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    vectors = [f"{name}_{k}" for name in ("flow", "flow_std") for k in range(3)]
    assert list(rows[0]) == [*contents.axes, "u", "w", *vectors[:3], "u_std", *vectors[3:], "u_error_bound"]
    assert len(rows) == np.prod(contents.grid)
    columns = {name: np.array([float(row[name]) for row in rows]).reshape(contents.grid) for name in rows[0]}
    for name, values in zip(contents.axes, np.meshgrid(*contents.axes.values(), indexing="ij"), strict=True):
        np.testing.assert_array_equal(columns[name], values)
    np.testing.assert_array_equal(columns["u"], contents.fields["u"])
    np.testing.assert_array_equal(columns["u_std"], contents.deviations["u_std"])
    np.testing.assert_array_equal(columns["flow_2"], contents.fields["flow"][..., 2])
    bound = contents.bounds["u_error_bound"]
    for n in range(contents.grid[0]):
        np.testing.assert_array_equal(columns["u_error_bound"][n], bound[n] if bound.ndim else bound)


def test_xarray_shares_the_memory_of_the_contents():
    contents = grid_contents(2, 3)
    dataset = export.to_xarray(contents)
    assert np.shares_memory(dataset["u"].values, contents.fields["u"])
    assert dataset["u"].dims == ("t", "y", "x")
    assert dataset["u"].attrs == {"units": "m", "long_name": "u", "ancillary_variables": "u_std u_error_bound"}
    assert dataset["u_std"].attrs == {"units": "m", "long_name": "standard deviation of u"}
    assert dataset["u_error_bound"].dims == ("t",)
    assert float(dataset["u"].sel(t=0.5, x=1, y=-1)) == contents.fields["u"][1, 0, -1]


def test_without_xarray_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ValueError, match=r'pip install "pinnlab-pde\[xarray\]"'):
        export.to_xarray(grid_contents(1, 2))


EXPORTS = {"xdmf": export.to_xdmf, "vtu": export.to_vtu, "nc": export.to_netcdf, "csv": export.to_csv}


@pytest.mark.parametrize("suffix", EXPORTS)
def test_a_damaged_source_leaves_the_old_target(tmp_path, suffix):
    source, target = tmp_path / "a.hdf", tmp_path / f"a.{suffix}"
    hdf5.write(source, grid_contents(1, 0))
    source.write_bytes(source.read_bytes()[:-500])
    target.write_text("old")
    with pytest.raises(ValueError, match="damaged or cut off"):
        EXPORTS[suffix](source, target)
    assert target.read_text() == "old"


@pytest.mark.parametrize(("suffix", "module"), [("csv", "csv.writer"), ("vtu", "meshio.write")])
def test_a_failed_export_leaves_the_old_target(tmp_path, monkeypatch, suffix, module):
    hdf5.write(tmp_path / "a.hdf", grid_contents(1, 0))
    target = tmp_path / f"a.{suffix}"
    target.write_text("old")

    def fail(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(module, fail)
    with pytest.raises(OSError, match="no space left"):
        EXPORTS[suffix](tmp_path / "a.hdf", target)
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_what_a_format_cannot_hold_is_refused_in_words(tmp_path):
    path = tmp_path / "a.hdf"
    hdf5.write(path, Contents({"t": [0.0, 1.0]}, "t", {"u": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="XDMF needs one to three axes of space and this file has 0; use to_csv"):
        export.to_xdmf(path, tmp_path / "a.xdmf")
    hdf5.write(path, grid_contents(2, 2, components=2))
    with pytest.raises(ValueError, match="flow has 2 components; XDMF has vectors of three"):
        export.to_xdmf(path, tmp_path / "a.xdmf")
    axes = {name: [0.0, 1.0] for name in "abcd"}
    hdf5.write(path, Contents(axes, None, {"u": np.ones((2,) * 4)}))
    with pytest.raises(ValueError, match="VTU has three coordinates"):
        export.to_vtu(path, tmp_path / "a.vtu")
    hdf5.write(path, dataclasses.replace(Contents({"x": [0.0]}, None, {"u": [1.0], "u_0": [1.0]})))
    export.to_csv(path, tmp_path / "a.csv")
    hdf5.write(path, Contents({"x": [0.0]}, None, {"u": [[1.0]], "u_0": [1.0]}))
    with pytest.raises(ValueError, match="two columns would be called u_0; rename a field"):
        export.to_csv(path, tmp_path / "a.csv")
    hdf5.write(path, Contents({"x": [0.0, 1.0]}, None, {"ω": [1.0, 2.0]}))
    for exporter in (export.to_xdmf, export.to_netcdf):
        with pytest.raises(ValueError, match="take only names in ASCII, and not 'ω'"):
            exporter(path, tmp_path / "a.out")
    (tmp_path / "a:b.hdf").write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match="with its colon"):
        export.to_xdmf(tmp_path / "a:b.hdf", tmp_path / "a.xdmf")


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("kind", ["line", "line3", "triangle", "triangle6", "quad", "quad9", "tetra", "tetra10"])
def test_meshio_reads_the_same_mesh_and_numbers_from_vtu(tmp_path, mesh_contents, kind, steps):
    import meshio

    contents = mesh_contents(kind, steps)
    hdf5.write(tmp_path / "a.hdf", contents)
    written = export.to_vtu(tmp_path / "a.hdf", tmp_path / "out.vtu")
    grids = [file for file in written if file.suffix == ".vtu"]
    for file, (_, fields) in zip(grids, steps_of(contents), strict=True):
        mesh = meshio.read(file)
        np.testing.assert_array_equal(mesh.points[:, : contents.mesh.dim], contents.mesh.nodes)
        assert [block.type for block in mesh.cells] == [kind]
        np.testing.assert_array_equal(mesh.cells[0].data, contents.mesh.connectivity)
        for name, values in fields.items():
            np.testing.assert_array_equal(mesh.point_data[name], values)


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("kind", ["triangle6", "tetra"])
def test_xarray_opens_a_mesh_from_netcdf_by_the_names_of_ugrid(tmp_path, mesh_contents, kind, steps):
    import xarray

    contents = mesh_contents(kind, steps)
    hdf5.write(tmp_path / "a.hdf", contents)
    export.to_netcdf(tmp_path / "a.hdf", tmp_path / "a.nc")
    with xarray.open_dataset(tmp_path / "a.nc", engine="scipy") as data:
        topology = data["mesh"].attrs
        assert topology["cf_role"] == "mesh_topology"
        assert topology["topology_dimension"] == contents.mesh.dim
        for k, name in enumerate(topology["node_coordinates"].split()):
            np.testing.assert_array_equal(data[name].values, contents.mesh.nodes[:, k])
        role = {2: "face_node_connectivity", 3: "volume_node_connectivity"}[contents.mesh.dim]
        np.testing.assert_array_equal(data[topology[role]].values, contents.mesh.connectivity)
        assert data["node_x"].attrs["units"] == "m"
        for name, values in contents.arrays.items():
            assert data[name].attrs["mesh"] == "mesh"
            np.testing.assert_array_equal(data[name].values, values)


def test_csv_of_a_mesh_has_the_places_of_its_nodes(tmp_path, mesh_contents):
    contents = mesh_contents("triangle", 2)
    hdf5.write(tmp_path / "a.hdf", contents)
    export.to_csv(tmp_path / "a.hdf", tmp_path / "a.csv")
    with open(tmp_path / "a.csv", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["t", "x", "y", "u", "flow_0", "flow_1", "flow_2", "u_std"]
    assert len(rows) == 2 * 4
    # By hand: node 1 is at (2, 0), where u = 1 + 2 + 4 = 7 at first and twice that at t = 0.4.
    assert [float(v) for v in rows[1][:4]] == [0.1, 2.0, 0.0, 7.0]
    assert [float(v) for v in rows[5][:4]] == [0.4, 2.0, 0.0, 14.0]
    assert float(rows[5][-1]) == 1.4


def test_xarray_has_the_places_of_nodes_as_coordinates(mesh_contents):
    contents = mesh_contents("quad9", 2)
    data = export.to_xarray(contents)
    assert data["u"].dims == ("t", "node")
    np.testing.assert_array_equal(data["u"].coords["node_y"].values, contents.mesh.nodes[:, 1])
    np.testing.assert_array_equal(data["cells"].values, contents.mesh.connectivity)
