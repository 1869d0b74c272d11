"""Sensors on a grid: where they are, what they read, how far they are from the nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pinnlab.datasets.data import OperatorData
from pinnlab.operators.sensors import AtNodes, EveryNode, Sensors


def line(nodes=8, channels=1, periodic=True, seed=0):
    values = np.random.default_rng(seed).standard_normal((5, 3, channels, nodes)) * np.arange(1, channels + 1)[:, None]
    names = ["u", "v"][:channels]
    axes = (np.arange(nodes) / nodes * 4,)
    return OperatorData(values[:, 0], values, axes, [0.0, 1.0, 2.0], [np.nan] * 5, names, names, ["x"], [periodic])


def square():
    values = np.random.default_rng(0).standard_normal((2, 1, 1, 4, 6))
    axes = (np.arange(4.0), np.arange(6.0))
    return OperatorData(values[:, 0], values, axes, [], [np.nan] * 2, ["u"], ["u"], ["x", "y"], [False, True])


def test_every_fourth_of_eight_nodes():
    assert EveryNode(4).nodes((8,)).tolist() == [[0], [4]]
    assert EveryNode((2, 3)).nodes((4, 6)).tolist() == [[0, 0], [0, 3], [2, 0], [2, 3]]


def test_given_nodes_are_in_the_order_given():
    array = Sensors(AtNodes((5, 2)), 0.0).on(line())
    fields = torch.arange(16.0).reshape(2, 1, 8)
    assert array.read(fields).tolist() == [[[5.0, 2.0]], [[13.0, 10.0]]]
    assert array.mask.tolist() == [0, 0, 1, 0, 0, 1, 0, 0]


def test_spread_readings_are_zero_where_there_is_no_sensor():
    array = Sensors(AtNodes(((0, 1), (3, 5)))).on(square())
    fields = torch.rand(2, 3, 1, 4, 6, dtype=torch.float64)
    found = array.spread(array.read(fields))
    torch.testing.assert_close(found, fields * array.mask)


def test_the_noise_is_a_share_of_each_channels_own_deviation():
    data = line(channels=2)
    array = Sensors(EveryNode(1), 0.1).on(data)
    expected = 0.1 * np.asarray(data.outputs).transpose(2, 0, 1, 3).reshape(2, -1).std(1)
    np.testing.assert_allclose(array.deviation, expected)
    errors = array.observe(torch.zeros(20_000, 2, 8), torch.Generator().manual_seed(0))
    np.testing.assert_allclose(errors.movedim(1, 0).flatten(1).std(1), expected, rtol=0.02)


def test_readings_repeat_themselves_from_equal_generators_only():
    array, fields = Sensors(EveryNode(2)).on(line()), torch.zeros(1, 1, 8)
    a, b, c = (array.observe(fields, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_distances_go_around_a_period():
    around = Sensors(AtNodes((0, 6))).on(line())
    assert around.to_nodes[0].tolist() == [0, 0.5, 1, 1.5, 2, 1.5, 1, 0.5]
    assert around.between.tolist() == [[0, 1], [1, 0]]
    assert Sensors(AtNodes((0, 6))).on(line(periodic=False)).between[0, 1] == 3


def test_distances_in_the_plane():
    # The second axis has the period 6.
    array = Sensors(AtNodes(((0, 0), (3, 4)))).on(square())
    assert float(array.between[0, 1]) == pytest.approx(math.hypot(3, 2))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: EveryNode(0), "stride = 0"),
        (lambda: AtNodes(()), "one node or more"),
        (lambda: AtNodes((-1,)), "whole numbers from 0"),
        (lambda: AtNodes((8,)).nodes((8,)), "no node"),
        (lambda: AtNodes((1, 1)).nodes((8,)), "given twice"),
        (lambda: EveryNode((2, 2)).nodes((8,)), "one for each"),
        (lambda: Sensors(4), "placement must be"),  # type: ignore[arg-type]
        (lambda: Sensors(EveryNode(), -0.1), "from 0 on"),
    ],
)
def test_what_makes_no_sense_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
def test_a_constant_field_has_nothing_to_measure(value):
    # The mean of many 0.1 is not 0.1.
    values = np.full((7, 1, 1, 8), value)
    data = OperatorData(values[:, 0], values, (np.arange(8.0),), [], [np.nan] * 7, ["u"], ["u"], ["x"], [True])
    with pytest.raises(ValueError, match="constant"):
        Sensors(EveryNode()).on(data)


def test_fields_and_readings_of_another_kind_are_refused():
    array = Sensors(EveryNode(4)).on(line())
    array.require_own(torch.zeros(3, 5, 1, 2))
    # One number would be taken for the readings of all.
    for shape in ((3, 5, 1, 1), (3, 5, 2, 2), (2,)):
        with pytest.raises(ValueError, match="not of its 2 sensors in 1 channels"):
            array.require_own(torch.zeros(shape))
    with pytest.raises(ValueError, match="not on its grid"):
        array.read(torch.zeros(3, 1, 16))
