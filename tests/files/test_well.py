"""Samples of operators in The Well's layout."""

import h5py
import numpy as np
import pytest

from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.origin import Origin
from pinnlab.files import well

AXES = (np.arange(6) / 6, np.linspace(0, 1, 5))


def samples(n, seed=0, **changes):
    rng = np.random.default_rng(seed)
    fields = {
        "inputs": rng.normal(size=(n, 2, 6, 5)),
        "outputs": rng.normal(size=(n, 3, 1, 6, 5)),
        "axes": AXES,
        "times": np.array([0.0, 0.5, 1.0]),
        "bounds": rng.uniform(size=n),
        "input_names": ("a", "nu"),
        "output_names": ("u",),
        "coordinates": ("y", "x"),
        "periodic": (True, False),
    }
    return OperatorData(**(fields | changes))


def test_what_is_written_is_read_again(tmp_path):
    data = samples(4)
    well.write(tmp_path / "d.hdf", data, problem="{}")
    again = well.open(tmp_path / "d.hdf")
    for name in ("inputs", "outputs", "bounds", "times"):
        np.testing.assert_array_equal(np.asarray(getattr(again, name)), getattr(data, name))
    assert again.signature == data.signature
    assert again.input_names == ("a", "nu")
    assert again.coordinates == ("y", "x")


def test_only_the_rows_asked_for_are_read_and_in_their_order(tmp_path):
    data = samples(5)
    well.write(tmp_path / "d.hdf", data)
    part = well.open(tmp_path / "d.hdf")[[3, 1, 1]]
    np.testing.assert_array_equal(part.inputs[:], data.inputs[[3, 1, 1]])
    np.testing.assert_array_equal(part.outputs[1:], data.outputs[[1, 1]])
    assert isinstance(part.outputs, type(well.open(tmp_path / "d.hdf").outputs))


def test_samples_are_added_behind_those_of_the_file(tmp_path):
    first, second = samples(3), samples(2, seed=1)
    well.write(tmp_path / "d.hdf", first)
    well.append(tmp_path / "d.hdf", second)
    both = well.open(tmp_path / "d.hdf")
    assert len(both) == 5
    np.testing.assert_array_equal(both.outputs[3:], second.outputs)
    with h5py.File(tmp_path / "d.hdf") as file:
        assert file.attrs["n_trajectories"] == 5


def test_another_grid_is_refused_and_the_file_kept(tmp_path):
    well.write(tmp_path / "d.hdf", samples(3))
    before = (tmp_path / "d.hdf").read_bytes()
    with pytest.raises(ValueError, match="differ in axes; one file holds one grid"):
        well.append(tmp_path / "d.hdf", samples(1, axes=(AXES[0], 2 * AXES[1])))
    assert (tmp_path / "d.hdf").read_bytes() == before


def test_a_file_that_was_cut_off_is_refused_in_words(tmp_path):
    path = tmp_path / "d.hdf"
    well.write(path, samples(50))
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(ValueError, match=r"cut off .*copy or generate it again"):
        well.open(path)
    path.write_text("no such thing")
    with pytest.raises(ValueError, match="not an HDF5 file"):
        well.open(path)
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        well.open(tmp_path / "none.hdf")


def test_samples_that_hold_nan_are_refused_by_their_numbers(tmp_path):
    well.write(tmp_path / "d.hdf", samples(4))
    with h5py.File(tmp_path / "d.hdf", "r+") as file:
        file["t0_fields/u"][2, 0, 1, 1] = np.nan
    data = well.open(tmp_path / "d.hdf")
    assert data.outputs[:2].shape == (2, 3, 1, 6, 5)
    with pytest.raises(ValueError, match="1 of 2 samples hold NaN or infinity, number 2"):
        data.outputs[[3, 2]]
    with pytest.raises(ValueError, match="number 2"):
        data.checked()


def test_a_file_of_another_program_gives_its_first_frame_as_inputs(tmp_path):
    velocity = np.random.default_rng(0).normal(size=(3, 4, 6, 5, 2)).astype(np.float32)
    with h5py.File(tmp_path / "w.hdf5", "w") as file:
        file.attrs.update(grid_type="cartesian", n_spatial_dims=2, n_trajectories=3)
        file.create_group("dimensions").attrs["spatial_dims"] = ["x", "y"]
        file["dimensions/time"] = np.arange(4.0)
        file["dimensions/x"], file["dimensions/y"] = AXES
        for order in range(3):
            file.create_group(f"t{order}_fields").attrs["field_names"] = ["v"] if order == 1 else h5py.Empty("f8")
        file["t1_fields/v"] = velocity
        periodic = file.create_group("boundary_conditions/X_boundary")
        periodic.attrs.update(bc_type="PERIODIC", associated_dims=["x"])
    data = well.open(tmp_path / "w.hdf5")
    assert data.output_names == ("v_0", "v_1")
    assert data.periodic == (True, False)
    np.testing.assert_array_equal(data.inputs[:], np.moveaxis(velocity[:, 0], -1, 1))
    np.testing.assert_array_equal(data.outputs[1:2], np.moveaxis(velocity[1:2], -1, 2))
    assert np.isnan(data.bounds).all()


def test_the_layout_is_that_of_the_well(tmp_path):
    well.write(tmp_path / "d.hdf", samples(2))
    with h5py.File(tmp_path / "d.hdf") as file:
        assert {"dimensions", "boundary_conditions", "scalars", "t0_fields", "t1_fields", "t2_fields"} < set(file)
        assert file["t0_fields/u"].shape == (2, 3, 6, 5)
        assert list(file["t0_fields"].attrs["field_names"]) == ["u"]
        assert file["t0_fields/u"].attrs["sample_varying"]
        assert file["boundary_conditions/y_periodic"].attrs["bc_type"] == "PERIODIC"


def test_an_unfinished_file_is_neither_read_nor_added_to(tmp_path):
    path = tmp_path / "d.hdf.part"
    well.write(path, samples(4))
    with h5py.File(path, "r+") as file:
        file["pinnlab/done"] = np.array([1, 0, 1, 0], np.uint8)
    for use in (well.open, lambda p: well.append(p, samples(1))):
        with pytest.raises(ValueError, match=r"is unfinished: 2 of 4 samples are missing; go on with generate"):
            use(path)
    with h5py.File(path, "r+") as file:
        file["pinnlab/done"][:] = 1
    assert len(well.open(path)) == 4


def test_the_family_and_the_members_are_kept_with_the_samples(tmp_path):
    origin = Origin("heat", "f", np.array([[3, 0], [3, 1], [3, 2], [3, 3]]))
    data = samples(4, origin=origin)
    path = tmp_path / "a.hdf"
    well.write(path, data[2:])
    assert well.open(path).origin.members.tolist() == [[3, 2], [3, 3]]
    well.append(path, data[:1])
    found = well.open(path)
    assert (found.origin.problem, found.origin.family) == ("heat", "f")
    assert found[[2, 0]].loaded().origin.members.tolist() == [[3, 0], [3, 2]]
    # Of samples from elsewhere nothing is known, and so of none of the file.
    well.append(path, samples(1))
    assert well.open(path).origin is None


@pytest.mark.parametrize("said", [None, "{", "[]", "{}", '{"problem": "heat"}'])
def test_what_is_damaged_of_the_family_is_told(tmp_path, said):
    path = tmp_path / "a.hdf"
    well.write(path, samples(2, origin=Origin("heat", "f", np.array([[3, 0], [3, 1]]))))
    with h5py.File(path, "r+") as file:
        del file["pinnlab"].attrs["family"]
        if said is not None:
            file["pinnlab"].attrs["family"] = said
    with pytest.raises(ValueError, match="family of its samples is damaged"):
        well.open(path)
