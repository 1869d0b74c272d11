"""How much each residual counts."""

from __future__ import annotations

import pytest

from pinnlab.training.weighting import FixedWeights


def test_fixed_weights_are_those_that_were_given():
    weights = FixedWeights(equations=2.0, conditions=30.0)
    assert (weights.equation(), weights.condition()) == (2.0, 30.0)
    assert (FixedWeights().equation(), FixedWeights().condition()) == (1.0, 100.0)
    assert weights == FixedWeights(2.0, 30.0)


@pytest.mark.parametrize("bad", [{"equations": 0.0}, {"conditions": -1.0}, {"equations": float("inf")},
                                 {"conditions": float("nan")}])  # fmt: skip
def test_weights_are_positive_numbers(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"FixedWeights: {name} = "):
        FixedWeights(**bad)
