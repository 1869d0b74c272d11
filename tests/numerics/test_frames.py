from __future__ import annotations

import numpy as np
import pytest

from pinnlab.numerics.frames import frame_of


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(7,), (3, 4)])
def test_left_and_right_vectors_are_inverse_and_the_right_ones_of_unit_length(size, shape):
    vectors = np.random.default_rng(0).normal(size=(size, size, *shape)) + 2 * np.eye(size).reshape(
        size, size, *[1] * len(shape)
    )
    left, right = frame_of(vectors)
    identity = np.einsum("ij...,jk...->ik...", left, right)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(size)[(...,) + (None,) * len(shape)], identity.shape),
                               atol=1e-10)  # fmt: skip
    np.testing.assert_allclose((right**2).sum(axis=0), 1)
    # Rows of the argument are columns of the result.
    cosine = np.einsum("ij...,ji...->i...", vectors, right) / np.sqrt((vectors**2).sum(axis=1))
    np.testing.assert_allclose(cosine, 1)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_no_basis_gives_the_unit_vectors_there_and_there_alone(size):
    vectors = np.repeat((np.eye(size) + 1)[..., None], 3, axis=2)
    vectors[1, :, 0] = vectors[0, :, 0]
    vectors[0, 0, 2] = np.nan
    with np.errstate(all="ignore"):
        left, right = frame_of(vectors)
    for place in (0, 2):
        np.testing.assert_array_equal(left[..., place], np.eye(size))
        np.testing.assert_array_equal(right[..., place], np.eye(size))
    assert right[0, 1, 1] > 0.1
