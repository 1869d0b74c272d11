"""Fine-tuning on the residual of one member."""

import numpy as np
import pytest

from pinnlab import solve
from pinnlab.operators.fine_tuning import FineTuning
from pinnlab.operators.operator_solver import OperatorSolver
from pinnlab.solver import Status
from pinnlab.training.adam_w import AdamW
from pinnlab.training.schedules import Constant


def errors(heated, solution, index, seed):
    """The relative L2 error at the frames."""
    truth = heated.exact(heated.family, index + 1, heated.data.times, seed=seed)[[index]].outputs[0, :, 0]
    times, axis = heated.data.times, heated.data.axes[0]
    points = np.stack(np.meshgrid(times, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.linalg.norm(solution.field(points)[:, 0] - truth.ravel()) / np.linalg.norm(truth)


def test_fine_tuning_lowers_residual_and_error_and_leaves_the_operator_alone(heated):
    member = heated.family.member(2, 9)
    before = {n: v.clone() for n, v in heated.operator.network.state_dict().items()}
    plain = solve(member, heated.operator.solver(), device="cpu")
    tuned = solve(member, OperatorSolver(heated.operator, fine_tuning=FineTuning(steps=120)), device="cpu")
    assert tuned.status is Status.DONE
    residuals = tuned.history["residual"]
    assert len(residuals) == 121
    assert residuals.min() < 0.2 * residuals[0]
    assert errors(heated, tuned, 2, 9) < 0.4 * errors(heated, plain, 2, 9)
    assert all(bool((v == before[n]).all()) for n, v in heated.operator.network.state_dict().items())
    assert f"relative residual {residuals[0]:.2e} to {residuals.min():.2e}" in tuned.note


def test_the_first_answer_is_the_operators_own(heated):
    member = heated.family.member(2, 9)
    plain = solve(member, heated.operator.solver(), device="cpu")
    stopped = solve(member, OperatorSolver(heated.operator, fine_tuning=FineTuning(5)), device="cpu", max_steps=1)
    assert stopped.status is Status.RUNNING
    np.testing.assert_array_equal(stopped.field.values, plain.field.values)


def test_an_answer_with_a_larger_residual_is_not_kept(heated):
    wild = FineTuning(3, AdamW(10.0, 0.0, Constant()))
    member = heated.family.member(2, 9)
    tuned = solve(member, OperatorSolver(heated.operator, fine_tuning=wild), device="cpu")
    plain = solve(member, heated.operator.solver(), device="cpu")
    assert tuned.history["residual"][1:].min() > tuned.history["residual"][0]
    np.testing.assert_array_equal(tuned.field.values, plain.field.values)


def test_an_anchor_keeps_the_answer_near_the_first(heated):
    member = heated.family.member(2, 9)
    plain = solve(member, heated.operator.solver(), device="cpu").field.values
    moved = []
    for anchor in (0.0, 100.0):
        settings = FineTuning(steps=40, anchor=anchor)
        tuned = solve(member, OperatorSolver(heated.operator, fine_tuning=settings), device="cpu").field.values
        moved.append(np.linalg.norm(tuned - plain))
    assert moved[1] < 0.5 * moved[0]


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(heated, tmp_path):
    solver, member = OperatorSolver(heated.operator, fine_tuning=FineTuning(6)), heated.family.member(2, 9)
    whole = solve(member, solver, device="cpu")
    solve(member, solver, device="cpu", max_steps=3, checkpoint=tmp_path / "c")
    resumed = solve(member, solver, device="cpu", checkpoint=tmp_path / "c", resume=True)
    np.testing.assert_array_equal(resumed.field.values, whole.field.values)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="steps = 0; give a positive whole number"):
        FineTuning(0)
    with pytest.raises(ValueError, match="anchor = -1; give a number from 0 on"):
        FineTuning(anchor=-1)
    with pytest.raises(ValueError, match="optimizer must be AdamW"):
        FineTuning(optimizer="adam")
