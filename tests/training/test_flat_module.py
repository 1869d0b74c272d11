"""Vectors that are the parameters of a module."""

from __future__ import annotations

import pytest
import torch

from pinnlab.training.flat_module import FlatModule


class Spectral(torch.nn.Module):
    """One real and one complex weight, one frozen one, and a buffer."""

    def __init__(self):
        super().__init__()
        self.real = torch.nn.Parameter(torch.tensor([2.0]))
        self.complex = torch.nn.Parameter(torch.tensor([1.0 + 3.0j]))
        self.frozen = torch.nn.Parameter(torch.tensor([5.0]), requires_grad=False)
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x):
        self.count += 1
        return self.real * x + (self.complex * (2 - 1j)).real + self.frozen


def test_vectors_hold_complex_parameters_first_and_frozen_ones_not_at_all():
    flat = FlatModule(Spectral())
    assert flat.vector.tolist() == [1, 3, 2]


class Pairs(torch.nn.Module):
    """A complex weight that is kept as pairs of reals, after an odd number of others."""

    def __init__(self):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.tensor([2.0, 3.0, 4.0]))
        self.weight = torch.nn.Parameter(torch.tensor([[1.0, 5.0]]))

    def forward(self, x):
        return torch.view_as_complex(self.weight).imag * x + self.bias.sum()


def test_parameters_that_are_read_as_pairs_begin_at_an_even_place():
    flat = FlatModule(Pairs())
    assert flat.vector.tolist() == [1, 5, 2, 3, 4]
    flat.module(torch.tensor([7.0])).sum().backward()
    assert flat.gradient.tolist() == [0, 7, 1, 1, 1]


def test_writing_to_the_vector_changes_the_network():
    flat = FlatModule(Spectral())
    flat.vector.copy_(torch.tensor([0.0, 1.0, 10.0]))
    # 10 x + Re(i (2 - i)) + 5
    assert flat.module(torch.tensor([1.0])).item() == 16
    assert flat.module.complex.item() == 1j


def test_backward_adds_to_the_gradient():
    flat = FlatModule(Spectral())
    for times in (1, 2):
        flat.module(torch.tensor([7.0])).sum().backward()
        # d/da and d/db of Re((a + bi)(2 - i)) = 2 a + b.
        assert flat.gradient.tolist() == [2 * times, 1 * times, 7 * times]


def test_loading_brings_parameters_and_buffers_back():
    flat = FlatModule(Spectral())
    kept, buffers = flat.vector.clone(), flat.buffers()
    flat.module(torch.ones(1))
    flat.vector.zero_()
    assert int(flat.module.count) == 1
    flat.load(kept, buffers)
    assert int(flat.module.count) == 0
    assert flat.module.real.item() == 2


def test_modules_that_cannot_be_flat_are_refused():
    with pytest.raises(ValueError, match="no trainable parameter"):
        FlatModule(torch.nn.ReLU())
    mixed = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).double())
    with pytest.raises(ValueError, match=r"mixes torch.float32 on cpu, torch.float64 on cpu"):
        FlatModule(mixed)
