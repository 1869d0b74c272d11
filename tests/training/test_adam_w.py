"""AdamW against PyTorch's, and by hand."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.training.adam_w import AdamW
from pinnlab.training.schedules import Halving


def test_the_first_step_is_worked_by_hand():
    theta = torch.tensor([2.0, -1.0], dtype=torch.float64)
    method = AdamW(learning_rate=0.1, weight_decay=0.5, epsilon=1e-300)
    # The unbiased means of one gradient are g and g²: the step is the sign, after a decay by 1 - 0.05.
    method.advance(theta, torch.tensor([3.0, -7.0], dtype=torch.float64), method.start(theta), 1.0)
    torch.testing.assert_close(theta, torch.tensor([1.9 - 0.1, -0.95 + 0.1], dtype=torch.float64))


def test_steps_are_those_of_pytorch():
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(20, 7, generator=generator, dtype=torch.float64)
    method = AdamW(learning_rate=0.02, weight_decay=0.3, betas=(0.8, 0.95))
    theirs = torch.nn.Parameter(torch.linspace(-1, 1, 7, dtype=torch.float64))
    ours, other = theirs.detach().clone(), torch.optim.AdamW([theirs], lr=0.02, weight_decay=0.3, betas=(0.8, 0.95))
    state = method.start(ours)
    for i, gradient in enumerate(gradients):
        factor = 0.5 if i > 10 else 1.0
        other.param_groups[0]["lr"] = 0.02 * factor
        theirs.grad = gradient.clone()
        other.step()
        method.advance(ours, gradient, state, factor)
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-12, atol=0)
    assert state.taken == 20


def test_large_gradients_are_cut_to_the_norm_and_small_ones_are_not():
    method = AdamW(largest_norm=1.0)
    large, small = method.start(torch.zeros(2)), method.start(torch.zeros(2))
    method.advance(torch.zeros(2), torch.tensor([3.0, 4.0]), large, 1.0)
    method.advance(torch.zeros(2), torch.tensor([0.3, 0.4]), small, 1.0)
    torch.testing.assert_close(large.mean, torch.tensor([0.06, 0.08]))
    torch.testing.assert_close(small.mean, torch.tensor([0.03, 0.04]))


def test_a_copied_state_stays():
    method = AdamW()
    state = method.start(torch.zeros(1))
    kept = state.copied()
    method.advance(torch.zeros(1), torch.ones(1), state, 1.0)
    assert (kept.taken, float(kept.mean), float(kept.mean_square)) == (0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate = 0.0"),
        ({"weight_decay": -1.0}, "weight_decay = -1.0"),
        ({"weight_decay": math.nan}, "weight_decay = nan"),
        ({"largest_norm": 0.0}, "largest_norm = 0.0"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"schedule": Halving}, "schedule must be"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        AdamW(**settings)
