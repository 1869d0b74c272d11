import math

import pytest
import torch

from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.multi_stage import MultiStage, stretched
from pinnlab.numerics.nested import NestedPlan
from pinnlab.numerics.taylor import JetPlan
from pinnlab.settings import describe
from pinnlab.training.parameters import Parameters
from pinnlab.training.row_jacobian import LayerOuterProducts, PerPoint

DOUBLE = torch.float64
BOX = Inputs((0.0, -1.0), (2.0, 1.0), (False, True))
FIRST = Mlp(4, 1)


def theta(outputs=1):
    return Parameters(FIRST.build(BOX, outputs, torch.Generator().manual_seed(7))).flatten()


def settings(**changes):
    given = {"first": FIRST, "theta": theta(), "network": Mlp(5, 1), "magnitude": (0.01,), "stretch": (4.0, 1.0)}
    return MultiStage(**(given | changes))


def build(**changes):
    return settings(**changes).build(BOX, 1, torch.Generator().manual_seed(0))


def points():
    return torch.rand(4, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))


def test_values_are_the_first_plus_the_magnitude_times_the_stretched_second():
    first = FIRST.build(BOX, 1, torch.Generator().manual_seed(7))
    # 1 +- 1 / 4 is +-1 of the second network's coordinate.
    second = Mlp(5, 1).build(Inputs((0.75, -1.0), (1.25, 1.0), BOX.periodic), 1, torch.Generator().manual_seed(0))
    expected = first(points()) + 0.01 * second(points())
    torch.testing.assert_close(build()(points()), expected, rtol=1e-14, atol=0)


def test_a_periodic_coordinate_keeps_its_period():
    assert stretched(BOX, (2.0, 5.0)) == Inputs((0.5, -1.0), (1.5, 1.0), (False, True))


def test_only_the_second_network_is_trained():
    # (3 + 1) 5 + (5 + 1) 1
    assert Parameters(build()).size == 26


def test_stages_may_be_stacked():
    inner = settings()
    trained = Parameters(inner.build(BOX, 1, torch.Generator().manual_seed(3))).flatten()
    three = build(first=inner, theta=trained)
    assert Parameters(three).size == 26
    second = inner.build(BOX, 1, torch.Generator().manual_seed(3))
    torch.testing.assert_close(three.first(points()), second(points()), rtol=1e-14, atol=0)


def test_both_engines_agree_and_outer_products_equal_the_general_rule():
    parameters = Parameters(build())
    at = parameters.flatten()
    orders = [(0, 0), (2, 0), (1, 1), (0, 3)]
    taylor, nested = (plan(orders).evaluate(parameters.bind(at), points()) for plan in (JetPlan, NestedPlan))
    for o in orders:
        torch.testing.assert_close(taylor[o], nested[o], rtol=1e-12, atol=1e-12)
    rows = lambda t, p, e: torch.cat(list(JetPlan(orders[:3]).evaluate(parameters.bind(t), p).values()), 1)  # noqa: E731
    found = []
    for rule in (LayerOuterProducts(), PerPoint()):
        found.append(torch.zeros(4, 3, len(at), dtype=DOUBLE))
        rule.write(rows, at, points(), points(), found[-1])
    torch.testing.assert_close(*found, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    "changes", [{"magnitude": (0.0,)}, {"magnitude": ()}, {"stretch": (0.5, 1.0)}, {"stretch": (math.nan, 1.0)}]
)
def test_settings_out_of_range_are_refused(changes):
    with pytest.raises(ValueError, match=f"MultiStage: {next(iter(changes))}"):
        settings(**changes)


@pytest.mark.parametrize("changes", [{"magnitude": (1.0, 1.0)}, {"stretch": (1.0,)}, {"theta": theta()[1:]}])
def test_settings_that_do_not_fit_the_problem_are_refused(changes):
    with pytest.raises(ValueError, match=r"MultiStage: .*(give one of each|wanted \(21,\))"):
        build(**changes)


def test_another_first_stage_makes_other_settings():
    same, other = settings(theta=theta().clone()), settings(theta=theta() + 1e-12)
    assert settings() == same
    assert hash(settings()) == hash(same)
    assert describe(settings()) == describe(same)
    assert settings() != other
    assert describe(settings()) != describe(other)


@pytest.mark.parametrize("name", ["first", "network"])
@pytest.mark.parametrize("value", ["mlp", Mlp])
def test_what_is_no_architecture_is_refused(name, value):
    with pytest.raises(ValueError, match=f"MultiStage: {name} = .* is no architecture; give settings"):
        settings(**{name: value})
