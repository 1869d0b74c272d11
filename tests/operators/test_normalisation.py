"""Means and deviations against numbers worked by hand."""

from __future__ import annotations

import pytest
import torch

from pinnlab.operators.normalisation import PointwiseGaussian, UnitGaussian, Unnormalised

VALUES = torch.randn(10, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 7 + 100


def test_each_channel_has_the_mean_and_deviation_of_its_own():
    values = torch.tensor([[[1.0, 3.0], [5.0, 5.0]], [[5.0, 7.0], [5.0, 9.0]]])
    scaling = UnitGaussian().fit([values])
    # 1, 3, 5, 7: mean 4, variance (9 + 1 + 1 + 9) / 4; and 5, 5, 5, 9: mean 6, variance (1 + 1 + 1 + 9) / 4.
    torch.testing.assert_close(scaling.mean, torch.tensor([[4.0], [6.0]]).double())
    torch.testing.assert_close(scaling.deviation, torch.tensor([[5.0], [3.0]]).double().sqrt())


def test_pointwise_moments_are_those_over_samples():
    scaling = PointwiseGaussian().fit([VALUES])
    torch.testing.assert_close(scaling.mean, VALUES.double().mean(0))
    torch.testing.assert_close(scaling.deviation, VALUES.double().std(0, correction=0))


@pytest.mark.parametrize("kind", [UnitGaussian(), PointwiseGaussian(), Unnormalised()])
def test_batches_do_not_matter_and_decoding_is_the_inverse(kind):
    whole, parts = kind.fit([VALUES]), kind.fit(VALUES.split([1, 4, 5]))
    torch.testing.assert_close(parts.mean, whole.mean)
    torch.testing.assert_close(parts.deviation, whole.deviation)
    torch.testing.assert_close(whole.decode(whole.encode(VALUES.double())), VALUES.double())


def test_encoded_values_have_mean_zero_and_deviation_one():
    encoded = UnitGaussian().fit([VALUES]).encode(VALUES.double()).movedim(1, 0).flatten(1)
    torch.testing.assert_close(encoded.mean(1), torch.zeros(3).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(encoded.std(1, correction=0), torch.ones(3).double())


def test_constant_channels_keep_their_size():
    scaling = UnitGaussian().fit([torch.full((4, 1, 3), 0.1), torch.full((4, 1, 3), 0.1)])
    assert scaling.deviation.item() == 1
    assert float(scaling.encode(torch.full((1, 1, 3), 0.1).double()).abs().max()) < 1e-8


def test_unnormalised_values_stay():
    assert torch.equal(Unnormalised().fit([VALUES]).encode(VALUES.double()), VALUES.double())


def test_channel_moments_go_to_other_grids_and_pointwise_ones_do_not():
    other = torch.ones(1, 3, 8, 9)
    assert UnitGaussian().fit([VALUES]).encode(other).shape == other.shape
    with pytest.raises(ValueError, match=r"on the grid \(4, 5\) and cannot be used on \(8, 9\)"):
        PointwiseGaussian().fit([VALUES]).encode(other)


@pytest.mark.parametrize("kind", [UnitGaussian(), PointwiseGaussian(), Unnormalised()])
def test_no_samples_are_refused(kind):
    with pytest.raises(ValueError, match="no samples"):
        kind.fit([])
