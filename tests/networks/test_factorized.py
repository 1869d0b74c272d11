import math

import pytest
import torch

from pinnlab.networks.factorized import Factorized, Scaled
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.nested import NestedPlan
from pinnlab.numerics.taylor import JetPlan
from pinnlab.training.parameters import Parameters
from pinnlab.training.row_jacobian import LayerOuterProducts, PerPoint

BOX = Inputs((0.0, -1.0), (1.0, 1.0), (False, False))
DOUBLE = torch.float64


def build(seed=0, **settings):
    return Factorized(Mlp(5, 2), **settings).build(BOX, 1, torch.Generator().manual_seed(seed))


def points():
    return torch.rand(4, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))


def test_a_weight_is_the_exponential_times_the_direction():
    s, v = torch.tensor([0.0, math.log(2)]), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    torch.testing.assert_close(Scaled(s)(s, v), torch.tensor([[1.0, 2.0], [6.0, 8.0]]))


def test_the_network_starts_as_the_one_it_factorises():
    plain = Mlp(5, 2).build(BOX, 1, torch.Generator().manual_seed(0))
    torch.testing.assert_close(build()(points()), plain(points()), rtol=1e-13, atol=1e-14)


def test_there_is_one_more_parameter_for_each_unit():
    # 2 5 + 5 + 5 5 + 5 + 5 1 + 1 of the perceptron, and 5 + 5 + 1 exponents
    assert Parameters(build()).size == 51 + 11


def test_exponents_have_the_mean_and_deviation_asked_for():
    wide = Factorized(Mlp(2000, 1), mean=0.5, deviation=0.2).build(BOX, 1, torch.Generator().manual_seed(0))
    exponents = wide.layers[0].parametrizations.weight.original0
    assert exponents.mean().item() == pytest.approx(0.5, abs=0.02)
    assert exponents.std().item() == pytest.approx(0.2, rel=0.05)


def test_equal_generators_give_equal_networks():
    a, b, c = (Parameters(build(seed)).flatten() for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_both_engines_agree_and_all_parameters_are_reached():
    parameters = Parameters(build())
    theta = parameters.flatten() + 0.1
    orders = [(1, 0), (0, 2)]
    taylor, nested = (plan(orders).evaluate(parameters.bind(theta), points()) for plan in (JetPlan, NestedPlan))
    for o in orders:
        torch.testing.assert_close(taylor[o], nested[o], rtol=1e-12, atol=1e-13)
    matrix = torch.zeros(4, 1, len(theta), dtype=DOUBLE)
    rows = lambda t, p, e: parameters.bind(t)(p)  # noqa: E731
    PerPoint().write(rows, theta, points(), points(), matrix)
    assert matrix.abs().amax((0, 1)).min() > 0


def test_outer_products_say_that_per_point_takes_it():
    parameters = Parameters(build())
    theta = parameters.flatten()
    with pytest.raises(ValueError, match="use PerPoint"):
        LayerOuterProducts().write(
            lambda t, p, e: parameters.bind(t)(p),
            theta,
            points(),
            points(),
            torch.zeros(4, 1, len(theta), dtype=DOUBLE),
        )


@pytest.mark.parametrize("settings", [{"deviation": 0.0}, {"mean": math.nan}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=f"Factorized: {next(iter(settings))}"):
        Factorized(**settings)


@pytest.mark.parametrize("value", ["mlp", Mlp])
def test_what_is_no_architecture_is_refused(value):
    with pytest.raises(ValueError, match=r"Factorized: network = .* is no architecture; give settings such as Mlp"):
        Factorized(value)
