from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_array

from pinnlab.numerics.axes import (
    ChebyshevAxis,
    FourierAxis,
    PeriodicStencilAxis,
    StencilAxis,
    uniform,
)


def stretched(n, accuracy=4):
    return StencilAxis(np.expm1(2 * np.linspace(0, 1, n)) / np.expm1(2), accuracy)


def jittered(n, accuracy=4):
    nodes = np.linspace(0, 1, n)
    nodes[1:-1] += np.random.default_rng(n).uniform(-0.3, 0.3, n - 2) / n
    return StencilAxis(nodes, accuracy)


AXES = [
    FourierAxis(-1, 3, 12),
    ChebyshevAxis(-1, 3, 12),
    uniform(-1, 3, 12),
    stretched(12),
    PeriodicStencilAxis(-1, 3, 12),
]
KINDS = [type(axis).__name__ + str(i) for i, axis in enumerate(AXES)]


def rates(errors):
    errors = np.asarray(errors)
    return np.log2(errors[:-1] / errors[1:])


@pytest.mark.parametrize("axis", AXES, ids=KINDS)
def test_every_axis_reproduces_nodal_values_and_constants(axis):
    values = np.random.default_rng(0).normal(size=len(axis.nodes))
    np.testing.assert_allclose(axis.interpolation(axis.nodes) @ values, values, atol=1e-14)
    np.testing.assert_array_equal(axis.differentiation(0).toarray(), np.eye(len(values)))
    np.testing.assert_allclose(axis.differentiation(1) @ np.full(len(values), 7.0), 0.0, atol=1e-12)
    assert axis.weights.sum() == pytest.approx(axis.upper - axis.lower, rel=1e-14)
    assert isinstance(axis.differentiation(2), csr_array)


def test_stencil_axes_of_equal_nodes_are_equal_and_hash_alike():
    axis, twin = StencilAxis(np.arange(8.0)), StencilAxis(tuple(range(8)))
    assert axis == twin
    assert hash(axis) == hash(twin)
    assert axis != StencilAxis(np.arange(8.0), accuracy=6)
    assert (axis.lower, axis.upper) == (0.0, 7.0)


def test_uniform_matrices_are_the_classical_five_point_formulae_inside():
    axis = uniform(0, 1, 11)
    np.testing.assert_allclose(axis.differentiation(1).toarray()[5, 3:8] * 1.2, [1, -8, 0, 8, -1], atol=1e-12)
    np.testing.assert_allclose(axis.differentiation(2).toarray()[5, 3:8] * 0.12, [-1, 16, -30, 16, -1], atol=1e-10)
    assert np.diff(axis.differentiation(2).indptr).tolist() == [6, 6, 5, 5, 5, 5, 5, 5, 5, 6, 6]


@pytest.mark.parametrize("make", [lambda n, a: uniform(0, 1, n, a), stretched, jittered])
@pytest.mark.parametrize("accuracy", [2, 4, 6])
def test_stencils_are_exact_on_polynomials_up_to_their_degree(make, accuracy):
    axis, points = make(14, accuracy), np.linspace(0, 1, 41)
    for order in (1, 2, 3, 4):
        p = np.polynomial.Polynomial(np.random.default_rng(order).normal(size=accuracy + order))
        scale = np.abs(axis.differentiation(order)).max() * np.abs(p(axis.nodes)).max()
        error = axis.differentiation(order) @ p(axis.nodes) - p.deriv(order)(axis.nodes)
        assert np.abs(error).max() <= 1e-13 * scale
        error = axis.interpolation(points, order) @ p(axis.nodes) - p.deriv(order)(points)
        assert np.abs(error).max() <= 1e-13 * scale
    p = np.polynomial.Polynomial(np.random.default_rng(9).normal(size=accuracy + 2))
    np.testing.assert_allclose(axis.interpolation(points) @ p(axis.nodes), p(points), rtol=1e-11, atol=1e-13)
    assert axis.weights @ p(axis.nodes) == pytest.approx(p.integ()(1.0) - p.integ()(0.0), rel=1e-12)


@pytest.mark.parametrize(("make", "accuracy"), [(lambda n, a: uniform(0, 1, n, a), 4), (stretched, 2)])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_stencils_keep_their_accuracy_up_to_the_ends(make, accuracy, order):
    errors = []
    for n in (40, 80, 160):
        axis = make(n, accuracy)
        errors.append(
            np.abs(axis.differentiation(order) @ np.exp(3 * axis.nodes) / 3**order - np.exp(3 * axis.nodes)).max()
        )
    assert rates(errors)[-1] == pytest.approx(accuracy, abs=0.3)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("accuracy", [2, 4, 6])
def test_periodic_stencils_converge_with_their_accuracy(accuracy, order):
    derivative = [np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)][order % 4]
    errors, between = [], []
    points = np.linspace(-5, 9, 101)
    for n in (32, 64):
        axis = PeriodicStencilAxis(0.5, 0.5 + 2 * np.pi, n, accuracy)
        errors.append(np.abs(axis.differentiation(order) @ np.sin(axis.nodes) - derivative(axis.nodes)).max())
        between.append(np.abs(axis.interpolation(points, order) @ np.sin(axis.nodes) - derivative(points)).max())
    assert rates(errors)[0] == pytest.approx(accuracy, abs=0.15)
    assert rates(between)[0] > accuracy - 0.3


def test_periodic_matrices_are_antisymmetric_and_symmetric():
    axis = PeriodicStencilAxis(0, 2, 20)
    first, second = axis.differentiation(1), axis.differentiation(2)
    assert abs(first + first.T).max() == 0
    assert abs(second - second.T).max() == 0


def test_fourier_matrices_by_hand_on_four_nodes():
    # Modes 1, cos x, sin x and the Nyquist cosine cos 2x on 0, pi/2, pi, 3 pi/2.
    axis = FourierAxis(0, 2 * np.pi, 4)
    first = np.array([[0, 1, 0, -1], [-1, 0, 1, 0], [0, -1, 0, 1], [1, 0, -1, 0]]) / 2
    # Column 0 of the second is -(2 cos x + 4 cos 2x) / 4.
    second = np.array([[-3, 2, -1, 2], [2, -3, 2, -1], [-1, 2, -3, 2], [2, -1, 2, -3]]) / 2
    np.testing.assert_allclose(axis.differentiation(1).toarray(), first, atol=1e-15)
    np.testing.assert_allclose(axis.differentiation(2).toarray(), second, atol=1e-14)


def test_fourier_keeps_the_nyquist_mode_as_a_cosine():
    axis = FourierAxis(0, 2 * np.pi, 8)
    points = np.linspace(-1, 7, 33)
    nyquist = np.cos(4 * axis.nodes)
    np.testing.assert_allclose(axis.interpolation(points) @ nyquist, np.cos(4 * points), atol=1e-13)
    np.testing.assert_allclose(axis.differentiation(1) @ nyquist, 0, atol=1e-14)
    np.testing.assert_allclose(axis.interpolation(points, 3) @ nyquist, 0, atol=1e-12)
    np.testing.assert_allclose(axis.differentiation(2) @ nyquist, -16 * nyquist, atol=1e-12)


def test_fourier_is_spectrally_accurate_at_and_between_the_nodes():
    axis, points = FourierAxis(1, 3, 48), np.linspace(-2, 4, 61)

    def wave(x):
        return np.exp(np.sin(np.pi * x))

    def slope(x):
        return np.pi * np.cos(np.pi * x) * wave(x)

    np.testing.assert_allclose(axis.differentiation(1) @ wave(axis.nodes), slope(axis.nodes), atol=1e-12)
    np.testing.assert_allclose(axis.interpolation(points) @ wave(axis.nodes), wave(points), atol=1e-13)
    np.testing.assert_allclose(axis.interpolation(points, 1) @ wave(axis.nodes), slope(points), atol=1e-12)
    assert axis.weights @ wave(axis.nodes) / 2 == pytest.approx(1.2660658777520084, rel=1e-15)


def test_chebyshev_matrices_and_weights_by_hand_on_three_nodes():
    axis = ChebyshevAxis(-1, 1, 3)
    np.testing.assert_allclose(axis.nodes, [-1, 0, 1], atol=1e-16)
    first = [[-1.5, 2, -0.5], [-0.5, 0, 0.5], [0.5, -2, 1.5]]
    np.testing.assert_allclose(axis.differentiation(1).toarray(), first, atol=1e-15)
    np.testing.assert_allclose(axis.differentiation(2).toarray(), [[1, -2, 1]] * 3, atol=1e-14)
    np.testing.assert_allclose(axis.weights, [1 / 3, 4 / 3, 1 / 3], atol=1e-15)
    np.testing.assert_allclose(ChebyshevAxis(-1, 1, 5).weights * 15, [1, 8, 12, 8, 1], atol=1e-14)
    np.testing.assert_allclose(ChebyshevAxis(0, 4, 2).weights, [2, 2], atol=1e-15)


@pytest.mark.parametrize(("order", "tolerance"), [(1, 1e-11), (2, 2e-8), (3, 2e-5)])
def test_chebyshev_derivatives_are_accurate_to_rounding(order, tolerance):
    # Powers of a first-derivative matrix with plain differences of nodes lose one to two digits more.
    axis, points = ChebyshevAxis(0, 2, 96), np.linspace(0, 2, 57)
    derivative = [np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)][order]
    values = np.sin(3 * axis.nodes)
    exact = 3**order * derivative(3 * axis.nodes)
    np.testing.assert_allclose(axis.differentiation(order) @ values, exact, atol=tolerance)
    np.testing.assert_allclose(axis.interpolation(points) @ values, np.sin(3 * points), atol=1e-14)
    between = 3**order * derivative(3 * points)
    np.testing.assert_allclose(axis.interpolation(points, order) @ values, between, atol=tolerance)
    assert axis.weights @ values == pytest.approx((1 - math.cos(6)) / 3, abs=1e-15)


def test_chebyshev_differences_are_as_exact_at_the_right_end_as_at_the_left():
    matrix = ChebyshevAxis(-1, 1, 200).differentiation(1).toarray()
    np.fill_diagonal(matrix, 0.0)
    np.testing.assert_array_equal(matrix, -matrix[::-1, ::-1])


@pytest.mark.parametrize("axis", [uniform(0, 9, 10, 2), PeriodicStencilAxis(0, 9, 9, 2)], ids=["ends", "periodic"])
def test_interpolation_between_nodes_is_centred(axis):
    row = axis.interpolation(np.array([4.5])).toarray()[0]
    np.testing.assert_allclose(row[:9] * 16, [0, 0, 0, -1, 9, 9, -1, 0, 0], atol=1e-13)


@pytest.mark.parametrize("axis", [ChebyshevAxis(0, 1, 8), uniform(0, 1, 8)], ids=["chebyshev", "stencil"])
def test_a_point_outside_is_named(axis):
    with pytest.raises(ValueError, match=r"1\.01.*2 of 3"):
        axis.interpolation(np.array([0.5, 1.01, np.nan]))
    assert axis.interpolation(np.array([1 + 1e-13, -1e-13])).shape == (2, 8)


@pytest.mark.parametrize("axis", [FourierAxis(0, 1, 8), PeriodicStencilAxis(0, 1, 8)], ids=["fourier", "stencil"])
def test_periodic_axes_wrap_and_refuse_what_is_not_finite(axis):
    values = np.sin(2 * np.pi * axis.nodes)
    inside = axis.interpolation(np.array([0.3, 0.0, 0.999])) @ values
    np.testing.assert_allclose(axis.interpolation(np.array([-2.7, 1.0, 7.999])) @ values, inside, atol=1e-13)
    np.testing.assert_allclose(axis.interpolation(np.array([-1e-18])) @ values, 0, atol=1e-14)
    with pytest.raises(ValueError, match="inf is not finite"):
        axis.interpolation(np.array([0.0, np.inf]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FourierAxis(0, 1, 7), "even number.*n = 7"),
        (lambda: FourierAxis(1, 1, 8), r"lower < upper.*\[1, 1\]"),
        (lambda: ChebyshevAxis(0, math.inf, 8), "finite lower < upper"),
        (lambda: ChebyshevAxis(0, 1, 1), "n = 1"),
        (lambda: StencilAxis((0, 1, 1, 2, 3, 4)), "ascending"),
        (lambda: StencilAxis((0, 1, 2, math.nan, 3, 4)), "ascending"),
        (lambda: uniform(0, 1, 5), "needs 6 nodes, but the axis has 5"),
        (lambda: uniform(0, 1, 50, accuracy=3), "even number >= 2, got 3"),
        (lambda: uniform(0, 1, 6).differentiation(3), "order 3 needs 7 nodes"),
        (lambda: uniform(0, 1, 6).interpolation(np.zeros(1), 3), "order 3 needs 8 nodes"),
        (lambda: PeriodicStencilAxis(0, 1, 6).differentiation(3), "order 3 needs 7 nodes"),
        (lambda: uniform(0, 1, 6).differentiation(-1), "must be >= 0, got -1"),
        (lambda: ChebyshevAxis(0, 1, 6).interpolation(np.zeros(1), -1), "must be >= 0, got -1"),
    ],
)
def test_bad_settings_are_refused_in_words(make, message):
    with pytest.raises(ValueError, match=message):
        make()
