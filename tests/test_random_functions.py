"""Distributions of functions."""

import math
import pickle

import numpy as np
import pytest
import sympy as sp

from pinnlab.forms.evaluate import on_points
from pinnlab.known import Known
from pinnlab.random_functions import (
    Cosines,
    NeumannField,
    PeriodicField,
    Series,
    TravellingSines,
    TwoPhase,
    Waves,
    WindowedSines,
)

t, x, y = sp.symbols("t x y", real=True)
SQUARE = {x: (0, 1), y: (0, 1)}


def drawn(distribution, seed=0):
    return distribution.rvs(random_state=np.random.default_rng(seed))


def source(expression):
    (atom,) = expression.atoms(Known)
    return atom.args[0].held


@pytest.mark.parametrize("basis", [Waves(-1.0, 2.0), Cosines(-1.0, 2.0)])
def test_bases_are_orthonormal_eigenfunctions(basis):
    nodes, weights = np.polynomial.legendre.leggauss(60)
    places = 0.5 + 1.5 * nodes
    values, second = (basis.values(places, 4, order) for order in (0, 2))
    np.testing.assert_allclose(values.T @ (1.5 * weights[:, None] * values), np.eye(values.shape[1]), atol=1e-12)
    np.testing.assert_allclose(second, -values * basis.frequencies(4) ** 2, atol=1e-9)


def test_the_variance_of_the_burgers_recipe_is_that_worked_by_hand():
    # 625 (4π²k² + 25)^-2 for each of √2 cos and √2 sin: 2·625·Σ (4π²k² + 25)^-2, of which k = 1 and 2 are
    # 2·625·(1/64.478² + 1/182.914²) = 0.30066 + 0.03736.
    field = PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=25, modes=2)
    assert field.variance(np.array([[0.3]])) == pytest.approx(0.33803, abs=2e-5)


def test_the_variance_of_the_darcy_recipe_is_that_worked_by_hand():
    # σ = τ^(α - 1) = 3.  At the corner every cosine is √2 (1 where k = 0): with one mode along each axis
    # 9·[2·2/(π² + 9)² + 4/(2π² + 9)²] = 9·[4/356.06 + 4/825.94] = 0.10111 + 0.04359.
    field = NeumannField(SQUARE, alpha=2, tau=3, modes=1)
    assert field.variance(np.zeros((1, 2))) == pytest.approx(0.14470, abs=2e-5)


def test_the_variance_of_the_vorticity_recipe_is_that_worked_by_hand():
    # σ² = τ^(2α - d) = 7³ = 343; modes (±1, 0), (0, ±1), (±1, ±1): 343·[4 (4π² + 49)^-2.5 + 4 (8π² + 49)^-2.5].
    field = PeriodicField(SQUARE, alpha=2.5, tau=7, modes=1)
    by_hand = 343 * (4 * (4 * math.pi**2 + 49) ** -2.5 + 4 * (8 * math.pi**2 + 49) ** -2.5)
    assert field.variance(np.array([[0.1, 0.7]])) == pytest.approx(by_hand, rel=1e-12)
    assert by_hand == pytest.approx(0.02604, abs=2e-5)


def test_draws_have_the_variance_and_no_mean():
    field = PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=25, modes=16)
    coefficients = np.stack([source(drawn(field, i)).coefficients for i in range(2000)])
    values = Series(field.bases, coefficients).on_grid([np.arange(32) / 32])
    assert values.var() == pytest.approx(float(field.variance(np.zeros((1, 1)))[0]), rel=0.05)
    np.testing.assert_allclose(values.mean(axis=1), 0, atol=1e-12)
    assert np.std(source(drawn(PeriodicField({x: (0, 1)}, 2, 5, 25, mean=1))).coefficients[:1]) == 0
    with_mean = PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=25, modes=1, mean=1)
    assert with_mean.deviations()[0] == pytest.approx(25 / 25)


def test_derivatives_are_those_of_the_values():
    expression = drawn(NeumannField(SQUARE, alpha=2, tau=3, modes=6))
    points, h = np.random.default_rng(0).uniform(0.1, 0.9, (20, 2)), 1e-5
    value, slope = on_points([expression], [x, y]), on_points([expression.diff(x), expression.diff(x, y)], [x, y])
    step, side = np.array([h, 0]), np.array([0, h])
    first = (value(points + step) - value(points - step))[:, 0] / (2 * h)
    mixed = (
        value(points + step + side)
        - value(points + step - side)
        - value(points - step + side)
        + value(points - step - side)
    )
    np.testing.assert_allclose(slope(points)[:, 0], first, atol=1e-6)
    np.testing.assert_allclose(slope(points)[:, 1], mixed[:, 0] / (4 * h * h), atol=1e-3)


def test_values_on_a_grid_at_its_points_and_at_scattered_points_agree():
    held = source(drawn(PeriodicField({x: (0, 2), y: (0, 1)}, alpha=2, tau=3, modes=5)))
    axes = np.linspace(0, 2, 7), np.linspace(0, 1, 4)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    grid = held.on_grid(axes, (1, 2))
    np.testing.assert_allclose(held.derivative((1, 2))(points)[:, 0], grid.ravel(), atol=1e-10)
    one_by_one = [held.derivative((1, 2))(p[None])[0, 0] for p in points]
    np.testing.assert_allclose(one_by_one, grid.ravel(), atol=1e-10)
    np.testing.assert_allclose(held._scattered((1, 2), points), grid.ravel(), atol=1e-10)


def test_fields_keep_the_period_or_the_slope_of_their_box():
    periodic = source(drawn(PeriodicField({x: (1, 3)}, alpha=2, tau=3, modes=5)))
    ends = np.array([[1.0], [3.0]])
    np.testing.assert_allclose(np.ptp(periodic.derivative((1,))(ends)), 0, atol=1e-11)
    neumann = source(drawn(NeumannField({x: (1, 3)}, alpha=2, tau=3, modes=5)))
    np.testing.assert_allclose(neumann.derivative((1,))(ends), 0, atol=1e-11)


def test_two_phases_are_where_the_field_has_its_signs():
    field = NeumannField(SQUARE, alpha=2, tau=3, modes=6)
    points = np.random.default_rng(1).uniform(size=(200, 2))
    phases = on_points([drawn(TwoPhase(field), 3)], [x, y])(points)[:, 0]
    signs = source(drawn(field, 3)).derivative((0, 0))(points)[:, 0]
    np.testing.assert_array_equal(phases, np.where(signs >= 0, 12.0, 4.0))
    assert len(set(phases)) == 2


def test_distributions_travel_to_other_processes():
    for distribution in (TwoPhase(NeumannField(SQUARE, alpha=2, tau=3, modes=2)), TravellingSines(t, {x: (0, 16)})):
        assert pickle.loads(pickle.dumps(distribution)) == distribution


def test_travelling_sines_have_the_period_and_the_bounds_of_the_recipe():
    found = drawn(TravellingSines(t, {x: (0, 16)}))
    values = on_points([found], [t, x])(np.array([[0.7, 1.0], [0.7, 17.0], [0.7, 5.0]]))[:, 0]
    assert values[0] == pytest.approx(values[1])
    assert values[0] != pytest.approx(values[2])
    assert len(found.atoms(sp.sin)) == 5
    for term in found.args:
        amplitude, sine = term.as_coeff_Mul()
        assert abs(amplitude) <= 0.5
        assert abs(sine.args[0].coeff(t)) <= 0.4
        assert sine.args[0].coeff(x) in (sp.pi / 8, sp.pi / 4)


def test_windowed_sines_fold_and_cut_as_often_as_they_are_told():
    plain = [drawn(WindowedSines({x: (0, 1)}, rare=0), i) for i in range(20)]
    assert not any(e.has(sp.Abs) or e.has(sp.Piecewise) for e in plain)
    both = drawn(WindowedSines({x: (0, 1)}, rare=1))
    assert both.has(sp.Abs)
    values = on_points([both], [x])(np.array([[0.05], [0.5], [0.95]]))[:, 0]
    assert values[0] == values[2] == 0
    assert values[1] != 0
    share = np.mean([drawn(WindowedSines({x: (0, 1)}), i).has(sp.Abs) for i in range(200)])
    assert 0.05 < share < 0.16


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: PeriodicField({x: (0, 1)}, alpha=0.5, tau=3), "must be over 0.5"),
        (lambda: PeriodicField({x: (0, 1)}, alpha=2, tau=-3), "tau = -3; give a positive number"),
        (lambda: PeriodicField({x: (1, 1)}, alpha=2, tau=3), "finite and increasing"),
        (lambda: NeumannField({x: (0, 1)}, alpha=2, tau=3, modes=0), "positive whole number"),
        (lambda: NeumannField({x: (0, 1)}, alpha=2, tau=3, mean=-1), "from 0 on"),
        (lambda: TwoPhase(NeumannField({x: (0, 1)}, alpha=2, tau=3), 4, 4), "two different"),
        (lambda: TravellingSines(t, SQUARE), "one coordinate"),
        (lambda: TravellingSines(t, {x: (0, 1)}, terms=0), "terms = 0; give a positive whole number"),
        (lambda: WindowedSines({x: (0, 1)}, rare=2), "probability"),
    ],
)
def test_arguments_out_of_range_are_refused_in_words(make, says):
    with pytest.raises(ValueError, match=says):
        make()
