import math

import pytest
import torch

from pinnlab.numerics.series import Series, add, cauchy, divide, driven, multiply

DOUBLE = torch.float64


def series(*coefficients, order=None):
    """One point, one column, one direction."""
    order = len(coefficients) - 1 if order is None else order
    return Series([torch.tensor([[[float(c)]]], dtype=DOUBLE) for c in coefficients], (1,) * order)


def numbers(x):
    return [c.item() for c in x.coefficients]


def test_a_product_is_that_of_polynomials_cut_off():
    # (1 + 2 s + 3 s^2) (4 + 5 s + 6 s^2) = 4 + 13 s + 28 s^2 + ...
    assert numbers(multiply(series(1, 2, 3), series(4, 5, 6))) == [4, 13, 28]


def test_a_square_uses_symmetry():
    x = series(1, 2, 3, 4)
    # (1 + 2 s + 3 s^2 + 4 s^3)^2 = 1 + 4 s + 10 s^2 + 20 s^3 + ...
    assert numbers(multiply(x, x)) == [1, 4, 10, 20]


def test_a_quotient_undoes_a_product():
    # 1 / (1 - s) = 1 + s + s^2 + s^3
    assert numbers(divide(1.0, series(1, -1, order=3))) == [1, 1, 1, 1]


def test_coefficients_beyond_the_stored_ones_are_zeros():
    assert numbers(add(series(1, 2, order=3), series(5, order=3))) == [6, 2]
    assert numbers(multiply(series(1, 2, order=3), series(3, 4, order=3))) == [3, 10, 8]


def test_a_driven_coefficient_is_the_integral_of_a_product():
    # y' = w x' with x = s + s^2, w = 1 + 3 s: y' = (1 + 3 s)(1 + 2 s) = 1 + 5 s + ..., y_2 = 5 / 2.
    x, w = (series(*c).coefficients for c in ((0, 1, 1), (1, 3)))
    assert driven(x, w, 2, (1, 1)).item() == 2.5


def test_only_directions_that_reach_an_order_are_multiplied():
    a = [torch.ones(1, 1, 1, dtype=DOUBLE), torch.ones(3, 1, 1, dtype=DOUBLE), torch.ones(2, 1, 1, dtype=DOUBLE)]
    assert cauchy(a, a, 2, (3, 2)).flatten().tolist() == [3, 3]
    assert cauchy(a, list(a), 2, (3, 2)).flatten().tolist() == [3, 3]


def test_a_series_looks_like_its_value():
    x = Series([torch.zeros(1, 4, 3), torch.zeros(2, 4, 3)], (2,))
    assert (tuple(x.shape), x.ndim, x.dtype, x.order) == ((4, 3), 2, torch.float32, 1)
    assert (tuple(x[:, 1].shape), x[:, 1].ndim) == ((4,), 1)
    assert tuple(x[:, 1][:, None].shape) == (4, 1)
    assert x.device == torch.device("cpu")


def test_a_constant_with_more_columns_widens_every_coefficient():
    x = series(1, 2) + torch.zeros(5, dtype=DOUBLE)
    assert [c.shape[-1] for c in x.coefficients] == [5, 5]


def test_unknown_attributes_name_the_remedy():
    with pytest.raises(AttributeError, match=r"Tensor\.relu; take derivatives by NestedAutograd"):
        _ = series(1).relu


def test_a_number_to_the_power_of_a_series_by_hand():
    # 2^(3 + s) = 8 (1 + s log 2 + (s log 2)^2 / 2 + ...).
    assert numbers(2.0 ** series(3, 1, order=2)) == pytest.approx([8, 8 * math.log(2), 4 * math.log(2) ** 2])


@pytest.mark.parametrize("base", [0.0, -2.0])
def test_a_base_that_is_no_positive_number_is_refused(base):
    with pytest.raises(NotImplementedError, match="needs a positive number as its base"):
        base ** series(3, 1)
