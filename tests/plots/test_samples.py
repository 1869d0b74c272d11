"""Pictures of one sample: what is drawn over what, and what is refused."""

import io

import numpy as np
import pytest

from pinnlab.datasets.data import OperatorData
from pinnlab.plots.samples import plot_answer, plot_sample


def data(inputs, outputs, axes, times=(), **more):
    names = ("x", "y", "z")[: len(axes)]
    channels = tuple("abc"[: inputs.shape[1]]), tuple("uvw"[: outputs.shape[2]])
    return OperatorData(inputs, outputs, axes, times, [np.nan] * len(inputs), *channels, names, (False,) * len(axes))


def titles(figure):
    return [a.get_title() for a in figure.axes if a.get_title()]


def shown(axes):
    return np.asarray(axes.collections[0].get_array())


def drawn(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    assert len(buffer.getvalue()) > 1000
    return figure


def test_a_steady_answer_on_a_line_is_lines_with_the_error_worked_by_hand():
    x = np.linspace(0, 1, 3)
    truth = np.array([[[[3.0, 0.0, 4.0]]]])
    given = data(np.array([[[0.0, 1.0, 2.0], [7.0, 7.0, 7.0]]]), truth, (x,))
    figure = drawn(plot_answer(given, truth[0] + [0.0, 0.5, 0.0]))
    assert titles(figure) == ["input a", "u: truth", "u: prediction", "error, relative L2 1.0e-01"]
    assert figure.get_suptitle() == "sample 0, b = 7"
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [0, 1, 2])
    np.testing.assert_array_equal(figure.axes[2].lines[1].get_ydata(), [3, 0.5, 4])
    np.testing.assert_array_equal(figure.axes[3].lines[0].get_ydata(), [0, 0.5, 0])


def test_frames_on_a_line_are_maps_with_time_to_the_right():
    x, times = np.linspace(0, 1, 3), (0.0, 0.5)
    truth = np.arange(12.0).reshape(2, 2, 1, 3)
    given = data(np.arange(6.0).reshape(2, 1, 3), truth, (x,), times)
    figure = drawn(plot_answer(given, truth[1] + 0.5, 1))
    exact, found, error = figure.axes[1:4]
    assert (exact.get_xlabel(), exact.get_ylabel()) == ("t", "x")
    np.testing.assert_array_equal(shown(exact), [[6, 9], [7, 10], [8, 11]])
    assert found.collections[0].get_clim() == exact.collections[0].get_clim() == (6, 11)
    assert error.collections[0].get_clim() == (-0.5, 0.5)
    assert figure.get_suptitle() == "sample 1"


def test_in_the_plane_x_is_to_the_right_and_the_last_frame_is_drawn():
    axes = np.linspace(0, 1, 2), np.linspace(0, 2, 3)
    inputs, truth = np.arange(12.0).reshape(1, 2, 2, 3), np.arange(24.0).reshape(1, 2, 2, 2, 3)
    figure = drawn(plot_answer(data(inputs, truth, axes, (0.0, 1.0)), truth[0]))
    # Two inputs and two outputs: two rows of four, and as many colour bars.
    assert len(figure.axes) == 16
    first = figure.axes[0]
    assert (first.get_xlabel(), first.get_ylabel()) == ("x", "y")
    np.testing.assert_array_equal(shown(first), inputs[0, 0].T)
    np.testing.assert_array_equal(shown(figure.axes[1]), truth[0, 1, 0].T)
    assert figure.get_suptitle() == "sample 0 at t = 1"


def test_in_space_the_middle_plane_is_drawn():
    axes = (np.linspace(0, 1, 2),) * 2 + (np.linspace(0, 1, 3),)
    truth = np.arange(12.0).reshape(1, 1, 1, 2, 2, 3)
    figure = drawn(plot_answer(data(truth[:, 0] + 1, truth, axes), truth[0]))
    np.testing.assert_array_equal(shown(figure.axes[1]), truth[0, 0, 0, :, :, 1].T)
    assert figure.get_suptitle() == "sample 0 at z = 0.5"


def test_an_input_that_is_a_number_leaves_no_empty_picture():
    x = np.linspace(0, 1, 3)
    truth = np.ones((1, 1, 1, 3))
    figure = drawn(plot_answer(data(np.full((1, 1, 3), 2.0), truth, (x,)), truth[0]))
    assert titles(figure) == ["u: truth", "u: prediction", "error, relative L2 0.0e+00"]


@pytest.mark.parametrize(
    ("prediction", "number", "says"),
    [
        (np.ones((1, 1, 3)), 1, "sample 1 of 1"),
        (np.ones((1, 1, 3)), 0.0, "sample 0.0 of 1"),
        (np.ones((1, 3)), 0, r"a prediction \(1, 3\) of a truth \(1, 1, 3\)"),
        (np.full((1, 1, 3), np.nan), 0, "NaN or infinity"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(prediction, number, says):
    given = data(np.ones((1, 1, 3)), np.ones((1, 1, 1, 3)), (np.linspace(0, 1, 3),))
    with pytest.raises(ValueError, match=says):
        plot_answer(given, prediction, number)


def test_a_sample_is_drawn_with_its_inputs_above_its_outputs():
    x, times = np.linspace(0, 1, 3), (0.0, 0.5)
    given = data(np.arange(12.0).reshape(2, 2, 3), np.arange(12.0).reshape(2, 2, 1, 3), (x,), times)
    figure = drawn(plot_sample(given, 1))
    assert titles(figure) == ["input a", "input b", "u"]
    assert figure.get_suptitle() == "sample 1"
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), [9, 10, 11])
    np.testing.assert_array_equal(shown(figure.axes[2]), [[6, 9], [7, 10], [8, 11]])
    with pytest.raises(ValueError, match="sample 2 of 2; give a number from 0 to 1"):
        plot_sample(given, 2)
