"""A network that begins with the answer of another solver."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab import ExactField, LevenbergMarquardt, Mlp, Pinn, RandomFeatures, Uniform, solve

SMALL = RandomFeatures(features=60, patches=1)


def pinn(**settings):
    return Pinn(network=Mlp(8, 2), sampler=Uniform(200), optimizer=LevenbergMarquardt(steps=1), **settings)


def test_the_first_step_imitates_the_other_answer(shipped):
    problem = shipped["poisson_1d"]
    fresh, started = (solve(problem, s, device="cpu", max_steps=1) for s in (pinn(), pinn(start=SMALL)))
    points = np.linspace(0, 1, 50)[:, None]
    truth = ExactField.of(problem)(points)
    errors = [np.linalg.norm(s.field(points) - truth) / np.linalg.norm(truth) for s in (fresh, started)]
    assert errors[1] < 1e-3 * errors[0]
    assert started.history["imitation"][0] < 1e-3


def test_what_is_no_solver_cannot_be_started_from():
    with pytest.raises(ValueError, match="start must be a solver"):
        Pinn(start="random features")
