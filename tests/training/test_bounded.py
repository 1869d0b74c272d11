"""The map that keeps unknown parameters inside their bounds."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pinnlab.training.bounded import Bounded

INF = math.inf


def at(free, guess, bounds):
    return float(Bounded.of([guess], [bounds])(torch.tensor([free], dtype=torch.float64))[0])


def test_hand_worked_values():
    assert at(0.5, -4.0, None) == -2.0
    assert at(0.5, 0.0, None) == 0.5
    assert at(math.log(3), 2.0, (1.0, INF)) == pytest.approx(4.0)
    assert at(math.log(3), 2.0, (-INF, 3.0)) == pytest.approx(0.0)
    # 1 + 4 / (1 + exp(-e) (5 - 2) / (2 - 1)) with exp(-e) = 1 / 3 is 1 + 4 / 2.
    assert at(math.log(3), 2.0, (1.0, 5.0)) == pytest.approx(3.0)


@pytest.mark.parametrize("bounds", [None, (1.0, INF), (-INF, 3.0), (1.0, 5.0)])
def test_training_starts_at_the_guess(bounds):
    assert at(0.0, 2.0, bounds) == pytest.approx(2.0, rel=1e-15)


@given(st.floats(-30, 30), st.floats(0.01, 0.99))
def test_no_step_leaves_the_bounds(free, share):
    assert 1.0 <= at(free, 1 + 4 * share, (1.0, 5.0)) <= 5.0
    assert at(free, 1 + 4 * share, (1.0, INF)) >= 1.0


def test_slopes_agree_with_differences():
    maps = Bounded.of([2.0, 2.0, 2.0, -3.0], [(1.0, 5.0), (1.0, INF), (-INF, 3.0), None])
    free = torch.tensor([0.3, -0.2, 0.7, 1.1], dtype=torch.float64)
    h = 1e-6
    difference = (torch.stack(maps(free + h)) - torch.stack(maps(free - h))) / (2 * h)
    torch.testing.assert_close(maps.slopes(free), difference, rtol=1e-8, atol=1e-10)
    assert maps.slopes(free)[3] == 3.0


@pytest.mark.parametrize("guess", [1.0, 6.0, math.nan])
def test_a_guess_outside_its_bounds_is_refused(guess):
    with pytest.raises(ValueError, match="not between its bounds"):
        Bounded.of([guess], [(1.0, 5.0)])


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="1 guesses, 2 and 1 bounds"):
        Bounded((1.0,), (0.0, 0.0), (2.0,))
