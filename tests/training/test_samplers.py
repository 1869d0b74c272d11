import numpy as np
import pytest

from pinnlab.errors import SolveFailed
from pinnlab.training.samplers import (
    LatinHypercube,
    Region,
    ResidualAdaptive,
    Sobol,
    Uniform,
    UniformGrid,
    adaptive_density,
)

LOWER, WIDTH = np.array([0.0, -1.0]), np.array([1.0, 2.0])
BOX = Region(2, lambda n, rng: LOWER + WIDTH * rng.random((n, 2)), lambda unit: LOWER + WIDTH * unit)
ALL = [Uniform(64), Sobol(50), ResidualAdaptive(64, 200), LatinHypercube(60)]
EVEN = [UniformGrid(100), Sobol(64), LatinHypercube(64)]


def in_disc(points):
    return np.hypot(*points.T) <= 1


DISC = Region(2, BOX.sample, None, (np.array([-1.0, -1.0]), np.array([1.0, 1.0])), in_disc)


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


def test_a_latin_hypercube_has_one_point_in_each_slice_of_each_axis():
    points = (LatinHypercube(30).draw(np.random.default_rng(0), BOX, flat) - LOWER) / WIDTH
    assert (np.sort(np.floor(30 * points), axis=0) == np.arange(30)[:, None]).all()


def test_a_grid_is_the_midpoints_of_the_most_cells_that_fit():
    points = UniformGrid(11).draw(np.random.default_rng(0), BOX, flat)
    x, y = np.meshgrid([1 / 6, 1 / 2, 5 / 6], [-2 / 3, 0, 2 / 3], indexing="ij")
    np.testing.assert_allclose(points, np.stack([x.ravel(), y.ravel()], axis=1), atol=1e-15)
    assert len(UniformGrid(9).draw(np.random.default_rng(0), BOX, flat)) == 9
    assert len(UniformGrid(1).draw(np.random.default_rng(0), BOX, flat)) == 1


@pytest.mark.parametrize("sampler", EVEN)
def test_even_points_of_a_disc_are_those_of_the_box_around_it(sampler):
    points = sampler.draw(np.random.default_rng(0), DISC, flat)
    assert in_disc(points).all()
    assert len(points) == sampler.points if not isinstance(sampler, UniformGrid) else 85 <= len(points) <= 100
    # A quarter of the area, up to the unevenness of a few points along its edge.
    assert np.mean((points > 0).all(axis=1)) == pytest.approx(1 / 4, abs=0.06)


@pytest.mark.parametrize("sampler", EVEN)
def test_even_points_need_a_map_from_the_unit_cube_or_a_box(sampler):
    with pytest.raises(ValueError, match="no image of the unit cube, and no box around it"):
        sampler.draw(np.random.default_rng(0), Region(2, BOX.sample), flat)


def test_a_domain_that_fills_nothing_of_its_box_is_reported():
    nothing = Region(2, BOX.sample, None, DISC.bounds, lambda points: np.zeros(len(points), dtype=bool))
    with pytest.raises(ValueError, match="fills next to nothing"):
        Sobol(8).draw(np.random.default_rng(0), nothing, flat)


def test_a_domain_that_fills_little_of_its_box_takes_more_tries():
    sliver = Region(2, BOX.sample, None, DISC.bounds, lambda points: points[:, 0] > 0.97)
    points = LatinHypercube(200).draw(np.random.default_rng(0), sliver, flat)
    assert points.shape == (200, 2)
    assert (points[:, 0] > 0.97).all()


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
        lambda: UniformGrid(0),
        lambda: LatinHypercube(-3),
        lambda: ResidualAdaptive(10, 9),
        lambda: ResidualAdaptive(k=-1.0),
        lambda: ResidualAdaptive(c=float("nan")),
    ],
)
def test_unusable_settings_are_refused(make):
    with pytest.raises(ValueError, match=r"points|every|candidates|[kc] ="):
        make()
