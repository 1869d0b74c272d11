import hashlib
import os

import h5py
import numpy as np
import pytest

from pinnlab.files import hdf5


def damage_values(path, name):
    """Turn one bit in the middle of the first stored chunk."""
    with h5py.File(path) as file:
        chunk = file[name].id.get_chunk_info(0)
    with open(path, "r+b") as stream:
        stream.seek(chunk.byte_offset + chunk.size // 2)
        (byte,) = stream.read(1)
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte ^ 1]))


def test_one_wrong_bit_is_caught_by_the_checksum(written):
    damage_values(written, "u")
    with pytest.raises(hdf5.UnreadableFile, match="/u cannot be read"):
        hdf5.read(written)
    (fault,) = hdf5.check(written)
    assert "/u cannot be read in 1 of 3 time steps, its checksum is wrong (time step 0" in fault


def test_a_sound_file_has_no_fault(written):
    assert hdf5.check(written, lambda text: hashlib.sha256(text.encode()).hexdigest()) == []


def test_check_counts_what_is_not_finite_and_names_the_first_place(tmp_path, simple_contents):
    contents = simple_contents(4)
    contents.fields["u"][2, 5] = np.nan
    contents.fields["u"][3, 1:3] = np.inf
    hdf5.write(tmp_path / "a.hdf", contents)
    message = "/u holds 3 of 32 values that are not finite, the first at t[2] = 1, x[5] = 0.714286"
    assert hdf5.check(tmp_path / "a.hdf") == [message]


def test_check_lists_missing_parts_and_wrong_shapes(written):
    with h5py.File(written, "r+") as file:
        del file["w"], file["u"]
        file["u"] = np.zeros((3, 5, 4))
    faults = hdf5.check(written)
    assert any("/w is missing" in fault for fault in faults)
    assert any("/u has the shape (3, 5, 4) and the axes t, y, x ask for (3, 4, 5)" in fault for fault in faults)
    with h5py.File(written, "r+") as file:
        del file["history"], file["x"]
    faults = hdf5.check(written)
    assert any("the group /history is missing" in fault for fault in faults)
    assert any("/x is missing" in fault for fault in faults)


def test_check_finds_a_field_without_its_axis(written):
    with h5py.File(written, "r+") as file:
        file["u"].dims[2].detach_scale(file["x"])
    assert any("/u is not attached to its axis /x" in fault for fault in hdf5.check(written))


def test_check_compares_the_identity_of_the_problem(written):
    (fault,) = hdf5.check(written, lambda text: "another")
    assert fault.startswith("problem_sha256 is ")
    assert "/problem/json gives 'another'" in fault

    def refuse(text):
        raise ValueError("unknown node")

    assert "cannot be read: unknown node" in hdf5.check(written, refuse)[0]


def test_check_reads_deviations_and_counts_those_that_are_negative(written):
    with h5py.File(written, "r+") as file:
        file["u_std"][1, 2, 3:] = -1.0
    assert hdf5.check(written) == ["/u_std holds 2 negative values and is a standard deviation"]
    with h5py.File(written, "r+") as file:
        file["u_std"].dims[2].detach_scale(file["x"])
    faults = hdf5.check(written)
    assert any("/u_std is not attached to its axis /x" in fault for fault in faults)
    with h5py.File(written, "r+") as file:
        del file["u_std"]
    assert any("/u_std is missing" in fault for fault in hdf5.check(written))


def test_check_finds_a_broken_link_to_a_deviation(written):
    with h5py.File(written, "r+") as file:
        del file["VTKHDF/PointData/w_std"]
    (fault,) = hdf5.check(written)
    assert "/VTKHDF/PointData/w_std is not the same data as /w_std" in fault
