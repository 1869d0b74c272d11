"""Distances of inputs from those of the training."""

import math

import numpy as np
import pytest

from pinnlab.operators.input_distribution import FunctionSpread, InputDistribution, NumberSpread

NODES = np.arange(16) / 16


def waves(n, seed, scale=1.0):
    """a sin 2πx + b cos 2πx with normal factors, `(n, 1, 16)`."""
    factors = np.random.default_rng(seed).standard_normal((n, 2, 1)) * scale
    return (factors * np.stack([np.sin(2 * np.pi * NODES), np.cos(2 * np.pi * NODES)])).sum(1)[:, None]


def test_distances_are_those_of_mahalanobis_and_the_share_of_energy_outside():
    spread = FunctionSpread(np.array([1.0, 0, 0]), np.eye(3)[:2], np.array([2.0, 0.5]), 2.0, 0.25)
    inside, outside = spread.parts(np.array([[1 + 4.0, 0.5, 0], [1, 3, 4]]))
    np.testing.assert_allclose(inside, [np.sqrt((4 + 1) / 2), np.sqrt(36 / 2)])
    np.testing.assert_allclose(outside, [0, 16 / 25])
    found = spread.distance("f", np.array([1.0, 3.0, 4.0]))
    assert found.ratio == pytest.approx(max(np.sqrt(18) / 2, 0.64 / 0.25))
    assert "Mahalanobis distance of f in 2 principal components" in found.said
    assert "is 4.24 (per component; of validation samples up to 2), and the share" in found.said
    assert "outside of them 0.64 (up to 0.25)" in found.said


def test_the_farthest_validation_sample_has_ratio_one_and_others_have_less():
    distribution = InputDistribution.of(["f"], waves(200, 0), waves(50, 1))
    ratios = [distribution.distances(w)[0].ratio for w in waves(50, 1)]
    assert max(ratios) == pytest.approx(1.0)
    assert np.median(ratios) < 0.7


def test_members_that_are_larger_or_of_another_kind_are_far():
    distribution = InputDistribution.of(["f"], waves(200, 0), waves(50, 1))
    assert distribution.distances(waves(1, 2, scale=20.0)[0])[0].ratio > 3
    other = np.sin(6 * np.pi * NODES)[None]
    found = distribution.distances(other)[0]
    assert found.ratio > 1e3
    assert "outside of them 0.99 (up to" in found.said


def test_numbers_have_a_range_with_less_than_a_gap_around_it():
    values = np.linspace(2, 4, 11)[:, None, None] * np.ones(16)
    distribution = InputDistribution.of(["k"], values, None)
    (spread,) = distribution.spreads
    assert spread == NumberSpread(2.0, 4.0, pytest.approx(0.2))
    ratios = {k: distribution.distances(np.full((1, 16), k))[0].ratio for k in (3.0, 3.5, 4.0, 4.1, 5.0, 1.0)}
    assert ratios == pytest.approx({3.0: 0.0, 3.5: 0.5, 4.0: 1.0, 4.1: 1.5, 5.0: 6.0, 1.0: 6.0})
    said = spread.distance("k", np.array([5.0])).said
    assert said.startswith("k = 5 is out of range by 5 mean gaps between training values: its range in the training")
    assert said.endswith("is 2 to 4")


def test_a_function_for_a_number_is_infinitely_far():
    distribution = InputDistribution.of(["k"], np.ones((6, 1, 16)), None)
    assert distribution.distances(1 + NODES[None])[0].ratio == math.inf
    assert distribution.distances(np.ones((1, 16)))[0].ratio <= 1


def test_the_farthest_input_comes_first():
    both = np.concatenate([waves(50, 0), np.linspace(0, 1, 50)[:, None, None] * np.ones(16)], axis=1)
    distribution = InputDistribution.of(["f", "k"], both, None)
    far = np.concatenate([waves(1, 2)[0], np.full((1, 16), 9.0)])
    assert [d.input for d in distribution.distances(far)] == ["k", "f"]


def test_without_validation_some_samples_are_set_apart():
    rng = np.random.default_rng(0)
    rough = rng.standard_normal((20, 1, 16))
    (spread,) = InputDistribution.of(["f"], rough, None).spreads
    inside, outside = spread.parts(rough[::5, 0])
    assert spread.outside == pytest.approx(outside.max())
    assert spread.farthest == pytest.approx(inside.max())
    # Of noise four of sixteen directions hold little: the others' energy is outside.
    assert spread.outside > 0.5


def test_tensors_say_all():
    both = np.concatenate([waves(50, 0), np.linspace(0, 1, 50)[:, None, None] * np.ones(16)], axis=1)
    distribution = InputDistribution.of(["f", "k"], both, None)
    back = InputDistribution.from_tensors(["f", "k"], distribution.tensors())
    assert list(back.distances(both[3])) == distribution.distances(both[3])
    with pytest.raises(ValueError, match="missing or incomplete"):
        InputDistribution.from_tensors(["f", "k", "g"], distribution.tensors())


def test_one_sample_is_no_distribution():
    with pytest.raises(ValueError, match="distribution of 1 sample"):
        InputDistribution.of(["f"], waves(1, 0), None)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_of_identical_functions_every_other_one_is_infinitely_far(kind):
    wave = (0.1 + np.sin(2 * np.pi * NODES)).astype(kind)
    same = np.repeat(wave[None, None], 7, 0)
    for validation in (None, same[:2]):
        distribution = InputDistribution.of(["f"], same, validation)
        back = InputDistribution.from_tensors(["f"], distribution.tensors())
        for found in (distribution, back):
            assert found.distances(wave[None])[0].ratio == 0
            assert found.distances(1.01 * wave[None])[0].ratio == math.inf
            assert found.distances(wave[None, ::-1])[0].ratio == math.inf


def test_what_is_no_number_is_infinitely_far():
    distribution = InputDistribution.of(["f"], waves(50, 0), None)
    assert distribution.distances(np.full((1, 16), np.nan))[0].ratio == math.inf
