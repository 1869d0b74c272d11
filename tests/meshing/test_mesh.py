"""A mesh is arrays that fit together."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.meshing.mesh import Mesh

SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])


def test_arrays_are_kept_as_float64_and_int64():
    mesh = Mesh(SQUARE, np.array([[0, 1, 2], [0, 2, 3]], np.int32), "triangle", {"left": [[3, 0]]})
    assert mesh.points.dtype == np.float64
    assert mesh.cells.dtype == mesh.pieces["left"].dtype == np.int64
    assert mesh.dim == 2
    assert mesh.size == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SQUARE, [[0, 1, 2]], "pyramid"), "'pyramid'; known are line, triangle"),
        ((SQUARE, [[0, 1, 2]], "tetra"), r"need points \(n, 3\)"),
        ((SQUARE, [[0, 1]], "triangle"), r"cells are \(m, 3\)"),
        ((SQUARE, np.zeros((0, 3)), "triangle"), "m > 0"),
        ((SQUARE * np.nan, [[0, 1, 2]], "triangle"), "not finite"),
        ((SQUARE, [[0, 1, 4]], "triangle"), "cells name a vertex that is not among the 4"),
        ((SQUARE, [[0, 1, 2]], "triangle", {"rim": [[0, 7]]}), "rim name a vertex"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Mesh(*arguments)
