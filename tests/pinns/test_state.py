"""What training remembers goes into a checkpoint and comes back."""

from __future__ import annotations

import numpy as np
import torch

from pinnlab.files import checkpoint
from pinnlab.pinns.state import PinnState
from pinnlab.training.adam import AdamState


def state(step):
    theta = torch.arange(3.0, dtype=torch.float64) + step
    rng = np.random.default_rng(step)
    points = [np.full((step, 2), 0.5), np.zeros((step, 2))]
    return PinnState(step, 0, step, theta, [AdamState(step, theta, theta**2)], rng, points[0], points, None, step)


def test_a_state_comes_back_from_a_file_as_it_was(tmp_path):
    checkpoint.save(tmp_path / "c", state(4))
    found, _ = checkpoint.load(tmp_path / "c", state(4))
    assert (found.step, found.phase, found.drawn, found.moved, found.balance) == (4, 0, 4, 4, None)
    assert found.theta.tolist() == [4, 5, 6]
    assert found.optimizers[0].mean_square.tolist() == [16, 25, 36]
    assert found.rng.random() == np.random.default_rng(4).random()
    np.testing.assert_array_equal(found.pieces[1], np.zeros((4, 2)))
