import random
import re

import h5py
import numpy as np
import pytest

from pinnlab.files import hdf5


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip archive", b"t,x,u\n0,0,1\n"])
def test_what_is_not_hdf5_is_said_to_be_so(tmp_path, content):
    path = tmp_path / "a.hdf"
    path.write_bytes(content)
    with pytest.raises(hdf5.UnreadableFile, match="this is not an HDF5 file"):
        hdf5.read(path)
    assert len(hdf5.check(path)) == 1


def test_a_foreign_file_is_named_with_its_keys(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tensor"], file["x-coordinate"] = [1.0], [0.0]
    message = "no pinnlab_schema attribute; it was not written by pinnlab; keys found: tensor, x-coordinate"
    with pytest.raises(hdf5.UnreadableFile, match=message):
        hdf5.read(tmp_path / "a.h5")


def test_a_file_of_a_later_schema_asks_for_an_upgrade(written):
    with h5py.File(written, "r+") as file:
        file.attrs["pinnlab_schema"] = 2
    with pytest.raises(hdf5.UnreadableFile, match="upgrade pinnlab"):
        hdf5.read(written)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_said_to_be_cut(written, share):
    content = written.read_bytes()
    written.write_bytes(content[: int(share * len(content))])
    with pytest.raises(hdf5.UnreadableFile, match="damaged or cut off"):
        hdf5.read(written)


def test_random_damage_gives_a_sentence_or_the_same_numbers(tmp_path, simple_contents):
    path = tmp_path / "a.hdf"
    hdf5.write(path, simple_contents())
    content, dice, refused = path.read_bytes(), random.Random(0), []
    for _ in range(150):
        damaged = bytearray(content)
        start = dice.randrange(len(content))
        damaged[start : start + 16] = dice.randbytes(len(damaged[start : start + 16]))
        path.write_bytes(damaged)
        try:
            hdf5.read(path)
        except ValueError as error:
            refused.append(str(error))
    assert len(refused) > 10
    assert all(str(path) in message for message in refused)


@pytest.mark.parametrize("name", ["u", "t", "problem"])
def test_links_out_of_the_file_are_refused(written, tmp_path, name):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["u"], file["t"] = np.zeros((3, 4, 5)), np.arange(3.0)
        file.create_group("problem")
    with h5py.File(written, "r+") as file:
        del file[name]
        file[name] = h5py.ExternalLink("secret.h5", name)
    with pytest.raises(hdf5.UnreadableFile, match=f"/{name} is not a .* stored in this file"):
        hdf5.read(written)


def test_external_and_virtual_data_are_refused(written, tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(8 * 60))
    with h5py.File(written, "r+") as file:
        del file["u"]
        file.create_dataset("u", (3, 4, 5), float, external=[("secret.bin", 0, 480)])
    with pytest.raises(hdf5.UnreadableFile, match="/u is not a data set stored in this file"):
        hdf5.read(written)
    with h5py.File(written, "r+") as file:
        del file["u"]
        view = h5py.VirtualLayout((3, 4, 5), float)
        view[...] = h5py.VirtualSource("secret.h5", "u", (3, 4, 5))
        file.create_virtual_dataset("u", view)
    with pytest.raises(hdf5.UnreadableFile, match="/u is not a data set stored in this file"):
        hdf5.read(written)


def test_an_opaque_or_compound_value_is_refused(written):
    with h5py.File(written, "r+") as file:
        del file["u"], file["history/loss"]
        file["u"] = np.zeros((3, 4, 5), complex)
        file["history/loss"] = np.zeros(4, h5py.opaque_dtype(np.dtype("datetime64[s]")))
    with pytest.raises(hdf5.UnreadableFile, match="neither real numbers nor text"):
        hdf5.read(written)
    assert any("/u has the type complex128" in fault for fault in hdf5.check(written))


def test_a_claim_of_values_that_were_never_stored_is_refused(written):
    with h5py.File(written, "r+") as file:
        labels = dict(file["u"].attrs)
        del file["u"]
        bomb = file.create_dataset("u", (3, 10**6, 10**6), float, chunks=(1, 100, 100))
        bomb.attrs.update({name: labels[name] for name in ("units", "long_name")})
    with pytest.raises(hdf5.UnreadableFile, match="claims 24000000000000 bytes of which 0 are stored"):
        hdf5.read(written)


def test_a_name_list_of_a_million_brackets_is_refused(written):
    with h5py.File(written, "r+") as file:
        file.attrs["pinnlab_names"] = "[" * 60_000
    with pytest.raises(hdf5.UnreadableFile):
        hdf5.read(written)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("node_x", np.zeros(3), "node_x, node_y differ in length"),
        ("node_x", np.array([0.0, np.nan, 0, 0]), "node 1 is not at a finite place"),
        ("mesh/connectivity", np.array([[0, 1, 9]]), "not among the 4 nodes"),
        ("mesh/connectivity", np.array([[0.0, 1, 2]]), "must be numbers of nodes"),
        ("mesh/connectivity", np.zeros(3, int), "should have 2 axes"),
        ("mesh/pieces/wall", np.array([[0, -1]]), "piece 'wall' names a node"),
    ],
)
def test_a_mesh_that_does_not_fit_together_is_refused(tmp_path, mesh_contents, name, values, message):
    path = tmp_path / "a.hdf"
    hdf5.write(path, mesh_contents("triangle", 2))
    with h5py.File(path, "r+") as file:
        labels = dict(file[name].attrs)
        del file[name]
        file[name] = values
        file[name].attrs.update({key: label for key, label in labels.items() if key in ("units", "long_name")})
    with pytest.raises(hdf5.UnreadableFile, match=message):
        hdf5.read(path)
    assert re.search(f"{message}|node_x holds 1 of 4 values that are not finite", hdf5.check(path)[0])


def test_a_mesh_of_unknown_cells_and_links_out_of_it_are_refused(tmp_path, mesh_contents):
    path = tmp_path / "a.hdf"
    hdf5.write(path, mesh_contents("triangle", 0))
    with h5py.File(path, "r+") as file:
        file["mesh"].attrs["kind"] = "wedge"
    with pytest.raises(hdf5.UnreadableFile, match="the kind 'wedge' is not known"):
        hdf5.read(path)
    with h5py.File(path, "r+") as file:
        del file["mesh"]
        file["mesh"] = h5py.ExternalLink("other.h5", "mesh")
    with pytest.raises(hdf5.UnreadableFile, match="/mesh is not a group stored in this file"):
        hdf5.read(path)


def test_a_file_of_samples_is_said_to_be_one(tmp_path):
    path = tmp_path / "samples.hdf"
    with h5py.File(path, "w") as file:
        file.create_group("t0_fields")
        file.create_group("dimensions")
    with pytest.raises(ValueError, match="samples of an operator and no solution; `pinnlab info` and"):
        hdf5.read(path)
