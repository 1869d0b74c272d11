"""Networks whose layers act along one axis at a time."""

import math

import numpy as np
import pytest
import torch

from pinnlab.networks.factorized_spectral import FactorizedSpectral, FourierLine, PolynomialLine
from pinnlab.numerics.modal_axis import LegendreModes

AXIS = LegendreModes(0.0, 1.0, 4)
LINES = (PolynomialLine(AXIS.projection(), AXIS.functions(AXIS.nodes)), FourierLine(12, 5))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def network(seed=0):
    made = FactorizedSpectral(3, 2, LINES, 8, 2, generator(seed), torch.float64)
    with torch.no_grad():
        made.lowering.weight.normal_(generator=generator(9))
    return made


def values():
    return torch.randn(2, 3, len(AXIS.nodes), 12, generator=generator(1), dtype=torch.float64)


def test_a_fresh_network_gives_zero():
    assert not FactorizedSpectral(3, 2, LINES, 8, 2, generator(), torch.float64)(values()).any()


def test_what_is_shifted_along_a_periodic_axis_is_shifted_in_the_answer():
    given = values()
    shifted = network()(given.roll(5, dims=-1))
    np.testing.assert_allclose(shifted.detach(), network()(given).roll(5, dims=-1).detach(), atol=1e-12)


def test_members_of_a_batch_do_not_see_one_another():
    given = values()
    np.testing.assert_allclose(network()(given)[1:].detach(), network()(given[1:]).detach(), atol=1e-12)


def test_a_convolution_multiplies_each_frequency_by_its_own_complex_number():
    product = FourierLine(12, 5).product(1, generator(), torch.float64)
    x = torch.arange(12, dtype=torch.float64) * 2 * math.pi / 12
    real, imaginary = product.weight[0, 2], product.weight[0, 5 + 2]
    found = product.kernel()[0] @ torch.cos(2 * x)
    np.testing.assert_allclose(
        found.detach(), (real * torch.cos(2 * x) + imaginary * torch.sin(2 * x)).detach(), atol=1e-12
    )
    np.testing.assert_allclose((product.kernel()[0] @ torch.cos(5 * x)).detach(), 0, atol=1e-12)


def test_a_full_product_couples_coefficients_of_polynomials():
    product = LINES[0].product(1, generator(), torch.float64)
    c = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    basis = torch.from_numpy(AXIS.functions(AXIS.nodes))
    found = product.kernel()[0] @ (basis @ c)
    np.testing.assert_allclose(found.detach(), (basis @ (product.weight[0] @ c)).detach(), atol=1e-12)


def test_weights_come_from_the_generator_alone():
    torch.manual_seed(1)
    a = network()
    torch.manual_seed(2)
    b = network()
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    assert all(torch.equal(p, q) for p, q in pairs)
    assert not torch.equal(a.raising.weight, network(seed=3).raising.weight)


def test_too_few_nodes_are_refused():
    with pytest.raises(ValueError, match="8 nodes for 5 frequencies"):
        FourierLine(8, 5)
