"""φ-functions, symbols, and one step by hand."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
import torch

from pinnlab.numerics.etdrk4 import (
    SERIES_RADIUS,
    DiagonalSymbol,
    Etdrk4Scheme,
    MatrixSymbol,
    batched_symbol,
    matrix_phi_functions,
    phi_functions,
    projected_symbol,
)
from pinnlab.numerics.fourier import DivergenceFree, FourierModes


def phi_by_mpmath(k, z):
    """φ_k(z) with a hundred digits and more, by its recursion."""
    import mpmath

    with mpmath.workdps(1000):
        z = mpmath.mpc(z)
        if z == 0:
            return complex(1 / mpmath.factorial(k))
        value = mpmath.exp(z)
        for j in range(k):
            value = (value - 1 / mpmath.factorial(j)) / z
        return complex(value)


POINTS = [
    *(0, 1e-300, 1e-16, 1e-9, -1e-5, 1e-3j, 0.1, -0.3 + 0.2j, 0.999, 0.999999j, -1.000001, 1.0, 1.5 - 1j),
    *(-3, 5j, -20, -1e3, -1e8, 1e2j, -1e4j, 1e6j, 3.7, -1 + 300j),
]


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_phi_functions_have_all_their_digits_everywhere(k):
    found = phi_functions(torch.tensor(POINTS, dtype=torch.complex128))[k]
    for z, value in zip(POINTS, found.tolist(), strict=True):
        exact = phi_by_mpmath(k, z)
        assert abs(value - exact) <= 2e-15 * max(abs(exact), 1e-300) * (8 if k else 4) * max(1, abs(z) * (k == 0)), z


def test_phi_functions_by_hand():
    z = torch.tensor([0.0, 1.0, 1j * math.pi], dtype=torch.complex128)
    phi_0, phi_1, phi_2, phi_3 = phi_functions(z)
    e = math.e
    expected = [[1, e, -1], [1, e - 1, 2j / math.pi], [0.5, e - 2, None], [1 / 6, e - 2.5, None]]
    # (−1 − 1) / (iπ) = 2i/π; (2i/π − 1) / (iπ) = 2/π² + i/π.
    expected[2][2] = 2 / math.pi**2 + 1j / math.pi
    expected[3][2] = (expected[2][2] - 0.5) / (1j * math.pi)
    for found, values in zip((phi_0, phi_1, phi_2, phi_3), expected, strict=True):
        np.testing.assert_allclose(found.numpy(), values, rtol=3e-15, atol=3e-16)


def test_series_and_recursion_meet_on_the_circle():
    angles = np.linspace(0, 2 * np.pi, 64)
    inside = phi_functions(torch.as_tensor(SERIES_RADIUS * (1 - 1e-15) * np.exp(1j * angles)))
    outside = phi_functions(torch.as_tensor(SERIES_RADIUS * (1 + 1e-15) * np.exp(1j * angles)))
    for a, b in zip(inside, outside, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-14, atol=0)


def test_phi_functions_stay_complex():
    for value in phi_functions(torch.tensor([1e-9j, 2j])):
        assert value.is_complex()
        assert (value.imag.abs() > 0).all()


def test_matrix_functions_of_diagonal_matrices_are_the_scalar_ones():
    z = torch.tensor([-3.0, 1e-6j, 0.0, 20j], dtype=torch.complex128)
    for matrix, scalar in zip(matrix_phi_functions(torch.diag(z)), phi_functions(z), strict=True):
        torch.testing.assert_close(matrix, torch.diag(scalar), rtol=1e-12, atol=1e-13)


def test_matrix_functions_of_a_jordan_block_by_hand():
    # f([[z, 1], [0, z]]) = [[f, f'], [0, f]]; at z = 0: φ_k = 1/k!, φ_k' = 1/(k + 1)!.
    for k, value in enumerate(matrix_phi_functions(torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64))):
        f, slope = 1 / math.factorial(k), (1 / math.factorial(k + 1))
        np.testing.assert_allclose(value.numpy(), [[f, slope], [0, f]], atol=1e-15)
    # At z = 1: φ_1 = e - 1, φ_1' = 1.
    found = matrix_phi_functions(torch.tensor([[1.0, 1.0], [0.0, 1.0]], dtype=torch.float64))[1]
    np.testing.assert_allclose(found.numpy(), [[math.e - 1, 1], [0, math.e - 1]], rtol=1e-14)


def test_matrix_functions_do_not_need_eigenvectors_nor_order():
    rng = np.random.default_rng(0)
    z = torch.as_tensor(rng.standard_normal((5, 3, 3)) + 1j * rng.standard_normal((5, 3, 3)))
    phi = matrix_phi_functions(z)
    eye = torch.eye(3, dtype=z.dtype)
    for k in (1, 2, 3):
        torch.testing.assert_close(z @ phi[k], phi[k - 1] - eye / math.factorial(k - 1), rtol=1e-12, atol=1e-12)


def test_one_step_by_hand():
    # v' = L v + N(t, v) with L = -2, N = v² + t, h = 1/2, v = 1 at t = 1, written out after Cox and Matthews (26)-(29).
    lam, h, v, t = -2.0, 0.5, 1.0, 1.0

    def n(v, t):
        return v * v + t

    e, half = math.exp(lam * h), math.exp(lam * h / 2)
    a = v * half + (half - 1) * n(v, t) / lam
    b = v * half + (half - 1) * n(a, t + h / 2) / lam
    c = a * half + (half - 1) * (2 * n(b, t + h / 2) - n(v, t)) / lam
    z = lam * h
    alpha = -4 - z + e * (4 - 3 * z + z**2)
    beta = 2 * (2 + z + e * (-2 + z))
    gamma = -4 - 3 * z - z**2 + e * (4 - z)
    middle = n(a, t + h / 2) + n(b, t + h / 2)
    expected = v * e + (alpha * n(v, t) + beta * middle + gamma * n(c, t + h)) / (h**2 * lam**3)

    scheme = Etdrk4Scheme(DiagonalSymbol(torch.tensor([[lam]], dtype=torch.complex128)), h)
    found = scheme.advance(torch.ones(1, 1, 1, dtype=torch.complex128), t, n)
    assert complex(found) == pytest.approx(expected, rel=1e-14)


def test_without_linear_part_a_step_is_the_classical_runge_kutta_method():
    def n(v, t):
        return torch.sin(v.real) * t + 0j

    scheme = Etdrk4Scheme(DiagonalSymbol(torch.zeros(1, 1, dtype=torch.complex128)), 0.2)
    v = torch.full((1, 1, 1), 0.7, dtype=torch.complex128)
    k1 = n(v, 1.0)
    k2 = n(v + 0.1 * k1, 1.1)
    k3 = n(v + 0.1 * k2, 1.1)
    k4 = n(v + 0.2 * k3, 1.2)
    expected = v + 0.2 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    torch.testing.assert_close(scheme.advance(v, 1.0, n), expected, rtol=1e-14, atol=0)


def test_without_nonlinear_part_a_step_is_exact():
    values = torch.tensor([[3j, -40.0]], dtype=torch.complex128)
    v = torch.tensor([[[1.0, 2.0]]], dtype=torch.complex128)
    found = Etdrk4Scheme(DiagonalSymbol(values), 0.5).advance(v, 0.0, None)
    np.testing.assert_allclose(found.numpy(), [[[cmath.exp(1.5j), 2 * math.exp(-20)]]], rtol=1e-14)


def test_a_matrix_symbol_of_uncoupled_fields_is_the_diagonal_one():
    values = torch.tensor([[-1.0, 2j, -5.0], [0.0, -3 + 1j, 1j]], dtype=torch.complex128)
    matrices = torch.zeros(2, 2, 3, dtype=torch.complex128)
    matrices[0, 0], matrices[1, 1] = values
    v = torch.as_tensor(np.random.default_rng(1).standard_normal((4, 2, 3)) + 0j)

    def n(v, t):
        return v**2 - t * v.flip(1)

    steps = [Etdrk4Scheme(s, 0.3).advance(v, 0.1, n) for s in (DiagonalSymbol(values), MatrixSymbol(matrices))]
    torch.testing.assert_close(*steps, rtol=1e-13, atol=1e-13)


def test_a_matrix_symbol_rotates_as_its_exponential_does():
    # v' = [[0, 1], [-1, 0]] v turns the plane by -h.
    rotation = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.complex128)[..., None]
    v = torch.tensor([[[1.0], [0.0]]], dtype=torch.complex128)
    found = Etdrk4Scheme(MatrixSymbol(rotation), 0.4).advance(v, 0.0, None)
    np.testing.assert_allclose(found[0, :, 0].numpy(), [math.cos(0.4), -math.sin(0.4)], rtol=1e-14)


@pytest.mark.parametrize("lam", [-50.0, 30j])
def test_the_order_is_four_for_stiff_and_for_oscillating_parts(lam):
    # v' = L v + cos t has the exact solution below from v(0) = 0.
    def exact(t):
        return (-lam * math.cos(t) + math.sin(t) + lam * cmath.exp(lam * t)) / (1 + lam**2)

    def n(v, t):
        return torch.full_like(v, math.cos(t))

    errors = []
    for steps in (20, 40):
        scheme = Etdrk4Scheme(DiagonalSymbol(torch.tensor([[lam]], dtype=torch.complex128)), 1 / steps)
        v = torch.zeros(1, 1, 1, dtype=torch.complex128)
        for k in range(steps):
            v = scheme.advance(v, k / steps, n)
        errors.append(abs(complex(v) - exact(1.0)))
    # φ-quadrature of a forcing alone is of third order at least, and of fourth where L is not stiff.
    assert errors[0] < 1e-6
    assert math.log2(errors[0] / errors[1]) > 2.9


# -- linear parts under the projection on fields without divergence -------------------------------------------

CUBE = FourierModes((2 * np.pi,) * 3, (6, 8, 6), torch.device("cpu"))


def operator(entries):
    """The matrix `(fields, fields, modes…)` of (row, column) → [(factor, orders)]."""
    size = 1 + max(max(key) for key in entries)
    out = torch.zeros(size, size, *CUBE.mode_shape, dtype=torch.complex128)
    for (i, j), parts in entries.items():
        for factor, orders in parts:
            out[i, j] += factor * CUBE.multiplier(orders)
    return out


LAPLACE = [(0.3, (2, 0, 0)), (0.3, (0, 2, 0)), (0.3, (0, 0, 2))]
VISCOSITY = {(i, i): LAPLACE for i in range(3)}


def second(i, j):
    return tuple(int(k == i) + int(k == j) for k in range(3))


def test_viscosity_is_a_multiplier_also_as_the_divergence_of_a_symmetric_stress():
    project = DivergenceFree(CUBE, (0, 1, 2))
    stress = {(i, j): [*(LAPLACE if i == j else []), (0.3, second(i, j))] for i in range(3) for j in range(3)}
    plain = operator(VISCOSITY)
    for matrix in (plain, operator(stress)):
        found = projected_symbol(matrix, project)
        assert isinstance(found, DiagonalSymbol)
        kept = CUBE.kept.expand(found.values.shape)
        expected = torch.stack([plain[i, i] for i in range(3)])
        torch.testing.assert_close(kept * found.values, kept * expected, rtol=0, atol=1e-12)


def test_a_field_beside_the_velocity_keeps_its_own_multiplier():
    matrix = operator(VISCOSITY | {(3, 3): [(2.0, (2, 0, 0))]})
    found = projected_symbol(matrix, DivergenceFree(CUBE, (0, 1, 2)))
    torch.testing.assert_close(found.values[3], matrix[3, 3], rtol=0, atol=0)


def test_rotation_is_projected_and_makes_no_divergence():
    project = DivergenceFree(CUBE, (0, 1, 2))
    rotation = operator(VISCOSITY | {(0, 1): [(6.0, (0, 0, 0))], (1, 0): [(-6.0, (0, 0, 0))]})
    symbol = projected_symbol(rotation, project)
    assert isinstance(symbol, MatrixSymbol)
    random = torch.randn(1, 3, *CUBE.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    v = project(CUBE.forward(random))
    expected = project(torch.einsum("ij...,bj...->bi...", rotation, v))
    torch.testing.assert_close(symbol.apply(symbol.values, v), expected, rtol=0, atol=1e-10)
    later = symbol.apply(symbol.phi(0.1)[0], v)
    assert project.divergence(later).abs().max() < 1e-11 * v.abs().max()
    assert (later - v).abs().max() > 0.1 * v.abs().max()


def test_buoyancy_that_a_pressure_balances_drives_nothing():
    # A temperature that varies along gravity alone: its mode k = (0, 0, 1) pushes along k, which P takes away.
    project = DivergenceFree(CUBE, (0, 1, 2))
    symbol = projected_symbol(operator(VISCOSITY | {(2, 3): [(1.0, (0, 0, 0))], (3, 3): LAPLACE}), project)
    assert isinstance(symbol, MatrixSymbol)
    assert symbol.values[2, 3, 0, 0, 1].abs() < 1e-15
    assert symbol.values[2, 3, 1, 0, 0] == pytest.approx(1)
    assert symbol.values[2, 3, 1, 0, 1] == pytest.approx(1 / 2)


@pytest.mark.parametrize(("coupling", "kind"), [(0.0, DiagonalSymbol), (0.7, MatrixSymbol)])
def test_operators_that_differ_over_a_batch_act_each_on_its_own(coupling, kind):
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn(3, 2, 2, 5, generator=generator, dtype=torch.complex128)
    matrices[:, [0, 1], [1, 0]] *= coupling
    v = torch.randn(3, 2, 5, generator=generator, dtype=torch.complex128)
    symbol = batched_symbol(matrices)
    assert type(symbol) is kind
    for scale in (0.5, 1.0):
        for k, phi in enumerate(symbol.phi(scale)):
            for i in range(3):
                one = batched_symbol(matrices[i : i + 1])
                alone = one.apply(one.phi(scale)[k], v[i : i + 1])
                torch.testing.assert_close(symbol.apply(phi, v)[i], alone[0], rtol=1e-12, atol=1e-12)
    exact = torch.einsum("bijk,bjk->bik", matrices, v)
    torch.testing.assert_close(symbol.apply(symbol.values, v), exact, rtol=1e-12, atol=1e-12)
