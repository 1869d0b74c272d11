import math

import pytest
import torch

from pinnlab.networks.inputs import Features, Inputs
from pinnlab.numerics.jets import jets


def features(points, *args):
    return Features(Inputs(*args))(torch.tensor(points, dtype=torch.float64))


def test_bounds_are_mapped_to_minus_one_and_one():
    found = features([[2.0, -1.0], [4.0, 3.0], [3.0, 0.0]], (2.0, -1.0), (4.0, 3.0), (False, False))
    torch.testing.assert_close(found, torch.tensor([[-1, -1], [1, 1], [0, -0.5]], dtype=torch.float64))


def test_a_periodic_coordinate_becomes_a_point_of_the_circle():
    found = features([[1.0], [1.5], [2.0]], (1.0,), (3.0,), (True,))
    torch.testing.assert_close(found, torch.tensor([[1, 0], [0, 1], [-1, 0]], dtype=torch.float64), atol=1e-15, rtol=0)


def test_columns_are_the_scaled_coordinates_then_cosines_then_sines():
    found = features([[1.0, 0.25, 3.0]], (0.0, 0.0, 2.0), (2.0, 1.0, 3.0), (False, True, False))
    torch.testing.assert_close(found, torch.tensor([[0, 1, 0, 1]], dtype=torch.float64), atol=1e-15, rtol=0)


def test_values_and_derivatives_agree_at_both_ends_of_a_period():
    inputs = Inputs((0.0, -1.0), (1.0, 2.0), (False, True))
    module = Features(inputs)
    ends = [torch.tensor([[0.3, x]], dtype=torch.float64) for x in (-1.0, 2.0)]
    orders = [(0, k) for k in range(5)]
    a, b = (jets(module, p, orders) for p in ends)
    for o in orders:
        torch.testing.assert_close(a[o], b[o], atol=1e-12, rtol=0)
    rate = 2 * math.pi / 3
    expected = torch.tensor([[0, -(rate**2), 0]], dtype=torch.float64)
    torch.testing.assert_close(a[0, 2], expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("periodic", [(False, False), (True, False), (True, True)])
def test_the_number_of_features_is_the_number_of_columns(periodic):
    inputs = Inputs((0.0, 0.0), (1.0, 1.0), periodic)
    assert Features(inputs)(torch.zeros(3, 2, dtype=torch.float64)).shape == (3, inputs.features)


@pytest.mark.parametrize(
    ("lower", "upper", "periodic", "message"),
    [
        ((0.0,), (1.0, 2.0), (False,), "1, 2 and 1 entries"),
        ((), (), (), "0, 0 and 0"),
        ((0.0, 1.0), (1.0, 1.0), (False, False), "coordinate 1"),
        ((0.0,), (math.inf,), (False,), "finite"),
        ((math.nan,), (1.0,), (True,), "nan"),
    ],
)
def test_unusable_boxes_are_refused(lower, upper, periodic, message):
    with pytest.raises(ValueError, match=message):
        Inputs(lower, upper, periodic)
