import pytest
import torch

from pinnlab.networks.activations import Sine, Swish
from pinnlab.networks.architecture import Architecture, Headed, with_fitted_head
from pinnlab.networks.embedding import FourierFeatures, Harmonics
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.modified_mlp import ModifiedMlp
from pinnlab.networks.pirate_net import PirateNet
from pinnlab.networks.siren import Siren
from pinnlab.numerics.nested import NestedPlan
from pinnlab.numerics.taylor import JetPlan
from pinnlab.training.parameters import Parameters
from pinnlab.training.row_jacobian import LayerOuterProducts, PerPoint

DOUBLE = torch.float64
BOX = Inputs((0.0, -1.0), (2.0, 1.0), (False, True))
SHIPPED = {
    "mlp": Mlp(5, 2),
    "mlp of sines": Mlp(5, 2, Sine(2.0)),
    "mlp of swishes": Mlp(5, 2, Swish()),
    "modified mlp": ModifiedMlp(5, 2),
    "pirate net": PirateNet(6, 2),
    "siren": Siren(5, 2),
    "fourier features": FourierFeatures(Mlp(5, 2), 3),
    "harmonics": Harmonics(ModifiedMlp(4, 1), 2),
    "harmonics before fourier features": Harmonics(FourierFeatures(Siren(4, 1), 2), 2),
}


def build(name, seed=0, outputs=2):
    network = SHIPPED[name].build(BOX, outputs, torch.Generator().manual_seed(seed))
    if "pirate" in name:
        for block in network.blocks:
            torch.nn.init.constant_(block.alpha, 0.6)
    return network


def some_points(n=3):
    return torch.rand(n, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(1)) * 2 - torch.tensor([0.0, 1.0])


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("orders", [[(0, 0), (1, 0), (1, 1), (0, 3)], [(2, 2), (1, 3)], [(1, 4)], [(3, 3)]])
def test_both_engines_agree_on_every_network_to_sixth_order(name, orders):
    network = build(name, outputs=1)
    taylor, nested = (plan(orders).evaluate(network, some_points(2)) for plan in (JetPlan, NestedPlan))
    for o in orders:
        size = nested[o].abs().max().item()
        torch.testing.assert_close(taylor[o], nested[o], rtol=0, atol=1e-12 * size, msg=str(o))


@pytest.mark.parametrize("name", SHIPPED)
def test_outer_products_equal_the_general_rule_on_every_network(name):
    network = Parameters(build(name))
    plan = JetPlan([(0, 0), (1, 0), (0, 2), (1, 1)])

    def rows(theta, points, extras):
        u, u_t, u_xx, u_tx = (plan.evaluate(network.bind(theta), points)[o] for o in plan.orders)
        return torch.cat([u_t[:, :1] + u[:, :1] * u_xx[:, 1:], u_tx[:, 1:] + torch.sin(u[:, :1])], 1)

    theta, points = network.flatten(), some_points(4)
    found = []
    for rule in (LayerOuterProducts(), PerPoint()):
        matrix = torch.full((4, 2, len(theta)), torch.nan, dtype=DOUBLE)
        rule.write(rows, theta, points, points[:, :0], matrix)
        found.append(matrix)
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", SHIPPED)
def test_networks_are_double_deterministic_and_leave_the_global_generator_alone(name):
    before = torch.get_rng_state()
    states = [SHIPPED[name].build(BOX, 2, torch.Generator().manual_seed(s)).state_dict() for s in (0, 0, 1)]
    assert torch.equal(before, torch.get_rng_state())
    assert all(v.dtype == DOUBLE for v in states[0].values())
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    assert any(not torch.equal(states[0][k], states[2][k]) for k in states[0])
    assert isinstance(SHIPPED[name], Architecture)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_network_is_periodic_where_it_should_be(name):
    ends = [torch.tensor([[0.7, x]], dtype=DOUBLE) for x in (-1.0, 1.0)]
    a, b = (JetPlan([(0, 0), (0, 1), (1, 2)]).evaluate(build(name), p) for p in ends)
    for o in a:
        torch.testing.assert_close(a[o], b[o], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", SHIPPED)
def test_values_start_of_order_one(name):
    values = SHIPPED[name].build(BOX, 1, torch.Generator().manual_seed(0))(some_points(200))
    assert 0.02 < values.std().item() < 5


@pytest.mark.parametrize("name", SHIPPED)
def test_a_fitted_head_is_the_least_squares_fit(name):
    network, points = build(name), some_points(40)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    values = torch.stack([torch.sin(points[:, 0]), points[:, 1] ** 2], 1)
    fitted = with_fitted_head(network, points, values)
    gap = fitted(points) - values
    columns = torch.cat([fitted.hidden(points), torch.ones(40, 1, dtype=DOUBLE)], 1)
    torch.testing.assert_close(columns.T @ gap, torch.zeros_like(columns.T @ gap), rtol=0, atol=1e-8)
    assert gap.square().sum() < (network(points) - values).square().sum()
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())


def test_a_linear_function_of_the_features_is_fitted_exactly():
    class Line(Headed):
        def __init__(self):
            super().__init__()
            self.head = torch.nn.Linear(2, 1, dtype=DOUBLE)

        def hidden(self, points):
            return points

    points = some_points(5)
    fitted = with_fitted_head(Line(), points, 3 * points[:, :1] - 2 * points[:, 1:] + 0.5)
    torch.testing.assert_close(fitted.head.weight, torch.tensor([[3.0, -2.0]], dtype=DOUBLE), rtol=1e-12, atol=0)
    assert fitted.head.bias.item() == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize("values", [torch.zeros(3, 1, dtype=DOUBLE), torch.full((3, 2), torch.nan, dtype=DOUBLE)])
def test_data_that_do_not_fit_the_network_are_refused(values):
    with pytest.raises(ValueError, match="with_fitted_head"):
        with_fitted_head(build("mlp"), some_points(3), values)
