import pytest
import torch

from pinnlab.numerics.derivatives import checked_orders, require_points


def test_orders_keep_their_sequence_and_lose_repetitions():
    assert checked_orders("Plan", [(0, 2), [1, 0], (0, 2)]) == ((0, 2), (1, 0))


@pytest.mark.parametrize("orders", [[], [()], [(1, 0), (1,)], [(-1, 1)], [(4, 3)]])
def test_bad_orders_name_who_refuses_them(orders):
    with pytest.raises(ValueError, match="Plan: orders"):
        checked_orders("Plan", orders)


def test_points_have_one_column_per_coordinate():
    require_points("Plan", torch.zeros(3, 2), 2)
    with pytest.raises(ValueError, match=r"Plan: points of shape \(3, 2\), wanted \(n, 3\)"):
        require_points("Plan", torch.zeros(3, 2), 3)
