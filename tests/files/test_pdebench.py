"""Samples from files as PDEBench lays them out."""

import h5py
import numpy as np
import pytest

from pinnlab.files import pdebench

X = (np.arange(8) + 0.5) / 8


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def write(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name.replace("_coordinate", "-coordinate")] = values
    return path


def test_one_array_with_one_time_too_many(tmp_path):
    tensor = numbers(3, 4, 8)
    path = write(tmp_path / "a.hdf5", tensor=tensor, x_coordinate=X, t_coordinate=np.arange(5.0))
    data = pdebench.open(path, periodic=(True,))
    assert data.times.tolist() == [0, 1, 2, 3]
    assert data.signature.periodic == (True,)
    np.testing.assert_array_equal(data.outputs[:], tensor[:, :, None])
    np.testing.assert_array_equal(data.inputs[1:], tensor[1:, None, 0])
    assert np.isnan(data.bounds).all()


def test_darcy_flow_has_its_coefficient_as_input(tmp_path):
    u, nu = numbers(3, 1, 8, 8), numbers(3, 8, 8) ** 2
    path = write(tmp_path / "a.hdf5", tensor=u, nu=nu, x_coordinate=X, y_coordinate=X, t_coordinate=np.zeros(1))
    data = pdebench.open(path)
    assert data.input_names == ("nu",)
    assert (data.frames, len(data.times)) == (1, 0)
    np.testing.assert_array_equal(data.inputs[:], nu[:, None])
    np.testing.assert_array_equal(data.outputs[[2]], u[[2], :, None])


def test_a_flow_has_a_channel_for_each_array(tmp_path):
    arrays = {n: numbers(2, 3, 8, 8) + i for i, n in enumerate(("Vx", "Vy", "density", "pressure"))}
    path = write(tmp_path / "a.h5", **arrays, x_coordinate=X, y_coordinate=X, t_coordinate=np.arange(4.0))
    data = pdebench.open(path)
    assert data.output_names == ("density", "pressure", "Vx", "Vy")
    np.testing.assert_array_equal(data.outputs[:][:, :, 2], arrays["Vx"])


def seeded(path, count=3, other=None):
    values = numbers(count, 4, 8, 2)
    with h5py.File(path, "w") as file:
        for i in range(count):
            file[f"{i:04d}/data"] = values[i]
            file[f"{i:04d}/grid/x"] = X if i != other else 2 * X
            file[f"{i:04d}/grid/t"] = np.arange(4.0)
    return values


def test_one_group_for_each_sample(tmp_path):
    values = seeded(tmp_path / "a.h5")
    data = pdebench.open(tmp_path / "a.h5")
    np.testing.assert_array_equal(data.outputs[[2, 0]], np.moveaxis(values[[2, 0]], -1, 2))
    np.testing.assert_array_equal(data.coarsened(7).inputs[:], np.moveaxis(values[:, 0], -1, 1)[..., ::7])
    assert data.output_names == ("u0", "u1")


def test_mixed_grids_are_refused_by_the_number_of_the_sample(tmp_path):
    seeded(tmp_path / "a.h5", other=2)
    with pytest.raises(ValueError, match="of 0002 differ from those of 0000"):
        pdebench.open(tmp_path / "a.h5")


def test_other_layouts_are_refused_in_words(tmp_path):
    with pytest.raises(ValueError, match="it holds a"):
        pdebench.open(write(tmp_path / "a.h5", a=X))
    tensor = numbers(1, 3, 4, 8)
    path = write(tmp_path / "b.h5", tensor=tensor, x_coordinate=X, t_coordinate=np.arange(4.0))
    with pytest.raises(ValueError, match="leading axis of 1 must go"):
        pdebench.open(path)
    path = write(tmp_path / "c.h5", tensor=tensor[0], x_coordinate=X, t_coordinate=np.arange(9.0))
    with pytest.raises(ValueError, match="9 times for 4 frames"):
        pdebench.open(path)


def test_a_file_that_was_cut_off_and_nan_are_refused(tmp_path):
    tensor = numbers(300, 4, 8)
    tensor[7, 1, 1] = np.nan
    path = write(tmp_path / "a.hdf5", tensor=tensor, x_coordinate=X, t_coordinate=np.arange(4.0))
    with pytest.raises(ValueError, match="number 7"):
        pdebench.open(path).checked()
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(ValueError, match="cut off"):
        pdebench.open(path)
