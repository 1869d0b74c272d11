import numpy as np
import pytest

from pinnlab.files.contents import Contents

T, X, U = np.linspace(0, 1, 3), np.linspace(-1, 1, 5), np.ones((3, 5))


def made(**changes):
    settings = {"axes": {"t": T, "x": X}, "time": "t", "fields": {"u": np.ones((3, 5))}} | changes
    return Contents(**settings)


def test_lists_and_integers_become_float64_arrays():
    contents = made(axes={"t": [0, 1], "x": [0, 1, 2]}, fields={"u": np.ones((2, 3), int)})
    assert contents.axes["t"].dtype == contents.fields["u"].dtype == np.float64


def test_float32_fields_stay_float32():
    assert made(fields={"u": np.ones((3, 5), np.float32)}).fields["u"].dtype == np.float32


def test_history_keeps_integers_apart_from_reals():
    history = made(history={"step": np.arange(2, dtype=np.int32), "loss": [0.5, 0.25]}).history
    assert history["step"].dtype == np.int64
    assert history["loss"].dtype == np.float64


def test_space_is_all_but_time_and_a_vector_has_components():
    contents = made(fields={"u": np.ones((3, 5)), "v": np.ones((3, 5, 2))})
    assert contents.grid == (3, 5)
    assert contents.space == ("x",)
    assert contents.components == 2
    assert made().components is None


def test_labels_default_to_one_and_to_the_name():
    contents = made(units={"u": "m/s"}, long_names={"u": "velocity"}, bounds={"u_error_bound": np.array(1e-3)})
    assert [contents.unit(name) for name in ("u", "u_error_bound", "x")] == ["m/s", "m/s", "1"]
    assert contents.long_name("u_error_bound") == "error bound of velocity"
    assert contents.long_name("x") == "x"


def test_an_empty_time_axis_is_a_file_still_to_be_streamed():
    assert made(axes={"t": [], "x": X}, fields={"u": np.empty((0, 5))}).grid == (0, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": {}, "time": None, "fields": {}}, "axes: there is none"),
        ({"time": "x"}, "time='x' must be the first of the axes t, x"),
        ({"axes": {"t": T, "x": X[::-1]}}, "axis 'x' does not increase from entry 0"),
        ({"axes": {"t": T, "x": [-1, 0, 0, 1, 2]}}, r"from entry 1 \(0\) to the next \(0\)"),
        ({"axes": {"t": T, "x": [-1, 0, np.nan, 1, 2]}}, "axis 'x' holds a value that is not finite"),
        ({"axes": {"t": T, "x": []}}, "axis 'x' has the shape"),
        ({"axes": {"t": T, "x": X.reshape(1, 5)}}, "axis 'x' has the shape"),
        ({"fields": {"u": np.ones((5, 3))}}, r"field 'u' has the shape \(5, 3\).* ask for \(3, 5\)"),
        ({"fields": {"u": np.ones((3, 5, 1, 1))}}, "field 'u' has the shape"),
        ({"fields": {"u": np.ones((3, 5), complex)}}, "give real numbers"),
        ({"fields": {"x": np.ones((3, 5))}}, "field 'x' has the name of an axis"),
        ({"fields": {"u_error_bound": np.ones((3, 5))}}, "rename the field"),
        ({"fields": {"history": np.ones((3, 5))}}, "'history' is reserved"),
        ({"fields": {"VTKHDF": np.ones((3, 5))}}, "'VTKHDF' is reserved"),
        ({"fields": {"u/v": np.ones((3, 5))}}, "'u/v' must be a text, not empty, without '/'"),
        ({"fields": {"u": np.ones((3, 5, 2)), "v": np.ones((3, 5, 3))}}, "{'u': 2, 'v': 3} components"),
        ({"bounds": {"w_error_bound": np.array(1.0)}}, "belongs to no field"),
        ({"bounds": {"u": np.array(1.0)}}, "belongs to no field"),
        ({"bounds": {"u_error_bound": np.ones(5)}}, r"has the shape \(5,\); give one of \[\(\), \(3,\)\]"),
        ({"deviations": {"w_std": np.ones((3, 5))}}, "belongs to no field"),
        ({"deviations": {"u": np.ones((3, 5))}}, "belongs to no field"),
        ({"deviations": {"u_std": np.ones(5)}}, r"has the shape \(5,\); its field has \(3, 5\)"),
        ({"deviations": {"u_std": -np.ones((3, 5))}}, r"negative somewhere \(-1\)"),
        ({"fields": dict.fromkeys(("u", "u_std"), U), "deviations": {"u_std": U}}, "has the name of one"),
        ({"history": {"step": [1, 2], "loss": [1.0]}}, "columns differ in length: {'step': 2, 'loss': 1}"),
        ({"history": {"row": [1.0]}}, "the name of the row number"),
        ({"history": {"loss": [[1.0]]}}, "give a vector"),
        ({"metrics": {"a/b": 1.0}}, "metrics: the name 'a/b'"),
        ({"metrics": {"l2": "small"}}, r"metrics\['l2'\] must be a real number"),
        ({"parameters": {"nu": 1j}}, r"parameters\['nu'\] must be a real number"),
        ({"units": {"y": "m"}}, "units: 'y' is neither an axis nor a field"),
        ({"title": 3}, "title must be a text"),
        ({"title": "x" * 5000}, "title takes 5000 bytes; shorten it to 4096"),
        ({"provenance": {"host": "a\0b"}}, r"provenance\['host'\] must be a text without NUL"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_name(changes, message):
    with pytest.raises(ValueError, match=message):
        made(**changes)


def test_on_a_mesh_space_is_the_axis_of_the_nodes(mesh_contents):
    contents = mesh_contents("triangle", 2)
    assert contents.space == ("node",)
    assert contents.components == 3
    np.testing.assert_array_equal(contents.places["node_y"], contents.mesh.nodes[:, 1])
    assert (contents.unit("node_x"), contents.unit("node_y")) == ("m", "1")
    assert contents.long_name("node_y") == "y"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": {"t": [0.0], "node": [0.0, 1]}}, "on a mesh of 4 nodes the axis of space is 'node' with 0, 1, 2"),
        ({"axes": {"t": [0.0], "x": np.arange(4)}}, "and not x; see mesh_axes"),
        ({"axes": {"t": [0.0], "node": [0.0, 1, 2, 5]}}, "on a mesh of 4 nodes"),
        ({"axes": {"t": [0.0], "node": np.arange(4), "x": [0.0]}}, "and not node, x"),
        ({"fields": {"x": np.ones((1, 4))}}, "the name 'x' belongs to the mesh"),
        ({"fields": {"node_y": np.ones((1, 4))}}, "the name 'node_y' belongs to the mesh"),
        ({"fields": {"cells": np.ones((1, 4))}}, "the name 'cells' belongs to the mesh"),
        ({"fields": {"mesh": np.ones((1, 4))}}, "'mesh' is reserved"),
        ({"fields": {"u": np.ones((1, 5))}}, r"the axes t, node ask for \(1, 4\)"),
    ],
)
def test_what_does_not_fit_on_a_mesh_is_refused_with_its_name(mesh_contents, changes, message):
    sound = {"axes": {"t": [0.0], "node": np.arange(4)}, "time": "t", "mesh": mesh_contents("triangle", 1).mesh}
    with pytest.raises(ValueError, match=message):
        Contents(**(sound | changes))
