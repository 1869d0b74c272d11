"""Pictures of trained operators."""

import numpy as np
import pytest

from pinnlab.operators.pictures import plot_prediction, typical


def test_the_picture_holds_the_answer_to_the_sample(heated):
    figure = plot_prediction(heated.operator, heated.data, 3)
    answer = heated.operator.predict(heated.data[3:4])[0, :, 0]
    # One input is a number, the other a line; the maps have time to the right.
    np.testing.assert_allclose(np.asarray(figure.axes[2].collections[0].get_array()), answer.T)
    assert figure.get_suptitle() == f"sample 3, k = {heated.data.inputs[3, 1, 0]:.4g}"


def test_the_typical_sample_has_the_median_error(heated):
    errors = heated.operator.errors(heated.data[:5])
    assert errors[typical(heated.operator, heated.data[:5])] == np.median(errors)


def test_a_number_beyond_the_data_is_refused(heated):
    for number in (60, -1, 1.5):
        with pytest.raises(ValueError, match=f"sample {number} of 60; give a number from 0 to 59"):
            plot_prediction(heated.operator, heated.data, number)
