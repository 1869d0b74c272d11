"""Distances of inputs from those of the training."""

import math

import numpy as np
import pytest

from pinnlab.operators.input_distribution import FunctionSpread, InputDistribution, NumberSpread, _expected

NODES = np.arange(16) / 16
X32 = np.arange(32) / 32


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
    assert "is 4.24 (per component; of members up to 2), and the share" in found.said
    assert "outside of them 0.64 (up to 0.25)" in found.said


def test_no_sample_is_farther_than_what_is_expected_and_most_are_nearer():
    distribution = InputDistribution.of(["f"], waves(200, 0), waves(50, 1))
    ratios = [distribution.distances(w)[0].ratio for w in (*waves(50, 1), *waves(200, 0))]
    assert max(ratios) <= 1.0
    assert np.median(ratios) < 0.7


def test_few_samples_expect_what_student_says():
    # Mean 2, deviation 1 and n = 3: 2 + t · sqrt(1 + 1/3) with t(0.999; 2) = 22.327.
    assert _expected(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 + 22.327 * np.sqrt(4 / 3), rel=1e-4)
    # One far sample among many is not out of the question.
    assert _expected(np.array([*np.ones(999), 9.0])) == 9.0
    assert _expected(np.array([2.0, np.inf])) == 2.0


@pytest.mark.parametrize(("training", "validation"), [(54, 6), (900, 100)])
def test_true_members_are_seldom_refused_and_strangers_are(training, validation):
    rng, numbers = np.random.default_rng(3), np.arange(1, 9)
    basis = np.concatenate([np.sin(2 * np.pi * np.outer(numbers, X32)), np.cos(2 * np.pi * np.outer(numbers, X32))])

    def field(n, size=1.0, scale=5.0):
        factors = rng.standard_normal((n, 16)) * np.tile(size / (4 * np.pi**2 * numbers**2 / scale**2 + 1), 2)
        both = [factors @ basis, rng.uniform(2, 4, size=(n, 1)) * np.ones(32)]
        return np.stack(both, axis=1)

    refused = np.zeros(3)
    for _ in range(10):
        distribution = InputDistribution.of(["f", "k"], field(training), field(validation))
        for i, some in enumerate((field(100), field(100, size=3.0), field(100, scale=15.0))):
            refused[i] += sum(distribution.distances(one)[0].ratio > 1 for one in some)
    # Of 1000.
    assert refused[0] <= 20
    assert refused[1] > 600
    assert refused[2] > 900


def test_members_that_are_larger_or_of_another_kind_are_far():
    distribution = InputDistribution.of(["f"], waves(200, 0), waves(50, 1))
    assert distribution.distances(waves(1, 2, scale=20.0)[0])[0].ratio > 2
    other = np.sin(6 * np.pi * NODES)[None]
    found = distribution.distances(other)[0]
    assert found.ratio > 1e3
    assert "outside of them 0.99 (up to" in found.said


def test_numbers_have_a_range_with_room_around_it():
    values = np.linspace(2, 4, 11)[:, None, None] * np.ones(16)
    distribution = InputDistribution.of(["k"], values, None)
    (spread,) = distribution.spreads
    # Spacings of 0.2, of which the outermost 4 tell: 4 · ((0.001 · 12)^(-1/4) - 1) of them.
    room = 0.2 * 4 * (0.012**-0.25 - 1)
    assert spread == NumberSpread(2.0, 4.0, pytest.approx(room), pytest.approx(room))
    asked = (3.0, 3.5, 4.0, 4 + 0.9 * room, 4 + 3 * room, 2 - 3 * room)
    ratios = [distribution.distances(np.full((1, 16), k))[0].ratio for k in asked]
    assert ratios == pytest.approx([0.0, 0.5, 1.0, 1.0, 3.0, 3.0])
    said = spread.distance("k", np.array([9.0])).said
    assert said.startswith("k = 9 is out of range by 5, and members by up to 1.62: its range in the training")
    assert said.endswith("is 2 to 4")


def test_the_room_under_a_range_is_that_of_its_own_end():
    values = np.geomspace(1e-3, 1e-1, 60)[:, None, None] * np.ones(16)
    (spread,) = InputDistribution.of(["nu"], values, None).spreads
    assert 0 < spread.below < 1e-3 < 1e-2 < spread.above


def test_a_function_for_a_number_is_infinitely_far():
    distribution = InputDistribution.of(["k"], np.ones((6, 1, 16)), None)
    assert distribution.distances(1 + NODES[None])[0].ratio == math.inf
    assert distribution.distances(np.ones((1, 16)))[0].ratio <= 1


def test_the_farthest_input_comes_first():
    both = np.concatenate([waves(50, 0), np.linspace(0, 1, 50)[:, None, None] * np.ones(16)], axis=1)
    distribution = InputDistribution.of(["f", "k"], both, None)
    far = np.concatenate([waves(1, 2)[0], np.full((1, 16), 9.0)])
    assert [d.input for d in distribution.distances(far)] == ["k", "f"]


def test_each_part_of_the_training_is_judged_by_the_others():
    rng = np.random.default_rng(0)
    rough = rng.standard_normal((20, 1, 16))
    (spread,) = InputDistribution.of(["f"], rough, None).spreads
    # Of noise four of sixteen directions hold little: the others' energy is outside.
    assert spread.outside > 0.5
    own, _ = spread.parts(rough[:, 0])
    assert spread.farthest > own.max()


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


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("training", [waves(50, 0), np.linspace(1, 2, 50)[:, None, None] * np.ones(16)])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_is_no_number_is_infinitely_far(training, wrong):
    distribution = InputDistribution.of(["f"], training, None)
    assert distribution.distances(np.full((1, 16), wrong))[0].ratio == math.inf


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_function_next_to_the_mean_is_not_far_by_rounding(kind):
    wave, sizes = np.sin(2 * np.pi * NODES), np.random.default_rng(0).uniform(1, 2, 50)
    distribution = InputDistribution.of(["f"], (sizes[:, None, None] * wave).astype(kind), None)
    for apart in (0, 1e-12, 1e-7, 1e-4, 0.1):
        near = (sizes.mean() * (1 + apart) * wave).astype(kind)
        assert distribution.distances(near[None])[0].ratio < 1
    # One part in a hundred thousand of another wave is more than rounding.
    other = sizes.mean() * wave + 1e-5 * np.sin(4 * np.pi * NODES)
    assert distribution.distances(other[None])[0].ratio > 1
