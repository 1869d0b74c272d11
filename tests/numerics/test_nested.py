import pytest
import torch

from pinnlab.numerics.nested import NestedAutograd, NestedPlan

DOUBLE = torch.float64
POINTS = torch.tensor([[0.5, -1.0], [2.0, 3.0]], dtype=DOUBLE)


def monomials(p):
    t, x = p[:, :1], p[:, 1:]
    return torch.cat([t**2 * x**3, torch.relu(t) * x], 1)


def test_derivatives_are_those_worked_by_hand():
    found = NestedPlan([(0, 0), (1, 0), (1, 2), (2, 3), (3, 0)]).evaluate(monomials, POINTS)
    t, x = POINTS.T
    zero, one = torch.zeros(2, dtype=DOUBLE), torch.ones(2, dtype=DOUBLE)
    expected = {
        (0, 0): (t**2 * x**3, t * x),
        (1, 0): (2 * t * x**3, x),
        (1, 2): (12 * t * x, zero),
        (2, 3): (12 * one, zero),
        (3, 0): (zero, zero),
    }
    for orders, columns in expected.items():
        torch.testing.assert_close(found[orders], torch.stack(columns, 1), rtol=1e-14, atol=1e-14)


def test_a_gradient_is_taken_once_for_all_derivatives_that_pass_through_it():
    calls = []

    def network(p):
        calls.append(len(p))
        return p**4

    NestedPlan([(0, 0), (1, 0), (2, 0), (3, 0)]).evaluate(network, POINTS)
    assert calls == [2]


def test_values_alone_need_no_gradient():
    found = NestedAutograd().plan([(0, 0)], monomials, POINTS).evaluate(monomials, POINTS)
    assert torch.equal(found[0, 0], monomials(POINTS))


def test_parameters_are_reached_under_vmap_and_under_autograd():
    plan = NestedPlan([(0, 2)])

    def second(a, points):
        return plan.evaluate(lambda p: torch.sin(a * p[:, 1:]), points)[0, 2]

    a = torch.tensor(0.7, dtype=DOUBLE, requires_grad=True)
    # d/da of -a^2 sin(a x)
    x = POINTS[:, 1:]
    expected = -2 * a * torch.sin(a * x) - a**2 * x * torch.cos(a * x)
    rows = torch.func.vmap(torch.func.jacrev(lambda a, p: second(a, p[None])[0]), (None, 0))(a.detach(), POINTS)
    torch.testing.assert_close(rows, expected.detach(), rtol=1e-13, atol=0)
    second(a, POINTS).sum().backward()
    torch.testing.assert_close(a.grad, expected.sum().detach(), rtol=1e-13, atol=0)


def test_no_grad_outside_does_not_matter():
    with torch.no_grad():
        found = NestedPlan([(1, 0)]).evaluate(monomials, POINTS)[1, 0]
    assert found[0].tolist() == [-1, -1]


@pytest.mark.parametrize("orders", [[], [(1, 0), (1,)], [(7, 0)]])
def test_bad_orders_are_refused(orders):
    with pytest.raises(ValueError, match="NestedPlan"):
        NestedPlan(orders)


def test_bad_points_and_values_are_refused():
    with pytest.raises(ValueError, match=r"wanted \(n, 1\)"):
        NestedPlan([(1,)]).evaluate(monomials, POINTS)
    with pytest.raises(ValueError, match="outputs"):
        NestedPlan([(1, 0)]).evaluate(lambda p: p[:, 0], POINTS)
