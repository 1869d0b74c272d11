import dataclasses

import h5py
import numpy as np
import pytest

from pinnlab.files import hdf5, layout


def test_the_layout_is_the_documented_one(written):
    with h5py.File(written) as file:
        assert file.attrs["Conventions"] == "CF-1.11"
        assert file.attrs["pinnlab_schema"] == 1
        assert file.attrs["created"] == "2024-01-01T00:00:00+00:00"
        u = file["u"]
        assert u.chunks == (1, 4, 5)
        assert (u.compression, u.shuffle, u.fletcher32) == ("gzip", True, True)
        assert [dimension[0].name for dimension in u.dims] == ["/t", "/y", "/x"]
        assert u.attrs["units"] == "1/s"
        assert u.attrs["long_name"] == "vorticity"
        assert u.attrs["ancillary_variables"] == "u_std u_error_bound"
        assert [dimension[0].name for dimension in file["u_std"].dims] == ["/t", "/y", "/x"]
        assert (file["u_std"].attrs["units"], file["u_std"].chunks) == ("1/s", (1, 4, 5))
        assert file["u_std"].attrs["long_name"] == "standard deviation of vorticity"
        assert [file[name].attrs["axis"] for name in ("t", "y", "x")] == ["T", "Y", "X"]
        assert dict(file["problem/parameters"].attrs) == {"nu": 0.01, "Re": 100.0}
        assert len(file["problem/json"].asstr()[()]) > 200_000


def test_xarray_opens_the_history_as_a_table(written):
    import xarray

    with xarray.open_dataset(written, engine="h5netcdf", group="history") as table:
        assert table.sizes == {"row": 4}
        np.testing.assert_array_equal(table["step"], [1, 2, 3, 4])


def test_thousands_of_metrics_fit(tmp_path, simple_contents):
    contents = dataclasses.replace(simple_contents(), metrics={f"m{n}": n / 3 for n in range(3000)})
    hdf5.write(tmp_path / "a.hdf", contents)
    assert hdf5.read(tmp_path / "a.hdf").metrics == contents.metrics


@pytest.mark.parametrize(
    ("shape", "time", "chunk"),
    [
        ((50, 4, 5), True, (1, 4, 5)),
        ((50, 3), True, (50, 3)),
        ((5000,), True, (1024,)),
        ((4, 5), False, (4, 5)),
        ((9, 1024, 1024, 1024), True, (1, 512, 512, 512)),
    ],
)
def test_a_chunk_is_a_step_unless_it_is_tiny_or_above_a_gibibyte(shape, time, chunk):
    assert layout.chunk_shape(shape, time, 8) == chunk


def test_the_layout_of_a_mesh_is_the_documented_one(tmp_path, mesh_contents):
    hdf5.write(tmp_path / "a.hdf", mesh_contents("triangle6", 3))
    with h5py.File(tmp_path / "a.hdf") as file:
        assert [dimension[0].name for dimension in file["u"].dims] == ["/t", "/node"]
        assert file["u"].attrs["coordinates"] == "node_x node_y"
        assert [dimension[0].name for dimension in file["node_x"].dims] == ["/node"]
        assert (file["node_x"].attrs["long_name"], file["node_x"].attrs["units"]) == ("x", "m")
        assert "axis" not in file["node"].attrs
        assert file["mesh"].attrs["kind"] == "triangle6"
        assert file["mesh/connectivity"].shape == (2, 6)
        assert list(file["mesh/pieces/wall"][0]) == [0, 1]
        for name in ("node_x", "mesh/connectivity", "mesh/pieces/wall", "u"):
            assert file[name].fletcher32, name
