"""Meshes as JSON: nothing is lost, and text that is not a mesh is refused."""

import copy
import json

import numpy as np
import pytest

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.packed import pack, unpack

MESH = Mesh(np.array([[0, 0], [1, 0], [0.1, 1 / 3]]), np.array([[0, 1, 2]]), "triangle", {"b": [[1, 2]], "a": [[0, 1]]})


def test_a_mesh_survives_json_to_the_last_bit_with_its_pieces_in_order():
    again = unpack(json.loads(json.dumps(pack(MESH))))
    assert again.kind == "triangle"
    assert np.array_equal(again.points, MESH.points)
    assert np.array_equal(again.cells, MESH.cells)
    assert {k: v.tolist() for k, v in again.pieces.items()} == {"b": [[1, 2]], "a": [[0, 1]]}
    assert list(again.pieces) == ["b", "a"]
    assert again.points.flags.writeable


def test_numbers_are_little_endian_so_that_text_is_the_same_everywhere():
    # 1/3 is 0x3FD5555555555555.
    one = Mesh(np.array([[0.0], [1 / 3]]), np.array([[0, 1]]), "line")
    packed = pack(one)
    assert packed["points"] == {"type": "<f8", "shape": [2, 1], "data": "AAAAAAAAAABVVVVVVVXVPw=="}
    assert packed["cells"] == {"type": "<i4", "shape": [1, 2], "data": "AAAAAAEAAAA="}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("kind",), "blob", "kind"),
        (("kind",), ["line"], "kind"),
        (("points",), None, "object"),
        (("points", "type"), "|O", "type"),
        (("points", "type"), "<i4", "type"),
        (("cells", "type"), ["<i4"], "type"),
        (("cells", "type"), "<f8", "type"),
        (("points", "shape"), [10**9, 10**9], "bytes"),
        (("points", "shape"), [6, 1.0], "shape"),
        (("points", "shape"), [-3, -2], "shape"),
        (("points", "shape"), [6], "shape"),
        (("points", "data"), "not base64!", "base64"),
        (("points", "data"), "é", "base64"),
        (("points", "data"), 7, "bytes"),
        (("points", "data"), "AAAA", "bytes"),
        (("cells", "data"), "AAAAAAEAAAAJAAAA", "not among"),
        (("pieces",), {"a": []}, "pieces"),
        (("pieces",), [["a"]], "pair"),
        (("pieces",), [[3, {}]], "pair"),
    ],
)
def test_damaged_text_is_refused_in_words(path, value, words):
    node = copy.deepcopy(pack(MESH))
    place = node
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=words):
        unpack(node)


def test_a_piece_cannot_occur_twice():
    node = pack(MESH)
    node["pieces"] *= 2
    with pytest.raises(ValueError, match="name of its own"):
        unpack(node)
    with pytest.raises(ValueError, match="expected an object"):
        unpack([])


def test_points_that_are_not_finite_are_refused():
    node = pack(MESH)
    node["points"] = pack(Mesh(np.zeros((3, 2)), MESH.cells, "triangle"))["points"]
    node["points"]["data"] = "AAAAAAAA+H8" + node["points"]["data"][11:]
    with pytest.raises(ValueError, match="finite"):
        unpack(node)
