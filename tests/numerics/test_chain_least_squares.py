"""Least squares along a chain of groups."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.numerics.chain_least_squares import ChainSystem

DOUBLE = torch.float64


def filled(group, columns, dense, right):
    """The system with the entries of a dense matrix."""
    system = ChainSystem.zeros(group, columns)
    starts = [sum(columns[:g]) for g in range(len(columns))]
    for g, (first, width) in enumerate(zip(starts, columns, strict=True)):
        rows = torch.nonzero((group == g) | (group == g - 1))[:, 0]
        system.write(rows, g, 0, dense[rows, first : first + width])
    system.set_right(right)
    return system


def test_regression_worked_by_hand():
    # c0 + c1 k through (0, 0), (1, 3), (2, 3): 1/2 + 3/2 k, residual sqrt(3/2).
    dense = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], dtype=DOUBLE)
    system = filled(torch.zeros(3, dtype=torch.long), [2], dense, torch.tensor([0.0, 3.0, 3.0], dtype=DOUBLE))
    found, rest = system.minimiser()
    torch.testing.assert_close(found, torch.tensor([0.5, 1.5], dtype=DOUBLE))
    assert rest == pytest.approx(1.5**0.5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 1000))
def test_a_chain_gives_what_a_dense_factorisation_gives(columns, seed):
    random = torch.Generator().manual_seed(seed)
    group = torch.arange(len(columns)).repeat_interleave(9)[torch.randperm(9 * len(columns), generator=random)]
    owner = torch.arange(len(columns)).repeat_interleave(torch.tensor(columns))
    dense = torch.randn(len(group), sum(columns), dtype=DOUBLE, generator=random)
    dense[(owner[None] != group[:, None]) & (owner[None] != group[:, None] + 1)] = 0
    right = torch.randn(len(group), dtype=DOUBLE, generator=random)
    found, rest = filled(group, columns, dense, right).minimiser()
    expected = torch.linalg.lstsq(dense, right[:, None]).solution[:, 0]
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
    assert rest == pytest.approx(float((dense @ expected - right).norm()), rel=1e-9)


def test_rows_are_divided_by_their_largest_entry():
    dense = torch.tensor([[1.0, -4.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 0.0]], dtype=DOUBLE)
    group = torch.tensor([0, 1, 1])
    system = filled(group, [1, 2], dense, torch.tensor([8.0, 1.0, 5.0], dtype=DOUBLE))
    torch.testing.assert_close(system.scale_rows(), torch.tensor([0.25, 0.5, 1.0], dtype=DOUBLE))
    torch.testing.assert_close(system.panels[0][:, 0], torch.tensor([0.25, -1.0, 0.0, 2.0], dtype=DOUBLE))


def test_columns_that_rows_cannot_tell_apart_share_the_answer():
    dense = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]], dtype=DOUBLE)
    found, rest = filled(
        torch.zeros(2, dtype=torch.long), [3], dense, torch.tensor([2.0, 2.0], dtype=DOUBLE)
    ).minimiser()
    assert bool(torch.isfinite(found).all())
    assert float(found[:2].sum()) == pytest.approx(2)
    assert float(found[2]) == 0
    assert rest < 1e-10


def test_memory_counts_panels_and_the_largest_factorisation():
    # Two groups of 10 columns with 50 rows each: panels of 60 x 21 and 60 x 11 numbers, and the larger one twice more.
    assert ChainSystem.memory(100, [10, 10]) == 8 * (60 * 21 + 60 * 11 + 2 * 60 * 21)
