"""What an operator remembers of its family."""

import dataclasses
import json

import numpy as np
import pytest

from pinnlab.operators.kept_folder import SETTINGS
from pinnlab.operators.trained import TrainedOperator
from pinnlab.operators.trained_family import TrainedFamily


def test_training_with_a_family_remembers_it(heated):
    family = heated.operator.family
    assert family.problem == heated.family.problem
    assert family.inputs.names == ("u0", "k")
    np.testing.assert_array_equal(family.axes[0], heated.data.axes[0])


def test_a_folder_keeps_it(heated, tmp_path):
    heated.operator.save(tmp_path / "model")
    back = TrainedOperator.load(tmp_path / "model")
    assert back.family.problem == heated.family.problem
    member = heated.data.inputs[7]
    assert back.family.inputs.distances(member) == heated.operator.family.inputs.distances(member)
    # Nothing but JSON and arrays.
    assert json.loads((tmp_path / "model" / SETTINGS).read_text())["family"]["inputs"] == ["u0", "k"]


def test_an_operator_without_family_remembers_none(tmp_path, heated):
    dataclasses.replace(heated.operator, family=None).save(tmp_path / "model")
    assert TrainedOperator.load(tmp_path / "model").family is None


def test_data_of_another_family_are_refused(heated, spectral):
    with pytest.raises(
        ValueError, match=r"family of 'reaction_diffusion'.*give the family that the data were made from"
    ):
        TrainedFamily.of(spectral.reaction_diffusion(), heated.data, None)


def test_validation_on_another_grid_does_not_say_how_far_members_may_be(heated):
    coarse = TrainedFamily.of(heated.family, heated.data, heated.data.coarsened(2))
    alone = TrainedFamily.of(heated.family, heated.data, None)
    assert coarse.inputs.spreads[0].farthest == alone.inputs.spreads[0].farthest
