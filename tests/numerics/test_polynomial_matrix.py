"""Roots and null vectors of matrices of polynomials, against numbers worked by hand."""

from __future__ import annotations

import pytest
import torch

from pinnlab.numerics.polynomial_matrix import PolynomialMatrix, multipliers, roots

WAVE = PolynomialMatrix.of({(2, 0): [[1.0]], (0, 2): [[-4.0]]})  # z_t^2 - 4 z_x^2
HEAT = PolynomialMatrix.of({(1, 0): [[1.0]], (0, 2): [[-3.0]]})  # z_t - 3 z_x^2


def points(*rows):
    return torch.tensor(rows, dtype=torch.complex128)


def test_values_and_taylor_coefficients_by_hand():
    p = PolynomialMatrix.of({(2, 1): [[3.0, 0.0]], (0, 0): [[5.0, 1.0]]})
    at = points([2.0, 1j])
    torch.testing.assert_close(p(at), torch.tensor([[[5 + 12j, 1]]], dtype=torch.complex128))
    torch.testing.assert_close(p.taylor(0, 1)(at), torch.tensor([[[12j, 0]]], dtype=torch.complex128))
    torch.testing.assert_close(p.taylor(0, 2)(at), torch.tensor([[[3j, 0]]], dtype=torch.complex128))
    assert not p.taylor(0, 3)(at).any()
    torch.testing.assert_close(p.magnitude(at), torch.tensor([[[17.0, 1.0]]], dtype=torch.float64))
    assert (p.degree(0), p.degree(1)) == (2, 1)


def test_roots_of_the_wave_and_of_the_heat_equation():
    found = roots(WAVE, points([0, 3j]), 0)[0, :, 0]
    torch.testing.assert_close(found[found.imag.argsort()], points([-6j, 6j])[0])
    torch.testing.assert_close(roots(HEAT, points([0, 2j]), 0)[0], points([-12, 2j]))


def test_roots_are_found_to_rounding_for_high_degrees():
    # (z^2 + 1)(z - 2)(z - 3) = z^4 - 5 z^3 + 7 z^2 - 5 z + 6
    terms = {(4,): [[1.0]], (3,): [[-5.0]], (2,): [[7.0]], (1,): [[-5.0]], (0,): [[6.0]]}
    found = roots(PolynomialMatrix.of(terms), points([0]), 0)[0, :, 0]
    for expected in (1j, -1j, 2, 3):
        assert (found - expected).abs().min() < 1e-13


def test_roots_are_differentiated_as_implicit_functions():
    # z_t = 3 (i w)^2 = -3 w^2, so that d z_t / d w = -6 w.
    w = torch.tensor([[0.5]], dtype=torch.float64, requires_grad=True)
    start = torch.cat([torch.zeros(1, 1), torch.complex(torch.zeros(1, 1, dtype=torch.float64), w)], dim=1)
    found = roots(HEAT, start, 0)[0, 0, 0].real
    assert torch.autograd.grad(found, w)[0].item() == pytest.approx(-3.0, abs=1e-13)


def test_a_lost_power_is_refused():
    p = PolynomialMatrix.of({(1, 1): [[1.0]], (0, 0): [[1.0]]})
    with pytest.raises(ValueError, match="loses its highest power"):
        roots(p, points([0, 0]), 0)


def light():
    """Maxwell's equations: E_t = curl B, B_t = -curl E, div E = div B = 0, over (t, x, y, z)."""
    terms = {}
    for axis in range(4):
        matrix = torch.zeros(8, 6)
        if axis == 0:
            matrix[:6] = torch.eye(6)
        else:
            i, j, k = (axis - 1, axis % 3, (axis + 1) % 3)
            # (curl F)_k holds d_i F_j, and (curl F)_j holds -d_i F_k.
            matrix[k, 3 + j], matrix[j, 3 + k] = -1, 1
            matrix[3 + k, j], matrix[3 + j, k] = 1, -1
            matrix[6, i] = matrix[7, 3 + i] = 1
        terms[tuple(int(a == axis) for a in range(4))] = matrix.tolist()
    return PolynomialMatrix.of(terms)


def test_light_has_two_polarisations_and_one_is_that_of_the_textbook():
    # k = (3, 4, 0), frequency 5, E along z; B = -k x E / 5 = (-4, 3, 0) / 5.
    z = points([5j, 3j, 4j, 0])
    basis = multipliers(light(), z, 0, 1, 1.0)
    assert basis.shape == (1, 2, 1, 6)
    expected = points([0, 0, 1, -0.8, 0.6, 0])[0] / 2**0.5
    span = basis[0, :, 0]
    torch.testing.assert_close(span.T @ (span.conj() @ expected), expected, atol=1e-13, rtol=0)
    torch.testing.assert_close(span.conj() @ span.T, torch.eye(2, dtype=torch.complex128), atol=1e-13, rtol=0)


def test_double_roots_bring_polynomials():
    # (d^2/dx^2 + 1)^2 u = 0: e^{ix} and x e^{ix}; one equation, so that all of them solve it.
    p = PolynomialMatrix.of({(4,): [[1.0]], (2,): [[2.0]], (0,): [[1.0]]})
    assert multipliers(p, points([1j]), 0, 2, 1.0).shape == (1, 2, 2, 1)
    # x' = y, y' = 0: the chain (x, y) = (1, 0) and (t, 1), in units of t of 2.
    jordan = PolynomialMatrix.of({(1,): [[1.0, 0.0], [0.0, 1.0]], (0,): [[0.0, -1.0], [0.0, 0.0]]})
    basis = multipliers(jordan, points([0]), 0, 2, 2.0)
    assert basis.shape == (1, 2, 2, 2)
    for w in basis[0]:
        # D (w_0 + w_1 t / 2) = w_1 / 2 must be (y, 0) of the whole polynomial.
        torch.testing.assert_close(w[1] / 2, torch.stack([w[0, 1], torch.zeros_like(w[0, 0])]), atol=1e-13, rtol=0)
        assert abs(w[1, 1]) < 1e-13


def test_null_vectors_turn_with_the_frequency():
    """The projection on the null space is differentiated as differences say, though its basis is arbitrary."""
    maxwell = light()

    def projection(w):
        k = torch.cat([w, w.new_tensor([0.3])])
        size = torch.linalg.vector_norm(k)
        z = torch.complex(torch.zeros(4, dtype=torch.float64), torch.cat([size[None], k]))[None]
        basis = multipliers(maxwell, z, 0, 1, 1.0, count=2)[0, :, 0]
        return (basis.T @ (basis.conj() @ torch.arange(6.0).to(torch.complex128)))[1].real

    w = torch.tensor([1.0, 0.7], dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(projection(w), w)[0]
    for i in range(2):
        e = torch.eye(2, dtype=torch.float64)[i] * 1e-5
        difference = (projection(w.detach() + e) - projection(w.detach() - e)) / 2e-5
        assert slope[i].item() == pytest.approx(difference.item(), abs=1e-8)
