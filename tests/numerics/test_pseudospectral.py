"""Products at the nodes against convolutions by hand."""

from __future__ import annotations

import numpy as np
import torch

from pinnlab.numerics.fourier import FourierModes
from pinnlab.numerics.pseudospectral import Contribution, PointwiseTerms

MODES = FourierModes((2 * np.pi,), (12,), torch.device("cpu"))
NODES = 2 * np.pi / 12 * torch.arange(12, dtype=torch.float64)


def modes_of(*waves):
    return MODES.forward(torch.stack(waves)[None])


def test_a_flux_and_a_product_with_a_derivative_by_hand():
    # u = sin x, w = cos x:  -(u²/2)_x = -sin x cos x, and 3 u_x w + t = 3 cos² x + t.
    v = modes_of(torch.sin(NODES), torch.cos(NODES))
    terms = PointwiseTerms(
        MODES,
        lambda t, u, w, ux: [u**2, ux * w, t],
        [(0,), (0,), (1,)],
        [Contribution(0, 0, (1,), -0.5), Contribution(1, 1, (0,), 3.0), Contribution(1, 2, (0,), 1.0)],
        2,
    )
    found = MODES.backward(terms(v[:, [0, 1, 0]], 0.25))[0]
    torch.testing.assert_close(found[0], -torch.sin(NODES) * torch.cos(NODES), rtol=0, atol=1e-14)
    torch.testing.assert_close(found[1], 3 * torch.cos(NODES) ** 2 + 0.25, rtol=0, atol=1e-14)


def test_what_would_alias_is_cut_off():
    # Twelve nodes keep the wavenumbers to 3: of cos² 3x = 1/2 + cos(6x)/2 the mean alone, and nothing of cos 5x.
    v = modes_of(torch.cos(3 * NODES), torch.cos(5 * NODES))
    square = PointwiseTerms(MODES, lambda t, u, w: [u**2 + w], [(0,), (0,)], [Contribution(0, 0, (0,), 1.0)], 1)
    found = MODES.backward(square(v, 0.0))[0, 0]
    torch.testing.assert_close(found, torch.full_like(NODES, 0.5), rtol=0, atol=1e-14)


def test_shares_of_one_product_in_one_rate_add_up():
    v = modes_of(torch.sin(NODES))
    terms = PointwiseTerms(
        MODES, lambda t, u: [u], [(0,)], [Contribution(0, 0, (0,), 2.0), Contribution(0, 0, (1,), 5.0)], 1
    )
    found = MODES.backward(terms(v, 0.0))[0, 0]
    torch.testing.assert_close(found, 2 * torch.sin(NODES) + 5 * torch.cos(NODES), rtol=0, atol=1e-14)


def test_forcing_alone_needs_no_derivative_and_reaches_every_member_of_the_batch():
    terms = PointwiseTerms(MODES, lambda t: [torch.cos(NODES) * t], [], [Contribution(1, 0, (0,), 1.0)], 2)
    found = MODES.backward(terms(torch.zeros(3, 0, *MODES.mode_shape), 2.0))
    torch.testing.assert_close(found[:, 1], (2 * torch.cos(NODES)).expand(3, 12), rtol=0, atol=1e-14)
    assert found[:, 0].abs().max() == 0


def test_fields_with_one_product_each_get_their_own():
    v = modes_of(torch.sin(NODES), torch.cos(NODES))
    shares = [Contribution(0, 0, (1,), 2.0), Contribution(1, 1, (0,), 5.0)]
    terms = PointwiseTerms(MODES, lambda t, u, w: [u * w, w], [(0,), (0,)], shares, 2)
    found = MODES.backward(terms(v, 0.0))[0]
    torch.testing.assert_close(found[0], 2 * torch.cos(2 * NODES), rtol=0, atol=1e-14)
    torch.testing.assert_close(found[1], 5 * torch.cos(NODES), rtol=0, atol=1e-14)


def test_a_number_for_each_member_of_the_batch_is_the_same_at_all_nodes():
    number = torch.tensor([[2.0], [3.0]], dtype=torch.float64)
    terms = PointwiseTerms(MODES, lambda t: [number], [], [Contribution(0, 0, (0,), 1.0)], 1)
    found = MODES.backward(terms(torch.zeros(2, 0, *MODES.mode_shape), 0.0))[:, 0]
    torch.testing.assert_close(found, number.expand(2, 12), rtol=0, atol=1e-14)
