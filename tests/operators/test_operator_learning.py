"""Settings of a training."""

from __future__ import annotations

import json

import pytest

from pinnlab.networks.fno import Fno
from pinnlab.operators.augmentation import PeriodicShift
from pinnlab.operators.operator_learning import OperatorLearning
from pinnlab.operators.pairs import OneStep, SolutionMap
from pinnlab.settings import describe
from pinnlab.training.relative_loss import RelativeL2


def test_a_network_is_all_that_must_be_said():
    learning = OperatorLearning(Fno())
    assert (learning.pairs, learning.loss, learning.augmentations) == (SolutionMap(), RelativeL2(), ())


def test_settings_print_as_json_and_compare():
    one, other = (OperatorLearning(Fno(), OneStep(h), augmentations=[PeriodicShift()]) for h in (1, 2))
    assert json.loads(json.dumps(describe(one))) == describe(one)
    assert describe(one) != describe(other)
    assert one == OperatorLearning(Fno(), OneStep(1), augmentations=(PeriodicShift(),))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": "fno"}, "network = 'fno'"),
        ({"pairs": OneStep}, "give pairs such as"),
        ({"loss": "l2"}, "loss = 'l2'"),
        ({"augmentations": (3,)}, r"augmentations = \(3,\)"),
        ({"epochs": 0}, "epochs = 0"),
        ({"batch": 1.5}, "batch = 1.5"),
        ({"batches": 0}, "batches = 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=f"OperatorLearning: .*{message}|{message}"):
        OperatorLearning(**({"network": Fno()} | settings))
