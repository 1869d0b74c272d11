from fractions import Fraction

import pytest
import torch

from pinnlab.numerics.taylor import JetPlan, TaylorMode, direction_weights


class Tower(torch.nn.Module):
    """Two layers with an operation between them."""

    def __init__(self, between, dim=2, outputs=2, seed=0):
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        self.first = torch.nn.Linear(dim, 5, dtype=torch.float64)
        self.last = torch.nn.Linear(5, outputs, dtype=torch.float64)
        for p in self.parameters():
            torch.nn.init.normal_(p, std=0.7, generator=g)
        self.between = between

    def forward(self, x):
        return self.last(self.between(self.first(x)))


def nested(network, points, orders):
    """The derivative by torch.func.grad, one order at a time."""

    def lower(f, axis):
        return lambda p: torch.func.grad(f)(p)[axis]

    columns = []
    for output in range(network(points).shape[1]):
        f = lambda p, output=output: network(p[None])[0, output]  # noqa: E731
        for axis, count in enumerate(orders):
            for _ in range(count):
                f = lower(f, axis)
        columns.append(torch.func.vmap(f)(points))
    return torch.stack(columns, -1)


def jets(network, points, orders):
    return JetPlan(orders).evaluate(network, points)


def some_points(n=4, dim=2):
    return torch.rand(n, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("orders", [(1, 1, 1), (2, 1, 0), (0, 2, 2), (2, 2, 1)])
def test_mixed_derivatives_in_three_coordinates_equal_nested_autograd(orders):
    network, points = Tower(torch.tanh, dim=3, outputs=1), some_points(2, 3)
    torch.testing.assert_close(
        jets(network, points, [orders])[orders], nested(network, points, orders), rtol=1e-10, atol=1e-11
    )


@pytest.mark.parametrize("orders", [(6, 0), (3, 3), (4, 2), (1, 5)])
def test_sixth_order_equals_nested_autograd(orders):
    network, points = Tower(torch.tanh, outputs=1), some_points(2)
    torch.testing.assert_close(
        jets(network, points, [orders])[orders], nested(network, points, orders), rtol=1e-10, atol=1e-10
    )


def test_sixth_order_weights_are_exact_on_a_monomial():
    def monomial(x):
        t, y = x[..., :1], x[..., 1:]
        return torch.square(t) * torch.square(torch.square(y))

    found = jets(monomial, some_points(), [(2, 4)])[2, 4]
    torch.testing.assert_close(found, torch.full((4, 1), 48.0, dtype=torch.float64), rtol=1e-12, atol=0)


def test_weights_of_u_xy_are_the_polarisation_identity():
    # u_xy = c_2(1, 1) - c_2(1, 0) - c_2(0, 1), since c_2(v) = (v . grad)^2 u / 2.
    assert direction_weights((1, 1)) == {(1, 1): 1, (1, 0): -1, (0, 1): -1}


def test_weights_of_higher_mixed_derivatives_are_central_differences():
    # (s^2 - 2 + s^-2)(t^2 - 2 + t^-2) on c_4: twice each diagonal, minus four times each axis.
    assert direction_weights((2, 2)) == {(1, 1): 2, (1, -1): 2, (1, 0): -4, (0, 1): -4}
    # Eight half-diagonals, two of each kind up to sign: 2 / 2^3.
    assert direction_weights((1, 1, 1)) == {
        (1, 1, 1): Fraction(1, 4),
        (1, 1, -1): Fraction(-1, 4),
        (1, -1, 1): Fraction(-1, 4),
        (1, -1, -1): Fraction(1, 4),
    }


def test_weights_of_a_pure_derivative_are_a_factorial():
    assert direction_weights((0, 3)) == {(0, 1): Fraction(6)}


def test_second_derivatives_along_axes_need_only_axes():
    plan = JetPlan([(0, 0), (1, 0), (0, 2)])
    assert set(plan.directions) == {(1, 0), (0, 1)}
    assert plan.directions[0] == (0, 1)
    assert plan.reach == (2, 1)


def test_gradients_with_respect_to_parameters_and_points_equal_nested_autograd():
    network, points = Tower(torch.tanh), some_points()
    weights = dict(network.named_parameters())

    def by_jets(w, p):
        f = lambda x: torch.func.functional_call(network, w, (x,))  # noqa: E731
        return jets(f, p[None], [(1, 2)])[1, 2][0]

    def by_nesting(w, p):
        f = lambda x: torch.func.functional_call(network, w, (x,))  # noqa: E731
        return nested(f, p[None], (1, 2))[0]

    for argument in (0, 1):
        a, b = (
            torch.func.vmap(torch.func.jacrev(f, argnums=argument), in_dims=(None, 0))(weights, points)
            for f in (by_jets, by_nesting)
        )
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


def test_plain_backward_reaches_parameters_through_jets():
    network, points = Tower(torch.tanh), some_points()
    jets(network, points, [(0, 2)])[0, 2].square().sum().backward()
    by_jets = network.first.weight.grad.clone()
    network.zero_grad()
    nested(network, points, (0, 2)).square().sum().backward()
    torch.testing.assert_close(by_jets, network.first.weight.grad, rtol=1e-10, atol=1e-12)


def test_single_precision_stays_single():
    assert jets(Tower(torch.tanh).float(), some_points().float(), [(0, 2)])[0, 2].dtype == torch.float32


def test_a_missing_rule_is_told_before_anything_is_trained():
    with pytest.raises(ValueError, match=r"TaylorMode.*no Taylor rule for relu; take derivatives by NestedAutograd"):
        TaylorMode().plan([(1, 0)], Tower(torch.relu), some_points())


def test_a_trial_gives_the_plan():
    assert TaylorMode().plan([(1, 0)], Tower(torch.tanh), some_points()).orders == ((1, 0),)


@pytest.mark.parametrize("network", [lambda x: torch.tanh(x)[:, 0], lambda x: torch.ones(4, 1, dtype=torch.float64)])
def test_values_that_are_no_columns_of_the_points_are_refused(network):
    with pytest.raises(NotImplementedError, match=r"return \(n, outputs\)"):
        jets(network, some_points(), [(1, 0)])


@pytest.mark.parametrize("orders", [[], [()], [(1, 0), (1,)], [(-1, 1)], [(4, 3)]])
def test_bad_orders_are_refused(orders):
    with pytest.raises(ValueError, match="JetPlan"):
        JetPlan(orders)


def test_points_of_another_dimension_are_refused():
    with pytest.raises(ValueError, match=r"wanted \(n, 3\)"):
        JetPlan([(1, 0, 0)]).evaluate(Tower(torch.tanh), some_points())


@pytest.mark.parametrize("network", [lambda x: x * (x > 0), lambda x: x * len(x)])
def test_what_only_tensors_can_do_is_told_with_the_way_out(network):
    with pytest.raises(ValueError, match=r"TaylorMode: .*; take derivatives by NestedAutograd\(\).*PerPoint\(\)"):
        TaylorMode().plan([(1, 0)], network, some_points())
