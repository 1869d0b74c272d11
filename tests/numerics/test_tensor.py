from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from pinnlab.numerics import tensor
from pinnlab.numerics.axes import ChebyshevAxis, FourierAxis, PeriodicStencilAxis, uniform
from pinnlab.numerics.tensor import apply, scattered_interpolate, tensor_interpolate


def rough(rng, rows, columns):
    """Sparse rows of different lengths, some of them empty."""
    return csr_array(random_array((rows, columns), density=0.3, rng=rng))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_apply_multiplies_along_the_named_axis(axis):
    rng = np.random.default_rng(0)
    array = rng.normal(size=(4, 5, 6))
    matrix = rng.normal(size=(3, array.shape[axis]))
    expected = np.moveaxis(np.tensordot(matrix, array, (1, axis)), 0, axis)
    np.testing.assert_allclose(apply(matrix, array, axis), expected, atol=1e-14)
    np.testing.assert_allclose(apply(csr_array(matrix), array, axis), expected, atol=1e-14)


def test_apply_by_hand():
    differences = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0]])
    assert apply(differences, np.array([[1.0, 2.0, 4.0]]), 1).tolist() == [[1.0, 2.0]]


def test_product_grids_are_interpolated_axis_by_axis():
    rng = np.random.default_rng(1)
    array = rng.normal(size=(4, 5, 6, 2))
    a, b, c = rng.normal(size=(7, 4)), rough(rng, 3, 5), rng.normal(size=(2, 6))
    expected = np.einsum("ia,jb,kc,abcu->ijku", a, b.toarray(), c, array)
    np.testing.assert_allclose(tensor_interpolate([a, b, c], array), expected, atol=1e-13)
    expected = np.einsum("ia,abcu->ibcu", a, array)
    np.testing.assert_allclose(tensor_interpolate([a], array), expected, atol=1e-13)


@pytest.mark.parametrize("kinds", ["s", "f", "ss", "ff", "sf", "fs", "fsf", "sfs", "sss", "fff"])
@pytest.mark.parametrize("rest", [(), (3,), (2, 2)], ids=str)
def test_scattered_points_take_one_row_of_each_matrix(kinds, rest, monkeypatch):
    rng = np.random.default_rng(2)
    lengths = (4, 5, 6)[: len(kinds)]
    array = rng.normal(size=lengths + rest)
    matrices = [
        rough(rng, 23, n) if kind == "s" else rng.normal(size=(23, n)) for kind, n in zip(kinds, lengths, strict=True)
    ]
    expected = np.empty((23, *rest))
    for i in range(23):
        value = array
        for matrix in matrices:
            row = matrix.toarray()[i] if isinstance(matrix, csr_array) else matrix[i]
            value = np.tensordot(row, value, (0, 0))
        expected[i] = value
    np.testing.assert_allclose(scattered_interpolate(matrices, array), expected, atol=1e-13)
    monkeypatch.setattr(tensor, "_CHUNK_BYTES", 3000)
    np.testing.assert_allclose(scattered_interpolate(matrices, array), expected, atol=1e-13)


@pytest.mark.parametrize(
    "axes",
    [
        (uniform(0, 1, 200), PeriodicStencilAxis(0, 2, 150)),
        (ChebyshevAxis(0, 1, 24), FourierAxis(0, 2, 24)),
        (uniform(0, 1, 200), FourierAxis(0, 2, 24)),
    ],
    ids=["stencils", "global", "mixed"],
)
def test_a_function_of_two_variables_is_evaluated_anywhere(axes):
    def wave(x, y):
        return np.exp(x) * np.sin(np.pi * y + x)

    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 1, 300), rng.uniform(-2, 4, 300)
    values = wave(axes[0].nodes[:, None], axes[1].nodes)
    matrices = [axes[0].interpolation(x), axes[1].interpolation(y)]
    np.testing.assert_allclose(scattered_interpolate(matrices, values), wave(x, y), atol=1e-9)
    np.testing.assert_allclose(tensor_interpolate(matrices, values), wave(x[:, None], y), atol=1e-9)


def test_many_points_need_little_memory():
    points = np.linspace(0, 1, 60_000)
    sparse = [uniform(0, 1, 30).interpolation(points)] * 3
    full = [np.repeat(np.eye(30)[:1], len(points), axis=0)] * 2
    array = np.ones((30, 30, 30))
    tracemalloc.start()
    try:
        np.testing.assert_allclose(scattered_interpolate(sparse, array), 1.0, atol=1e-12)
        np.testing.assert_array_equal(scattered_interpolate(full, array), np.ones((len(points), 30)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 256e6


def test_complex_values_stay_complex():
    array = np.array([[1.0 + 2.0j, 3.0j]])
    assert scattered_interpolate([np.ones((1, 1)), np.eye(2)[1:]], array).tolist() == [3.0j]
    assert apply(np.ones((1, 1)), array, 0).tolist() == array.tolist()


def test_what_does_not_fit_is_refused_in_words():
    array = np.zeros((3, 4))
    with pytest.raises(ValueError, match=r"\(2, 3\) does not fit axis 1.*\(3, 4\)"):
        apply(np.zeros((2, 3)), array, 1)
    with pytest.raises(ValueError, match=r"\(3, 5\) columns do not fit.*\(3, 4\)"):
        tensor_interpolate([np.zeros((2, 3)), np.zeros((2, 5))], array)
    with pytest.raises(ValueError, match=r"one row per point, got \[2, 5\]"):
        scattered_interpolate([np.zeros((2, 3)), np.zeros((5, 4))], array)
