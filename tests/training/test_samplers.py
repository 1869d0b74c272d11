import numpy as np
import pytest

from pinnlab.errors import SolveFailed
from pinnlab.training.samplers import Region, ResidualAdaptive, Sobol, Uniform, adaptive_density

LOWER, WIDTH = np.array([0.0, -1.0]), np.array([1.0, 2.0])
BOX = Region(2, lambda n, rng: LOWER + WIDTH * rng.random((n, 2)), lambda unit: LOWER + WIDTH * unit)
ALL = [Uniform(64), Sobol(50), ResidualAdaptive(64, 200)]


def flat(points):
    return np.ones(len(points))


def test_density_by_hand():
    # |r|^2 = 1, 4, 4, 9 with mean 4.5: plus 1/2 gives (13, 25, 25, 45) / 18, of sum 6.
    found = adaptive_density(np.array([1.0, 2.0, 2.0, 3.0]), 2.0, 0.5)
    np.testing.assert_allclose(found, np.array([13, 25, 25, 45]) / 108, rtol=1e-14)


def test_density_is_uniform_without_residual_and_for_exponent_zero():
    np.testing.assert_allclose(adaptive_density(np.zeros(4), 1.0, 0.0), 0.25)
    np.testing.assert_allclose(adaptive_density(np.array([1.0, 3.0]), 0.0, 0.0), 0.5)


def test_density_does_not_overflow():
    np.testing.assert_allclose(adaptive_density(np.array([1e200, 0.0]), 2.0, 0.0), [1, 0])


@pytest.mark.parametrize("sampler", ALL)
def test_points_lie_in_the_region_and_are_as_many_as_asked(sampler):
    points = sampler.draw(np.random.default_rng(0), BOX, flat)
    assert points.shape == (sampler.points, 2)
    assert ((points >= LOWER) & (points <= LOWER + WIDTH)).all()
    assert len(np.unique(points, axis=0)) == sampler.points


@pytest.mark.parametrize("sampler", ALL)
def test_equal_generators_give_equal_points_and_others_do_not(sampler):
    a, b, c = (sampler.draw(np.random.default_rng(seed), BOX, flat) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("sampler", ALL)
def test_a_second_draw_from_one_generator_is_another(sampler):
    rng = np.random.default_rng(0)
    assert not np.array_equal(sampler.draw(rng, BOX, flat), sampler.draw(rng, BOX, flat))


def test_sobol_points_fill_every_cell_evenly():
    points = (Sobol(256).draw(np.random.default_rng(0), BOX, flat) - LOWER) / WIDTH
    counts, *_ = np.histogram2d(*points.T, bins=16, range=[[0, 1], [0, 1]])
    assert (counts == 1).all()


def test_sobol_needs_a_map_from_the_unit_cube():
    with pytest.raises(ValueError, match="no image of the unit cube"):
        Sobol(8).draw(np.random.default_rng(0), Region(2, BOX.sample), flat)


def test_adaptive_points_crowd_where_the_residual_is_large():
    # |r| = 1 on a tenth of the box, else 0, k = c = 1: density 11 there, 1 elsewhere, so 11/20 of few points.
    sampler = ResidualAdaptive(400, 20000)
    points = sampler.draw(np.random.default_rng(0), BOX, lambda p: np.where(p[:, 0] < 0.1, -1.0, 0.0))
    assert (points[:, 0] < 0.1).mean() == pytest.approx(11 / 20, abs=0.08)


def test_a_residual_that_is_not_finite_is_reported_with_its_place():
    with pytest.raises(SolveFailed, match=r"residual is nan at \["):
        ResidualAdaptive(8, 16).draw(np.random.default_rng(0), BOX, lambda p: np.full(len(p), np.nan))


def test_too_few_candidates_with_a_residual_are_reported():
    with pytest.raises(ValueError, match="give c > 0"):
        ResidualAdaptive(8, 16, c=0.0).draw(
            np.random.default_rng(0), BOX, lambda p: (np.arange(len(p)) < 3).astype(float)
        )


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(0),
        lambda: Sobol(8, every=-1),
        lambda: ResidualAdaptive(10, 9),
        lambda: ResidualAdaptive(k=-1.0),
        lambda: ResidualAdaptive(c=float("nan")),
    ],
)
def test_unusable_settings_are_refused(make):
    with pytest.raises(ValueError, match=r"points|every|candidates|k ="):
        make()
