"""Patches that a domain enters, and points inside of each."""

from __future__ import annotations

import numpy as np
import sympy as sp
import torch

from pinnlab import Box, Union
from pinnlab.domain.even_points import grid_inside
from pinnlab.numerics.partition_of_unity import Partition, WindowAxis
from pinnlab.patch_points import enough_inside, entered

x, y = sp.symbols("x y", real=True)
# A square with a channel to the right, thinner than the cells of the grids below.
THIN = Union(Box({x: (0, 1), y: (0, 1)}), Box({x: (0.5, 4), y: (0.503, 0.508)}))
FULL = Partition.full([WindowAxis(0.0, 4.0, 4), WindowAxis(0.0, 1.0, 2)])


def test_patches_that_no_point_of_the_grid_finds_are_kept():
    grid = torch.as_tensor(grid_inside(THIN, [40, 20]))
    assert len(FULL.touched(grid).patches) < 8
    assert entered(FULL, THIN, [40, 20]) == FULL


def test_patches_outside_are_dropped():
    ell = Union(Box({x: (0, 4), y: (0, 0.2)}), Box({x: (0, 1), y: (0, 1)}))
    assert set(FULL.patches) - set(entered(FULL, ell, [40, 20]).patches) == {(2, 1), (3, 1)}


def test_thin_parts_get_points_of_their_own():
    points = enough_inside(THIN, FULL, [40, 20], 30, np.random.default_rng(0))
    assert THIN.contains(points).all()
    assert min(int(FULL.covers(torch.as_tensor(points), p).sum()) for p in range(8)) >= 30


def test_where_the_grid_is_enough_it_is_all():
    box = Box({x: (0, 4), y: (0, 1)})
    found = enough_inside(box, FULL, [40, 20], 100, np.random.default_rng(0))
    np.testing.assert_array_equal(found, grid_inside(box, [40, 20]))
