"""Learned corrections."""

import numpy as np
import sympy as sp
import torch

from pinnlab.operators.spectral_correction import LayerGrid, corrector, norm, refined, size_of

x = sp.Symbol("x", real=True)
SAMPLES = [{"g": sp.Rational(1, 10) * sp.sin(x), "rho": 2.0}, {"g": sp.Rational(1, 5) * sp.cos(x), "rho": 3.0}]


def fresh(system, given):
    return corrector(system, given, 8, 1, 4, torch.Generator().manual_seed(0))


def test_a_fresh_corrector_is_the_iteration_of_picard(spectral):
    system, given = spectral.system_of(spectral.reaction_diffusion(), (8, 9), SAMPLES)
    z = system.zero(2)
    rho = system.residual(given, z)
    np.testing.assert_allclose(fresh(system, given)(given, z, rho).detach(), z - rho, atol=1e-15)


def test_a_linear_problem_takes_one_correction_to_rounding(spectral):
    system, given = spectral.system_of(spectral.poisson(), (9, 9), [{"f": sp.sin(x)}])
    found = refined(fresh(system, given), given, 5)
    assert found.corrections.tolist() == [1]
    assert float(found.residuals) < 1e-13


def test_a_correction_that_raises_the_residual_is_not_made(spectral):
    system, given = spectral.system_of(spectral.reaction_diffusion(), (8, 9), SAMPLES)
    bad = fresh(system, given)
    with torch.no_grad():
        bad.network.lowering.bias.fill_(100.0)
    found = refined(bad, given, 3)
    assert found.corrections.tolist() == [0, 0]
    assert not found.coefficients.any()


def test_corrections_do_not_depend_on_the_other_members_of_a_batch(spectral):
    system, given = spectral.system_of(spectral.reaction_diffusion(), (8, 9), SAMPLES)
    correct = fresh(system, given)
    with torch.no_grad():
        correct.network.lowering.weight.normal_(0.0, 0.01, generator=torch.Generator().manual_seed(1))
    both = refined(correct, given, 4)
    alone = system.prepared(given.members[torch.tensor([1])])
    np.testing.assert_allclose(refined(correct, alone, 4).coefficients, both.coefficients[1:], atol=1e-6)


def test_values_of_few_modes_survive_the_way_through_the_grid_of_the_network(spectral):
    system, _ = spectral.system_of(spectral.reaction_diffusion(), (10, 15), SAMPLES)
    grid = LayerGrid.of(system, 5)
    assert grid.shape == (8, 14)
    t, s = np.meshgrid(*system.nodes, indexing="ij")
    values = torch.from_numpy(t**3 * np.cos(2 * s) + t * np.sin(s))[None, None]
    down = values
    for axis, matrix in enumerate(grid.to_layer):
        down = (down.movedim(axis + 2, -1) @ matrix[0].T).movedim(-1, axis + 2)
    for axis, matrix in enumerate(grid.to_coefficients):
        down = (down.movedim(axis + 2, -1) @ matrix[0].T).movedim(-1, axis + 2)
    np.testing.assert_allclose(down, system.to_coefficients(values), atol=1e-12)


def test_sizes_are_norms_in_space_and_time(spectral):
    system, given = spectral.system_of(spectral.reaction_diffusion(), (8, 9), [{"g": sp.S.Zero, "rho": 2.0}])
    z = torch.zeros(1, 1, *system.free, dtype=torch.float64)
    # The lift is 1/2 on a box of volume 2 pi.
    np.testing.assert_allclose(size_of(system, given, z), [(2 * np.pi / 4) ** 0.5], rtol=1e-12)
    z[0, 0, 3, 2] = -3.0
    assert norm(z).tolist() == [3.0]
