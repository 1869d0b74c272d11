"""Batches of examples from memory and from a file."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

from pinnlab.datasets.data import OperatorData
from pinnlab.operators.examples import Examples, as_tensor, digest
from pinnlab.operators.layout import Layout
from pinnlab.operators.pairs import AllToAll, OneStep, SolutionMap

CPU = torch.device("cpu")
N, FRAMES, GRID = 5, 4, 3


def arrays():
    inputs = np.arange(N, dtype=np.float64)[:, None, None] * np.ones((1, 1, GRID))
    outputs = (10 * np.arange(N)[:, None] + np.arange(FRAMES))[:, :, None, None] * np.ones((1, 1, 1, GRID))
    return inputs, outputs


def data(inputs, outputs):
    return OperatorData(inputs, outputs, (np.arange(3.0),), np.arange(4.0), [np.nan] * N, ["u"], ["u"], ["x"], [True])


def examples(source, pairs):
    return Examples(source, Layout.of(source), pairs, CPU)


def test_examples_are_numbered_sample_by_sample():
    found = examples(data(*arrays()), OneStep())
    assert len(found) == N * 3
    batch = found.batch(torch.tensor([0, 4, 14]))
    assert batch.inputs[:, 0, 0].tolist() == [0, 1, 4]
    assert batch.outputs[:, :, 0, 0].tolist() == [[0, 1], [11, 12], [42, 43]]
    assert batch.times.tolist() == [[0, 1], [1, 2], [2, 3]]


@pytest.mark.parametrize("pairs", [SolutionMap(), OneStep(), AllToAll()])
def test_a_file_gives_the_same_batches_as_memory(tmp_path, pairs):
    inputs, outputs = arrays()
    with h5py.File(tmp_path / "data.hdf", "w") as file:
        stored = data(file.create_dataset("i", data=inputs), file.create_dataset("o", data=outputs))
        numbers = torch.tensor([3, 0, 4, 3])
        one, other = (examples(d, pairs).batch(numbers) for d in (stored, data(inputs, outputs)))
        for name in ("inputs", "outputs", "times"):
            torch.testing.assert_close(getattr(one, name), getattr(other, name))
        assert digest(stored) == digest(data(inputs, outputs))


def test_what_normalisation_looks_at_comes_from_all_samples():
    seen = [batch.outputs[:, 0, 0, 0] for batch in examples(data(*arrays()), OneStep()).looked_at(4)]
    assert sorted(torch.cat(seen).tolist()) == sorted(10.0 * i + j for i in range(N) for j in range(3))


def test_a_digest_sees_every_value_and_name():
    inputs, outputs = arrays()
    one = digest(data(inputs, outputs))
    changed = outputs.copy()
    changed[3, 2, 0, 1] += 1e-12
    assert digest(data(inputs, changed)) != one
    named = OperatorData(inputs, outputs, (np.arange(3.0),), np.arange(4.0), [np.nan] * N, ["v"], ["u"], ["x"], [True])
    assert digest(named) != one


def test_arrays_that_may_not_be_written_to_are_copied():
    values = np.ones(3)
    values.flags.writeable = False
    as_tensor(values)[0] = 5
    assert values[0] == 1
