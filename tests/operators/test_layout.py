"""What numbers mean."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from pinnlab.datasets.data import OperatorData
from pinnlab.operators.layout import Layout, equal_step, same_times, told


def data(n=8, times=(0.0, 0.5, 1.0), end=4.0, periodic=True):
    axis = np.arange(n) * end / n if periodic else np.linspace(0, end, n)
    shape = (2, len(times) or 1, 1, n)
    values = np.ones(shape, np.float32)
    return OperatorData(values[:, 0], values, (axis,), times, [np.nan] * 2, ["u"], ["u"], ["x"], [periodic])


def test_a_layout_says_what_the_data_do():
    layout = Layout.of(data())
    box, times = ((0.0, 4.0),), (0.0, 0.5, 1.0)
    assert layout == Layout(("u",), ("u",), ("x",), (True,), box, (8,), times, "float32", (True,))
    assert (layout.frames, layout.step, layout.torch_dtype) == (3, 0.5, torch.float32)
    assert Layout.of(data(times=())).frames == 1


def test_positions_are_scaled_by_the_box_of_training_on_any_grid():
    found = Layout.of(data()).positions([np.arange(16) * 4 / 16])
    torch.testing.assert_close(found, torch.arange(16.0)[:, None] / 16)


def test_other_resolutions_and_times_mean_the_same():
    Layout.of(data()).require_same_meaning(data(32, (0.0, 1.0)))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (data(end=5.0), "from 0 to 5, and in the training data from 0 to 4"),
        (data(periodic=False), "their periodic are"),
        (dataclasses.replace(data(), output_names=("v",)), "their output_names are"),
    ],
)
def test_data_of_another_meaning_are_refused(other, message):
    with pytest.raises(ValueError, match=message):
        Layout.of(data()).require_same_meaning(other)


def test_an_axis_for_each_coordinate_is_asked_for():
    with pytest.raises(ValueError, match="2 axes for the coordinates x"):
        Layout.of(data()).positions([np.arange(3.0)] * 2)


def test_nodes_outside_the_box_are_refused():
    Layout.of(data()).positions([np.array([-0.2, 2.0])])
    for nodes in ([-0.3, 2.0], [0.0, 4.3], [], [0.0, np.nan]):
        with pytest.raises(ValueError, match="nodes along x must be in the box of the training data, from 0 to 4"):
            Layout.of(data()).positions([np.array(nodes)])


def test_stretched_grids_are_refused_where_the_training_had_uniform_ones():
    uniform, stretched = data(5, periodic=False), np.array([0.0, 0.5, 1.5, 3.0, 4.0])
    for nodes in (stretched, np.linspace(4, 0, 5)):
        with pytest.raises(ValueError, match="nodes along x are not equally far apart, and those of the training data"):
            Layout.of(uniform).positions([nodes])
    Layout.of(uniform).positions([np.linspace(0, 4, 2000, dtype=np.float32)])
    layout = Layout.of(dataclasses.replace(uniform, axes=(stretched,)))
    assert layout.uniform == (False,)
    layout.positions([stretched**2 / 4])


def test_steps_must_be_equal():
    assert equal_step(np.float32([0, 0.1, 0.2, 0.3])) == pytest.approx(0.1)
    with pytest.raises(ValueError, match=r"between 0.1 and 0.2 apart; .*AllToAll"):
        equal_step([0, 0.1, 0.3])
    with pytest.raises(ValueError, match="SolutionMap"):
        equal_step([])


def test_times_are_the_same_up_to_single_precision():
    assert same_times([0.1, 0.2], [0.1 + 1e-8, 0.2])
    assert not same_times([0.1, 0.2], [0.1, 0.21])
    assert not same_times([0.1, 0.2], [0.1])
    assert same_times([], [])


def test_many_times_are_told_in_short():
    assert told([]) == "(none)"
    assert told([0.5, 1]) == "0.5, 1"
    assert told(range(9)) == "0, 1, 2, …, 8"


def test_complex_points_are_refused():
    with pytest.raises(ValueError, match="points are complex; give real numbers"):
        Layout.of(data()).places(np.array([[0.5 + 1j, 1.0]]))
