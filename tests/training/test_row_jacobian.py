import pytest
import torch

from pinnlab.networks.activations import Swish
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.taylor import JetPlan
from pinnlab.training.parameters import Parameters
from pinnlab.training.row_jacobian import LayerOuterProducts, PerPoint

PLAN = JetPlan([(0, 0), (1, 0), (0, 1), (0, 2), (1, 1)])
DOUBLE = torch.float64


def layout(outputs=2, periodic=False, **settings):
    box = Inputs((0.0, -1.0), (1.0, 1.0), (False, periodic))
    return Parameters(Mlp(6, 2, **settings).build(box, outputs, torch.Generator().manual_seed(0)))


def case(network, extra=(), n=7):
    g = torch.Generator().manual_seed(1)
    points = torch.rand(n, 2, dtype=DOUBLE, generator=g)
    extras = torch.rand(n, 1, dtype=DOUBLE, generator=g)
    return torch.cat([network.flatten(), torch.tensor(extra, dtype=DOUBLE)]), points, extras


def system(network):
    """Two nonlinear rows of a system in two unknowns with a mixed derivative and a source."""

    def rows(theta, points, extras):
        u, u_t, u_x, u_xx, u_tx = (PLAN.evaluate(network.bind(theta), points)[o] for o in PLAN.orders)
        first = u_t[:, :1] + u[:, :1] * u_x[:, 1:] - 0.1 * u_xx[:, :1] - extras
        return torch.cat([first, u_tx[:, 1:] + torch.sin(u[:, :1])], 1)

    return rows


def derivative(rule, rows, theta, points, extras):
    values = rows(theta, points, extras)
    matrix = torch.full((*values.shape, len(theta)), torch.nan, dtype=DOUBLE)
    found = rule.write(rows, theta, points, extras, matrix)
    torch.testing.assert_close(found, values.detach(), rtol=1e-13, atol=1e-13)
    assert not found.requires_grad
    return matrix


def by_differences(rows, theta, points, extras, h=1e-6):
    columns = []
    for j in range(len(theta)):
        e = torch.zeros_like(theta)
        e[j] = h
        columns.append((rows(theta + e, points, extras) - rows(theta - e, points, extras)) / (2 * h))
    return torch.stack(columns, -1)


def test_per_point_equals_differences():
    network = layout()
    args = (system(network), *case(network))
    torch.testing.assert_close(derivative(PerPoint(), *args), by_differences(*args), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "network",
    [layout(), layout(periodic=True), layout(activation=Swish())],
    ids=["plain", "periodic", "swish"],
)
@pytest.mark.parametrize("n", [7, 1])
def test_outer_products_equal_the_general_rule(network, n):
    args = (system(network), *case(network, n=n))
    torch.testing.assert_close(
        derivative(LayerOuterProducts(), *args), derivative(PerPoint(), *args), rtol=1e-10, atol=1e-12
    )


def test_outer_products_see_parameters_outside_layers():
    network = layout(outputs=1)

    def rows(theta, points, extras):
        j = PLAN.evaluate(network.bind(theta), points)
        return j[1, 0] - theta[-2] * j[0, 2] + theta[-1] ** 2 * j[0, 0]

    args = (rows, *case(network, extra=(0.3, 0.7, -0.4)))
    found = derivative(LayerOuterProducts(), *args)
    torch.testing.assert_close(found, derivative(PerPoint(), *args), rtol=1e-10, atol=1e-12)
    assert found[:, :, -2:].abs().min() > 0
    assert not found[:, :, -3].any()


def test_a_parameter_whose_effects_cancel_over_the_points_is_seen():
    points = torch.tensor([[-1.0, 0.0], [1.0, 0.0]], dtype=DOUBLE)
    theta = torch.tensor([0.5], dtype=DOUBLE)
    found = derivative(LayerOuterProducts(), lambda t, p, e: t * p[:, :1], theta, points, points)
    assert found[:, 0, 0].tolist() == [-1, 1]


def test_weights_that_are_no_plain_view_of_theta_are_still_right():
    rows = lambda theta, p, e: torch.tanh(torch.nn.functional.linear(p, theta.view(2, 2).T))  # noqa: E731
    args = (rows, torch.arange(4.0, dtype=DOUBLE), *case(layout())[1:])
    torch.testing.assert_close(derivative(LayerOuterProducts(), *args), derivative(PerPoint(), *args))


def test_outer_products_take_a_layer_used_twice_and_one_not_used():
    shared = torch.nn.Linear(2, 2, dtype=DOUBLE)
    spare = torch.nn.Linear(2, 1, dtype=DOUBLE)
    module = torch.nn.ModuleList([shared, spare])
    module.forward = lambda x: shared(torch.tanh(shared(x)))
    network = Parameters(module)
    args = (lambda theta, p, e: network.bind(theta)(p), *case(network))
    found = derivative(LayerOuterProducts(), *args)
    torch.testing.assert_close(found, derivative(PerPoint(), *args), rtol=1e-12, atol=1e-13)


def test_a_layer_that_only_one_row_depends_on_leaves_zeros_in_the_other():
    heads = torch.nn.ModuleList([torch.nn.Linear(2, 1, dtype=DOUBLE) for _ in range(2)])
    heads.forward = lambda x: torch.cat([heads[0](x), heads[1](x)], -1)
    network = Parameters(heads)
    args = (lambda theta, p, e: network.bind(theta)(p), *case(network))
    found = derivative(LayerOuterProducts(), *args)
    torch.testing.assert_close(found, derivative(PerPoint(), *args), rtol=1e-12, atol=1e-13)
    assert not found[:, 0, 3:].any()


def test_theta_may_be_a_view_of_a_longer_vector():
    network = layout()
    theta, points, extras = case(network)
    view = torch.cat([torch.ones(5, dtype=DOUBLE), theta])[5:]
    args = (system(network), view, points, extras)
    torch.testing.assert_close(
        derivative(LayerOuterProducts(), *args), derivative(PerPoint(), *args), rtol=1e-10, atol=1e-12
    )


def nested_by_func(network):
    def rows(theta, points, extras):
        f = network.bind(theta)
        slope = torch.func.grad(lambda p: f(p[None])[0, 0])
        return torch.func.vmap(slope)(points)

    return rows


def nested_by_autograd(network):
    def rows(theta, points, extras):
        p = points.clone().requires_grad_(True)
        return torch.autograd.grad(network.bind(theta)(p)[:, 0].sum(), p, create_graph=True)[0]

    return rows


def penalised(network):
    return lambda theta, p, e: network.bind(theta)(p) + theta[0]


def overlapping(network):
    linear = torch.nn.functional.linear
    return lambda theta, p, e: linear(p, theta[:4].view(2, 2)) + linear(p, theta[2:6].view(2, 2))


def one_at_a_time(network):
    return lambda theta, p, e: torch.func.vmap(lambda q: network.bind(theta)(q[None])[0])(p)


def mixing_points(network):
    return lambda theta, p, e: network.bind(theta)(p[:3]).sum() * p


@pytest.mark.parametrize(
    "rows", [nested_by_func, nested_by_autograd, penalised, overlapping, one_at_a_time, mixing_points]
)
def test_outer_products_refuse_what_they_would_get_wrong(rows):
    network = layout()
    theta, points, extras = case(network)
    matrix = torch.zeros(7, 2, len(theta), dtype=DOUBLE)
    with pytest.raises(ValueError, match="use PerPoint"):
        LayerOuterProducts().write(rows(network), theta, points, extras, matrix)


def test_too_many_parameters_outside_layers_are_refused():
    rows = lambda theta, p, e: p * theta.sum()  # noqa: E731
    p = torch.rand(3, 2, dtype=DOUBLE)
    with pytest.raises(ValueError, match=r"4 parameters act outside.*allowed: 3"):
        LayerOuterProducts(most_other=3).write(rows, torch.ones(4, dtype=DOUBLE), p, p, torch.zeros(3, 2, 4))


@pytest.mark.parametrize("make", [PerPoint, LayerOuterProducts])
def test_an_empty_chunk_is_refused(make):
    with pytest.raises(ValueError, match="chunk = 0"):
        make(chunk=0)


def test_a_negative_allowance_is_refused():
    with pytest.raises(ValueError, match="most_other"):
        LayerOuterProducts(most_other=-1)
