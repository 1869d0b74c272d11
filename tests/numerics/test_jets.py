import pytest
import torch

from pinnlab.numerics.jets import Fastest, jets
from pinnlab.numerics.nested import NestedAutograd, NestedPlan
from pinnlab.numerics.taylor import JetPlan, TaylorMode

DOUBLE = torch.float64


def network(dim, outputs, between=torch.tanh):
    g = torch.Generator().manual_seed(0)
    a, b = (torch.randn(*s, dtype=DOUBLE, generator=g) for s in ((dim, 4), (4, outputs)))
    return lambda x: between(x @ a) @ b


def points(dim, n=3):
    return torch.rand(n, dim, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))


def unit(dim, k=1):
    return [tuple(k * int(i == j) for i in range(dim)) for j in range(dim)]


@pytest.mark.parametrize(
    ("dim", "outputs", "orders", "expected"),
    [
        (2, 1, unit(2), JetPlan),
        (4, 1, unit(4), NestedPlan),
        (4, 2, unit(4), JetPlan),
        (7, 2, unit(7), NestedPlan),
        (4, 1, unit(4, 2), JetPlan),
        (4, 1, [(0, 0, 0, 0)], JetPlan),
    ],
)
def test_gradients_alone_in_many_coordinates_go_to_nested_autograd(dim, outputs, orders, expected):
    assert isinstance(Fastest().plan(orders, network(dim, outputs), points(dim)), expected)


@pytest.mark.parametrize("between", [torch.relu, lambda x: x.relu(), torch.special.i0])
def test_a_network_without_a_taylor_rule_goes_to_nested_autograd(between):
    f = network(2, 1, between)
    assert isinstance(Fastest().plan([(0, 2)], f, points(2)), NestedPlan)
    assert torch.equal(jets(f, points(2), [(0, 1)])[0, 1], jets(f, points(2), [(0, 1)], NestedAutograd())[0, 1])


def test_asked_for_by_name_taylor_mode_refuses_it_with_a_remedy():
    with pytest.raises(ValueError, match=r"TaylorMode: Series: no Taylor rule for relu; take derivatives by Nested"):
        jets(network(2, 1, torch.relu), points(2), [(0, 1)], TaylorMode())


def test_a_plain_module_is_differentiated_by_either_rule():
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.GELU(), torch.nn.Linear(3, 2)).double()
    orders = [(0, 0), (1, 1), (0, 3)]
    by_taylor, by_nesting = (jets(module, points(2), orders, rule) for rule in (TaylorMode(), NestedAutograd()))
    for o in orders:
        torch.testing.assert_close(by_taylor[o], by_nesting[o], rtol=1e-12, atol=1e-13)


def test_the_rules_are_settings_that_compare_by_value():
    assert TaylorMode() == TaylorMode()
    assert Fastest() != NestedAutograd()
