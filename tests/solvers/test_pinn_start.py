"""A network that begins with the answer of another solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pinnlab import (
    ColumnScaling,
    ExactField,
    Lbfgs,
    LevenbergMarquardt,
    Mlp,
    Pinn,
    Preconditioned,
    RandomFeatures,
    Uniform,
    solve,
)

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


def test_an_optimiser_that_remembers_its_start_goes_on_from_the_imitation(shipped):
    optimizer = Preconditioned(Lbfgs(steps=4, per_step=2), ColumnScaling())
    settings = Pinn(network=Mlp(8, 2), sampler=Uniform(200), optimizer=optimizer, start=SMALL)
    solution = solve(shipped["poisson_1d"], settings, device="cpu", max_steps=2)
    without = solve(shipped["poisson_1d"], replace(settings, start=None), device="cpu", max_steps=2)
    assert solution.history["loss"][-1] < 1e-3 * without.history["loss"][-1]
