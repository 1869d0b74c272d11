"""Samples that stay in their file."""

import h5py
import numpy as np
import pytest

from pinnlab.datasets.samples import Channel, StoredSamples, blocks, require_finite


@pytest.fixture
def stored(tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 3, 8, 5))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = values
        file["b"] = values + 100
        yield values, file


def test_rows_are_read_in_the_order_asked_for(stored):
    values, file = stored
    samples = StoredSamples.of(file["a"])
    np.testing.assert_array_equal(samples[[4, 0, 4]], values[[4, 0, 4]])
    np.testing.assert_array_equal(samples[1:3], values[1:3])
    np.testing.assert_array_equal(np.asarray(samples), values)
    np.testing.assert_array_equal(samples.chosen([5, 2]).chosen([1])[:], values[[2]])
    assert samples[[]].shape == (0, 3, 8, 5)
    assert (samples.shape, samples.ndim, len(samples)) == ((6, 3, 8, 5), 4, 6)
    with pytest.raises(ValueError, match="a slice or a list"):
        samples[2]


def test_channels_of_several_arrays_are_stacked(stored):
    values, file = stored
    samples = StoredSamples.stacked((Channel.of(file[n], 1) for n in "ab"), 1)
    assert samples.shape == (6, 2, 8, 5)
    np.testing.assert_array_equal(samples[2:4], np.stack([values[2:4, 1], values[2:4, 1] + 100], axis=1))


def test_coarser_nodes_are_the_only_ones_read(stored):
    values, file = stored
    samples = StoredSamples.of(file["a"]).coarsened(2, 2).coarsened(2, 1)
    assert samples.shape == (6, 3, 4, 2)
    np.testing.assert_array_equal(samples[:], values[..., ::2, ::4])


def test_what_is_not_finite_is_refused_when_it_is_read(stored):
    _, file = stored
    file["a"][4, 0, 0, 0] = np.inf
    samples = StoredSamples.of(file["a"])
    assert samples[:4].shape[0] == 4
    with pytest.raises(ValueError, match="/a: 1 of 2 samples hold NaN or infinity, number 4"):
        samples[[5, 4]]


def test_many_wrong_samples_are_not_all_named():
    with pytest.raises(ValueError, match=r"12 of 12 .* number 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …"):
        require_finite("a", np.full((12, 2), np.nan))


def test_blocks_cover_all_samples_once(stored):
    values, file = stored
    parts = blocks(StoredSamples.of(file["a"]))
    assert sum(len(values[b]) for b in parts) == 6
