"""Fourier modes and the projection on fields without divergence, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pinnlab.numerics.fourier import DivergenceFree, FourierModes, LinearConstraints

CPU = torch.device("cpu")
PLANE = FourierModes((2 * np.pi, 4 * np.pi), (8, 12), CPU)
SPACE = FourierModes((2 * np.pi,) * 3, (8, 6, 10), CPU)


def nodes(modes):
    axes = [
        length / n * torch.arange(n, dtype=torch.float64) for length, n in zip(modes.lengths, modes.shape, strict=True)
    ]
    return torch.meshgrid(*axes, indexing="ij")


def random_fields(modes, fields, seed=0):
    values = torch.randn(2, fields, *modes.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return modes.forward(values)


def test_derivatives_of_a_wave_by_hand():
    x, y = nodes(PLANE)
    wave = PLANE.forward(torch.sin(2 * x) * torch.cos(y / 2))
    for orders, exact in {
        (1, 0): 2 * torch.cos(2 * x) * torch.cos(y / 2),
        (0, 2): -torch.sin(2 * x) * torch.cos(y / 2) / 4,
        (3, 1): 4 * torch.cos(2 * x) * torch.sin(y / 2),
    }.items():
        torch.testing.assert_close(PLANE.backward(PLANE.multiplier(orders) * wave), exact, rtol=0, atol=1e-13)


def test_odd_derivatives_of_the_nyquist_mode_vanish_and_even_ones_do_not():
    x, _ = nodes(PLANE)
    alternating = PLANE.forward(torch.cos(4 * x))
    assert PLANE.backward(PLANE.multiplier((1, 0)) * alternating).abs().max() < 1e-13
    torch.testing.assert_close(
        PLANE.backward(PLANE.multiplier((2, 0)) * alternating), -16 * torch.cos(4 * x), rtol=0, atol=1e-12
    )


def test_the_lower_two_thirds_are_kept():
    # Eight nodes: wavenumbers 0 … 4, and 2/3 of 4 leaves 0, 1, 2.  Twelve: 0 … 6 leaves 0 … 3.
    kept = PLANE.kept
    assert kept.shape == PLANE.mode_shape == (8, 7)
    assert kept[:, 0].tolist() == [1, 1, 1, 0, 0, 0, 1, 1]
    assert kept[0].tolist() == [1, 1, 1, 1, 0, 0, 0]


def test_the_projection_of_a_single_mode_by_hand():
    # v = (1, 0) e^{i (x + y)} has k = (1, 1): P v = (1/2, -1/2) e^{i (x + y)}.
    modes = FourierModes((2 * np.pi, 2 * np.pi), (8, 8), CPU)
    x, y = nodes(modes)
    v = modes.forward(torch.stack([torch.cos(x + y), torch.zeros_like(x)])[None])
    half = torch.cos(x + y) / 2
    projected = modes.backward(DivergenceFree(modes, (0, 1))(v))[0]
    torch.testing.assert_close(projected, torch.stack([half, -half]), rtol=0, atol=1e-14)


def test_a_gradient_is_projected_to_its_mean_and_a_rotation_stays():
    modes = FourierModes((2 * np.pi, 2 * np.pi), (16, 16), CPU)
    x, y = nodes(modes)
    gradient = torch.stack([3 + torch.cos(x) * torch.sin(y), torch.sin(x) * torch.cos(y)])
    rotation = torch.stack([torch.sin(x) * torch.cos(y), -torch.cos(x) * torch.sin(y)])
    project = DivergenceFree(modes, (0, 1))
    left = modes.backward(project(modes.forward((gradient + rotation)[None])))[0]
    rotation[0] += 3
    torch.testing.assert_close(left, rotation, rtol=0, atol=1e-14)


@pytest.mark.parametrize("modes", [PLANE, SPACE])
def test_the_projection_removes_the_divergence_and_repeats_itself(modes):
    dim = len(modes.shape)
    v = random_fields(modes, dim)
    project = DivergenceFree(modes, tuple(range(dim)))
    once = project(v)
    assert project.divergence(once).abs().max() < 1e-12 * project.divergence(v).abs().max()
    torch.testing.assert_close(project(once), once, rtol=0, atol=1e-12)


def test_the_projection_is_orthogonal():
    v = random_fields(SPACE, 3)
    project = DivergenceFree(SPACE, (0, 1, 2))
    kept, removed = SPACE.backward(project(v)), SPACE.backward(v - project(v))
    assert (kept * removed).sum().abs() < 1e-10 * (kept**2).sum()


def test_only_the_named_fields_are_projected_in_the_order_of_the_axes():
    v = random_fields(PLANE, 3)
    project = DivergenceFree(PLANE, (2, 0))
    out = project(v)
    torch.testing.assert_close(out[:, 1], v[:, 1], rtol=0, atol=0)
    divergence = PLANE.multiplier((1, 0)) * out[:, 2] + PLANE.multiplier((0, 1)) * out[:, 0]
    assert divergence.abs().max() < 1e-12 * v.abs().max()


def test_the_given_fields_stay_as_they_were():
    v = random_fields(PLANE, 2)
    before = v.clone()
    DivergenceFree(PLANE, (0, 1))(v)
    assert torch.equal(v, before)


def test_the_potential_solves_poissons_equation_without_mean():
    x, y = nodes(PLANE)
    rhs = PLANE.forward((-5 / 4 * torch.sin(x) * torch.cos(y / 2))[None] + 7)
    found = PLANE.backward(DivergenceFree(PLANE, (0, 1)).potential(rhs))[0]
    torch.testing.assert_close(found, torch.sin(x) * torch.cos(y / 2), rtol=0, atol=1e-14)


def test_a_constraint_is_solved_mode_by_mode_but_for_its_mean():
    # ψ_xx + 2 v + f = 0 with v = sin x and f = -sin 3x: ψ = 2 sin x - sin(3x) / 9.
    modes = FourierModes((2 * np.pi,), (12,), CPU)
    (x,) = nodes(modes)
    second = modes.multiplier((2,))[None, None]
    constraints = LinearConstraints(second, torch.full_like(second, 2))
    data = constraints.data(modes.forward(torch.sin(x)[None, None])) - modes.forward(torch.sin(3 * x))
    found = modes.backward(constraints.solve(data))[0, 0]
    torch.testing.assert_close(found, 2 * torch.sin(x) - torch.sin(3 * x) / 9, rtol=0, atol=1e-14)
    assert constraints.unreached(data) < 1e-14
    assert constraints.unreached(data + modes.forward(torch.ones_like(x))) > 0.1


def test_two_constraints_are_solved_together():
    # a + b = v and a - b = w in every mode.
    modes = FourierModes((2 * np.pi,), (6,), CPU)
    unknown = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.complex128)[..., None].expand(2, 2, 4)
    given = -torch.eye(2, dtype=torch.complex128)[..., None].expand(2, 2, 4)
    v = random_fields(modes, 2)
    constraints = LinearConstraints(unknown, given)
    found = constraints.solve(constraints.data(v))
    torch.testing.assert_close(found[:, 0], (v[:, 0] + v[:, 1]) / 2, rtol=0, atol=1e-13)
    torch.testing.assert_close(found[:, 1], (v[:, 0] - v[:, 1]) / 2, rtol=0, atol=1e-13)
