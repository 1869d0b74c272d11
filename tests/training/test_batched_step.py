"""Which optimisers step many members at once."""

from __future__ import annotations

import pytest

from pinnlab.training.adam import Adam
from pinnlab.training.adam_together import AdamTogether
from pinnlab.training.batched_step import batched_step
from pinnlab.training.lbfgs import Lbfgs
from pinnlab.training.levenberg_marquardt import LevenbergMarquardt
from pinnlab.training.levenberg_marquardt_together import LevenbergMarquardtTogether
from pinnlab.training.soap import Soap


def test_adam_and_levenberg_marquardt_have_a_step_for_many_members():
    assert batched_step(Adam(learning_rate=0.1)) == AdamTogether(Adam(learning_rate=0.1))
    assert batched_step(LevenbergMarquardt(tries=5)) == LevenbergMarquardtTogether(LevenbergMarquardt(tries=5))


@pytest.mark.parametrize("optimizer", [Lbfgs(), Soap()])
def test_others_are_refused_with_the_names_of_those_that_work(optimizer):
    with pytest.raises(ValueError, match=f"{type(optimizer).__name__} .* Adam or LevenbergMarquardt"):
        batched_step(optimizer)
