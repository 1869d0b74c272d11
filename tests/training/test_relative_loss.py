"""Relative losses against numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pinnlab.training.relative_loss import RelativeH1, RelativeL2, SumOfLosses, relative_errors


def test_relative_l2_is_the_mean_of_each_samples_own_ratio():
    truth = torch.tensor([[[3.0, 4.0]], [[0.0, 10.0]]])
    prediction = torch.tensor([[[3.0, 3.0]], [[3.0, 6.0]]])
    # Errors 1 of 5, and 5 of 10.
    torch.testing.assert_close(relative_errors(prediction, truth), torch.tensor([0.2, 0.5]))
    torch.testing.assert_close(RelativeL2()(prediction, truth), torch.tensor(0.35))


def test_relative_l2_does_not_depend_on_units():
    truth, prediction = torch.randn(2, 3, 2, 8, generator=torch.Generator().manual_seed(0)).unbind()
    loss = RelativeL2()
    torch.testing.assert_close(loss(1000 * prediction, 1000 * truth), loss(prediction, truth))


@pytest.mark.parametrize("n", [16, 17])
@pytest.mark.parametrize("length", [1.0, 6.0])
def test_relative_h1_of_sines_on_a_period_is_that_of_their_coefficients(n, length):
    x = np.arange(n) * length / n
    phase = torch.tensor(2 * math.pi * x / length)
    truth = torch.sin(2 * phase)[None, None]
    prediction = truth + 0.1 * torch.cos(3 * phase)[None, None]
    loss = RelativeH1().on([x], [True])(prediction, truth)
    expected = 0.1 * math.sqrt((1 + (6 * math.pi) ** 2) / (1 + (4 * math.pi) ** 2))
    assert float(loss) == pytest.approx(expected, rel=1e-12)


def test_the_highest_frequency_of_an_even_number_of_nodes_has_no_derivative():
    x = np.arange(4) / 4
    truth = torch.tensor([[[1.0, -1.0, 1.0, -1.0]]], dtype=torch.float64)
    assert float(RelativeH1().on([x], [True])(2 * truth, truth)) == pytest.approx(1.0)
    # A constant error of 1 against a truth without derivative: equal norms.
    assert float(RelativeH1().on([x], [True])(truth + 1, truth)) == pytest.approx(1.0)


def test_relative_h1_on_an_interval_is_exact_for_parabolas_on_uneven_nodes():
    nodes = np.array([2.0, 2.2, 2.6, 3.0, 4.0])
    s = torch.tensor((nodes - 2) / 2)
    truth, error = (s**2)[None, None], (1 + s - s**2)[None, None]
    top = ((1 + s - s**2) ** 2 + (1 - 2 * s) ** 2).sum().sqrt()
    bottom = (s**4 + 4 * s**2).sum().sqrt()
    loss = RelativeH1().on([nodes], [False])(truth + error, truth)
    assert float(loss) == pytest.approx(float(top / bottom), rel=1e-12)


def test_relative_h1_adds_the_derivatives_along_all_axes():
    x, y = np.arange(8) / 8, np.linspace(0, 1, 5)
    phase = 2 * math.pi * torch.tensor(x)[:, None]
    line = torch.tensor(y)[None, :]
    truth = (torch.sin(phase) + 0 * line)[None, None]
    prediction = truth + (0 * phase + line)[None, None]
    # Σ y² = 15/8 and Σ 1 = 5 over five nodes; sin² and cos² average to 1/2.
    expected = math.sqrt((15 / 8 + 5) / (5 * (0.5 + 0.5 * (2 * math.pi) ** 2)))
    assert float(RelativeH1().on([x, y], [True, False])(prediction, truth)) == pytest.approx(expected, rel=1e-12)


def test_relative_h1_is_differentiable():
    x, y = np.arange(4) / 4, np.linspace(0, 1, 4)
    loss = RelativeH1().on([x, y], [True, False])
    generator = torch.Generator().manual_seed(1)
    truth, start = torch.randn(2, 2, 1, 4, 4, generator=generator, dtype=torch.float64).unbind()
    assert torch.autograd.gradcheck(lambda p: loss(p, truth), start.requires_grad_(True))


def test_a_sum_weighs_its_losses():
    x = np.arange(8) / 8
    truth, prediction = torch.randn(2, 3, 1, 8, generator=torch.Generator().manual_seed(0)).unbind()
    both = SumOfLosses((2.0, 0.5), (RelativeL2(), RelativeH1())).on([x], [True])
    expected = 2 * RelativeL2()(prediction, truth) + 0.5 * RelativeH1().on([x], [True])(prediction, truth)
    torch.testing.assert_close(both(prediction, truth), expected)


def test_relative_h1_refuses_grids_that_it_was_not_made_for():
    values = torch.ones(1, 1, 8)
    with pytest.raises(ValueError, match="none yet"):
        RelativeH1()(values, values)
    with pytest.raises(ValueError, match=r"made for \(4,\)"):
        RelativeH1().on([np.arange(4) / 4], [True])(values, values)
    with pytest.raises(ValueError, match="2 nodes along a coordinate"):
        RelativeH1().on([np.arange(2.0)], [False])


@pytest.mark.parametrize(
    ("weights", "losses", "message"),
    [((), (), "0 weights"), ((1.0, 2.0), (RelativeL2(),), "2 weights for 1"), ((-1.0,), (RelativeL2(),), "positive")],
)
def test_sums_that_mean_nothing_are_refused(weights, losses, message):
    with pytest.raises(ValueError, match=message):
        SumOfLosses(weights, losses)


def test_losses_that_do_not_look_at_inputs_are_the_same_for_all_of_them():
    truth, prediction = torch.randn(2, 3, 2, 8, generator=torch.Generator().manual_seed(0)).unbind()
    loss = SumOfLosses((1.0, 2.0), (RelativeL2(), RelativeL2()))
    of_samples = loss.of_samples(torch.zeros(3, 1, 8))
    torch.testing.assert_close(
        of_samples(prediction[:, None], truth[:, None]), loss(prediction[:, None], truth[:, None])
    )


def test_the_gradient_at_a_sample_that_is_predicted_exactly_is_finite():
    x, y = np.arange(8) / 8, np.linspace(0, 1, 5)
    truth = torch.randn(2, 1, 8, 5, generator=torch.Generator().manual_seed(0))
    prediction = (truth + torch.tensor([0.0, 1.0])[:, None, None, None]).requires_grad_(True)
    for loss in (RelativeL2(), RelativeH1().on([x, y], [True, False])):
        (gradient,) = torch.autograd.grad(loss(prediction, truth), prediction)
        assert torch.isfinite(gradient).all()
        assert gradient[0].abs().max() == 0 < gradient[1].abs().max()
