"""Samples of an operator."""

import numpy as np
import pytest
import torch

from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.origin import Origin
from pinnlab.networks.operator import Signature


def samples(n=6, **changes):
    rng = np.random.default_rng(0)
    fields = {
        "inputs": rng.normal(size=(n, 1, 8, 5)),
        "outputs": rng.normal(size=(n, 2, 3, 8, 5)),
        "axes": (2 + np.arange(8) / 2, np.linspace(-1, 1, 5)),
        "times": np.array([0.5, 1.0]),
        "bounds": np.arange(n) / 10,
        "input_names": ("a",),
        "output_names": ("u", "v", "p"),
        "coordinates": ("x", "y"),
        "periodic": (True, False),
    }
    return OperatorData(**(fields | changes))


def test_the_signature_is_that_of_one_frame():
    assert samples().signature == Signature(1, 3, (8, 5), 2, (True, False), torch.float64)


def test_rows_are_taken_together_from_everything():
    data = samples()
    part = data[[4, 1]]
    np.testing.assert_array_equal(part.inputs, data.inputs[[4, 1]])
    np.testing.assert_array_equal(part.outputs, data.outputs[[4, 1]])
    assert part.bounds.tolist() == [0.4, 0.1]
    assert len(data[2:]) == 4
    assert len(data[[]]) == 0
    assert len(data[np.arange(6) > 3]) == 2


def test_parts_follow_one_another_and_do_not_overlap():
    train, test = samples().split(4, 1)
    assert (train.bounds.tolist(), test.bounds.tolist()) == ([0, 0.1, 0.2, 0.3], [0.4])
    with pytest.raises(ValueError, match=r"4 \+ 3 samples are asked for and there are 6"):
        samples().split(4, 3)


def test_a_coarser_grid_keeps_the_ends_and_the_period():
    data = samples()
    coarse = data.coarsened(2)
    assert coarse.grid == (4, 3)
    assert coarse.box == data.box == ((2.0, 6.0), (-1.0, 1.0))
    np.testing.assert_array_equal(coarse.outputs, data.outputs[..., ::2, ::2])
    with pytest.raises(ValueError, match="x has 8 nodes on a period, and every 3th"):
        data.coarsened(3)


def test_positions_fill_the_unit_box_up_to_the_end_of_a_period():
    positions = samples().positions()
    assert positions.shape == (8, 5, 2)
    np.testing.assert_allclose(positions[:, 0, 0], np.arange(8) / 8)
    np.testing.assert_allclose(positions[0, :, 1], np.linspace(0, 1, 5))


def test_samples_with_nan_are_refused_by_their_numbers():
    outputs = samples().outputs.copy()
    outputs[3, 0, 0, 0, 0], outputs[5, 1, 2, 7, 4] = np.nan, np.inf
    with pytest.raises(ValueError, match="outputs: 2 of 6 samples hold NaN or infinity, number 3, 5"):
        samples(outputs=outputs)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"inputs": np.zeros((6, 1, 8, 4))}, "inputs have the shape"),
        ({"bounds": np.zeros(5)}, "bounds have the shape"),
        ({"bounds": -np.ones(6)}, "negative"),
        ({"inputs": np.zeros((6, 1, 8, 5), bool)}, "convert with astype"),
        ({"times": np.array([1.0, 0.5])}, "times must be finite and increasing"),
        ({"axes": (np.arange(8.0) ** 2, np.linspace(-1, 1, 5))}, "x is periodic and its nodes"),
        ({"periodic": (True,)}, "one of each for every coordinate"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(changes, says):
    with pytest.raises(ValueError, match=says):
        samples(**changes)


def test_the_origin_tells_of_every_sample():
    data = samples(origin=Origin("heat", "f", np.arange(12).reshape(6, 2)))
    assert data[[4, 1]].origin.members.tolist() == [[8, 9], [2, 3]]
    assert data.coarsened(1).origin is data.origin
    with pytest.raises(ValueError, match="origin tells of 5 samples, and there are 6"):
        samples(origin=Origin("heat", "f", np.zeros((5, 2), int)))
