"""Operators trained without data."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from pinnlab import UnsupportedProblem, solve
from pinnlab.operators.spectral_operator import SpectralOperator, train_without_data
from pinnlab.solver import Status
from pinnlab.solvers import Etdrk4

x, y = sp.symbols("x y", real=True)
SMALL = SpectralOperator(modes=(10, 16), width=12, depth=2, layer_modes=6, corrections=2, steps=40, batch=8, members=32)


def difference(field, other, points):
    return float(np.linalg.norm(field(points) - other(points)) / np.linalg.norm(other(points)))


def test_linear_problems_with_constant_coefficients_need_no_training(spectral):
    family = spectral.poisson()
    operator = train_without_data(family, SpectralOperator(modes=12, members=4), device="cpu")
    assert "nothing was trained" in operator.note
    assert operator.status is Status.DONE
    field = operator(family.problem.with_parameters(f=sp.sin(x) * sp.cos(2 * y)))
    points = np.random.default_rng(0).random((50, 2)) * 2 * np.pi
    exact = np.sin(points[:, 0]) * np.cos(2 * points[:, 1]) / 5
    np.testing.assert_allclose(field(points)[:, 0], exact, atol=1e-12)
    slope = field.derivative((0, 1))(points)[:, 0]
    np.testing.assert_allclose(slope, -2 * np.sin(points[:, 0]) * np.sin(2 * points[:, 1]) / 5, atol=1e-11)


def test_a_nonlinear_evolution_is_learned_and_the_residual_tells_the_error(spectral):
    family = spectral.reaction_diffusion()
    operator = train_without_data(family, SMALL, device="cpu")
    members = family.sample(3, seed=99)
    points = np.random.default_rng(0).random((200, 2)) * [1, 2 * np.pi]
    for member, answer in zip(members, operator.answers(members), strict=True):
        reference = solve(member, Etdrk4(points=32, steps=50, snapshots=10), device="cpu").field
        error = difference(answer.field, reference, points)
        assert error < 1e-2
        assert 0.1 * error - 1e-4 < answer.residual < 10 * error
    fresh = train_without_data(family, SMALL, device="cpu", max_steps=0)
    assert fresh.status is Status.RUNNING
    assert "0 of 40 steps" in fresh.note
    pairs = zip(operator.answers(members), fresh.answers(members), strict=True)
    assert all(a.residual < 0.5 * b.residual for a, b in pairs)


def test_boundary_and_initial_data_hold_in_answers(spectral):
    family = spectral.plate()
    operator = train_without_data(family, replace(SMALL, modes=8, steps=1, members=4), device="cpu")
    # A polynomial of the basis, so that nothing is lost by interpolation.
    field = operator(family.problem.with_parameters(g=2 * x * (1 - x)))
    s = np.linspace(0, 1, 9)
    on = lambda a, b: np.stack(np.broadcast_arrays(a, b), axis=1)  # noqa: E731
    np.testing.assert_allclose(field(on(s, 0.0))[:, 0], 2 * s * (1 - s), atol=1e-10)
    np.testing.assert_allclose(field(on(0.0, s))[:, 0], 0, atol=1e-10)
    np.testing.assert_allclose(field.derivative((0, 1))(on(s, 1.0))[:, 0], 0, atol=1e-9)


def test_an_interrupted_training_goes_on_to_the_same_operator(spectral, tmp_path):
    family, short = spectral.reaction_diffusion(), replace(SMALL, steps=6, members=8)
    straight = train_without_data(family, short, seed=3, device="cpu")
    file = tmp_path / "training.safetensors"
    first = train_without_data(family, short, seed=3, device="cpu", checkpoint=file, max_steps=2)
    assert first.status is Status.RUNNING
    seen = []
    again = train_without_data(
        family, short, seed=3, device="cpu", checkpoint=file, resume=True, monitors=[lambda r: seen.append(r.step)]
    )
    assert seen == [3, 4, 5, 6]
    np.testing.assert_array_equal(again.history["loss"], straight.history["loss"])
    one, other = (o.answers([family.problem])[0].field.values for o in (straight, again))
    np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="another seed"):
        train_without_data(family, short, seed=4, device="cpu", checkpoint=file, resume=True)


def test_a_stranger_and_an_unsolvable_member_are_refused(spectral):
    family = spectral.poisson()
    operator = train_without_data(family, SpectralOperator(modes=8, members=2), device="cpu")
    with pytest.raises(ValueError, match="no member"):
        operator(spectral.plate().problem)
    with pytest.raises(ValueError, match="mean force"):
        operator(family.problem.with_parameters(f=1 + sp.sin(x)))


def test_problems_that_are_not_covered_are_refused(spectral):
    family = spectral.plate()
    with pytest.raises(ValueError, match=r"3 modes \(8, 8, 8\) for the 2 coordinates x, y"):
        train_without_data(family, replace(SMALL, modes=(8, 8, 8), members=2), device="cpu")
    with pytest.raises(UnsupportedProblem, match="fewer modes"):
        train_without_data(family, replace(SMALL, modes=90, members=2), device="cpu")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"modes": 2}, "modes = 2"),
        ({"modes": ()}, "modes"),
        ({"steps": 0}, "steps = 0"),
        ({"padding": 0.5}, "padding = 0.5"),
        ({"optimizer": None}, "AdamW"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        SpectralOperator(**settings)


def test_resuming_needs_a_file(spectral):
    with pytest.raises(ValueError, match="needs checkpoint"):
        train_without_data(spectral.poisson(), SMALL, resume=True)
