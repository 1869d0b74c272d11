"""Orthonormal functions of one coordinate."""

import numpy as np
import pytest

from pinnlab.numerics.axis_basis import EndFunctional
from pinnlab.numerics.modal_axis import ConstrainedModes, LegendreModes, TrigonometricModes

AXES = (LegendreModes(-1.0, 3.0, 9), TrigonometricModes(0.5, 2.5, 9))


@pytest.mark.parametrize("axis", AXES)
def test_functions_are_orthonormal_under_their_quadrature(axis):
    np.testing.assert_allclose(axis.projection() @ axis.functions(axis.nodes), np.eye(9), atol=1e-13)


@pytest.mark.parametrize("axis", AXES)
def test_coefficients_hold_the_integral_of_the_square(axis):
    c = np.random.default_rng(0).normal(size=9)
    values = axis.functions(axis.nodes) @ c
    assert axis.weights @ values**2 == pytest.approx(c @ c, rel=1e-13)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_three_ways_to_differentiate_agree(axis, order):
    points = np.array([0.6, 1.1, 2.3])
    exact = axis.functions(points, order)
    values = axis.functions(axis.nodes)
    np.testing.assert_allclose(axis.interpolation(points, order) @ values, exact, atol=1e-9)
    again = axis.interpolation(points) @ (axis.differentiation(order) @ values)
    np.testing.assert_allclose(again, exact, atol=1e-9)


def test_the_first_functions_by_hand():
    x = np.array([0.25])
    # On [0, 1]: 1, sqrt 3 (2x - 1); and 1, sqrt 2 cos 2 pi x, sqrt 2 sin 2 pi x.
    np.testing.assert_allclose(LegendreModes(0.0, 1.0, 2).functions(x), [[1, -np.sqrt(3) / 2]], atol=1e-15)
    np.testing.assert_allclose(TrigonometricModes(0.0, 1.0, 3).functions(x), [[1, 0, np.sqrt(2)]], atol=1e-15)


def test_complex_modes_are_eigenfunctions_of_differentiation():
    axis = TrigonometricModes(0.0, 2.0, 7)
    matrix = axis.projection() @ axis.functions(axis.nodes, 1)
    turned = axis.to_complex @ matrix @ axis.to_complex.conj().T
    np.testing.assert_allclose(turned, np.diag(1j * axis.frequencies), atol=1e-12)


def test_products_of_two_functions_are_projected_without_aliasing():
    axis = TrigonometricModes(0.0, 1.0, 9)
    fine = TrigonometricModes(0.0, 1.0, 9, padding=8)
    c = np.random.default_rng(1).normal(size=9)
    square = [a.projection() @ (a.functions(a.nodes) @ c) ** 2 for a in (axis, fine)]
    np.testing.assert_allclose(square[0], square[1], atol=1e-12)


ROBIN = (EndFunctional(0.0, (1.0, -2.0)), EndFunctional(1.0, (0.0, 1.0)))


@pytest.mark.parametrize("functionals", [ROBIN[:1], ROBIN, (EndFunctional(0.0, (0.0, 1.0)), ROBIN[1])])
def test_constrained_functions_meet_the_conditions_and_stay_orthonormal(functionals):
    basis = ConstrainedModes.of(LegendreModes(0.0, 1.0, 10), functionals)
    assert basis.free == 10 - len(functionals)
    np.testing.assert_allclose(basis.mixing.T @ basis.mixing, np.eye(basis.free), atol=1e-12)
    for i, f in enumerate(functionals):
        at = np.array([f.x])
        row = sum(c * basis.functions(at, p) for p, c in enumerate(f.coefficients))
        np.testing.assert_allclose(row, 0, atol=1e-9)
        lifted = sum(c * basis.axis.functions(at, p) @ basis.lifts for p, c in enumerate(f.coefficients))
        np.testing.assert_allclose(lifted[0], np.eye(len(functionals))[i], atol=1e-9)


def test_an_initial_value_is_lifted_by_a_constant():
    basis = ConstrainedModes.of(LegendreModes(0.0, 2.0, 6), [EndFunctional(0.0, (1.0,))])
    np.testing.assert_allclose(basis.lifting(np.array([0.0, 0.7, 2.0]))[:, 0], 1, atol=1e-14)


def test_bad_input_is_refused_in_words():
    with pytest.raises(ValueError, match="come in pairs"):
        TrigonometricModes(0.0, 1.0, 4)
    with pytest.raises(ValueError, match="empty"):
        LegendreModes(1.0, 1.0, 4)
    with pytest.raises(ValueError, match="padding"):
        LegendreModes(0.0, 1.0, 4, padding=0.5)
    with pytest.raises(ValueError, match="said twice"):
        ConstrainedModes.of(LegendreModes(0.0, 1.0, 8), [ROBIN[0], ROBIN[0]])
    with pytest.raises(ValueError, match="leave none"):
        ConstrainedModes.of(LegendreModes(0.0, 1.0, 2), ROBIN)
